import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { ContractFactory, id, JsonRpcProvider } from "ethers";
import { until } from "../helpers/e2e/until.ts";
import { browserProgram, inBrowser } from "./browser.ts";
import { blocksOf, Session } from "./session.ts";
import { compile } from "./solidity.ts";

/** The prompt of the guide has 13 tokens, and is answered with 12. */
const FIRST = 13;
const root = new URL("../..", import.meta.url).pathname;
const guide = blocksOf(readFileSync(join(root, "docs", "dapp.md"), "utf8"));

describe("the package in an empty folder, as docs/dapp.md has it", () => {
  const folder = mkdtempSync(join(tmpdir(), "weft-pack-"));
  const packageFile = (...path: string[]) => join(folder, "node_modules", "weft", ...path);
  let session: Session;
  let packed: string[];
  /** What the guide's commands printed, by the file that they run or their first word. */
  const printed = new Map<string, string>();

  before(() => {
    execFileSync(process.execPath, [join(root, "scripts", "build.ts")], { cwd: root });
    const [{ files }] = JSON.parse(
      execFileSync("npm", ["pack", "--json", "--pack-destination", folder], { cwd: root, encoding: "utf8" }),
    ) as [{ files: { path: string }[] }];
    packed = files.map(({ path }) => path);
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
    session = new Session(folder);
  });
  after(async () => {
    await session.end();
    rmSync(folder, { recursive: true });
  });

  test("it has what it needs and nothing of ours besides", () => {
    const odd = packed.filter(
      (path) => !/^(LICENSE|README\.md|package\.json|contracts\/.*\.sol|deployments\/\d+\.json|dist\/.*)$/.test(path),
    );
    assert.deepEqual(odd, []);
    assert.deepEqual(
      packed.filter((path) => /\.t\.sol$|contracts\/test\/.*\.sol$|[^d]\.ts$/.test(path)),
      [],
    );
    console.log(`packed: ${packed.length} files`);
  });

  test("every command of the guide works, from the installation to a proven answer", async () => {
    for (const block of guide.slice(0, -1)) {
      const out = await session.follow(block);
      if (block.file === undefined) printed.set(block.text.trim().split("\n")[0], out);
    }
    const verdict = [...printed].find(([command]) => command.includes("weft verify"))?.[1] ?? "";
    assert.match(verdict, /proven, and final\nrequest .*\n(.*\n)*tokens {6}12 written, from position 13\n/);
  });

  test("viem and ethers say the same", () => {
    const said = printed.get("node viem.ts");
    assert.match(said ?? "", /^\d+ written 0x[0-9a-f]{40} final\n$/);
    assert.equal(printed.get("node ethers.ts"), said);
  });

  test("the types are those of the code", () => {
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const options = ["--noEmit", "--strict", "--target", "es2023", "--module", "nodenext", "--skipLibCheck"];
    options.push("--types", "node", "--typeRoots", join(root, "node_modules", "@types"));
    const check = (...files: string[]) =>
      spawnSync(process.execPath, [tsc, ...options, ...files], { cwd: folder, encoding: "utf8" });
    const good = check("viem.ts", "ethers.ts");
    assert.equal(good.status, 0, good.stdout);
    const wrong = `import { checkpointLedgerAbi, type Deployment } from "weft/chain";
const name: "commit" = checkpointLedgerAbi[0].type;
export const chain = (at: Deployment): string => at.chainId;\n`;
    writeFileSync(join(folder, "wrong.ts"), wrong);
    const bad = check("wrong.ts").stdout;
    assert.match(bad, /wrong\.ts\(2,/);
    assert.match(bad, /wrong\.ts\(3,.*'number' is not assignable to type 'string'/);
  });

  test("a contract that imports the package's sources takes the proof, and no prompt for an answer", async () => {
    const { abi, bytecode } = compile(folder, "Verse.sol", "Verse");
    const [rpc, worker] = [await session.read("RPC"), await session.read("WORKER")];
    const [requestId, deploymentFile] = [await session.read("REQUEST"), await session.read("DEPLOYMENT")];
    const load = (file: string) => import(pathToFileURL(packageFile("dist", "offchain", "sdk", file)).href);
    const { parseDeployment } = await load("index.js");
    const { weft } = await load("ethers.js");
    const deployment = parseDeployment(JSON.parse(readFileSync(deploymentFile, "utf8")));
    const provider = new JsonRpcProvider(rpc);
    const actions = weft(provider, deployment);
    const proven = await actions.proveToken({ urls: worker, requestId, position: FIRST + 3 });
    const factory = new ContractFactory(abi, bytecode, await provider.getSigner());
    const verse = await factory.deploy(deployment.contracts.weftReader, proven.operator, proven.turn);
    await verse.waitForDeployment();
    await (await verse.getFunction("prove").send(proven.proof, proven.position)).wait();
    assert.equal(await verse.getFunction("tokenAt")(proven.position), BigInt(proven.token));
    const given = await actions.proveToken({ urls: worker, requestId, position: 0 });
    assert.equal(given.kind, "given");
    await assert.rejects(verse.getFunction("prove").staticCall(given.proof, 0), /not an answer of ours/);
    const moved = { ...proven.proof, segmentIndex: proven.proof.segmentIndex + 1 };
    const notIncluded = id("WeftReaderNotIncluded(uint64,uint32,uint32)").slice(0, 10);
    await assert.rejects(verse.getFunction("prove").staticCall(moved, proven.position), ({ data }: { data: string }) =>
      data.startsWith(notIncluded),
    );
    provider.destroy();
  });

  const program = browserProgram();
  const skip = program === undefined && "Chromium is not installed";
  test("the same in a real browser, bundled by Vite", { skip }, async () => {
    const [rpc, worker] = [await session.read("RPC"), await session.read("WORKER")];
    const [requestId, deploymentFile] = [await session.read("REQUEST"), await session.read("DEPLOYMENT")];
    const deployment = JSON.parse(readFileSync(deploymentFile, "utf8"));
    const receipt = JSON.parse(readFileSync(join(folder, "receipt.json"), "utf8"));
    const lie = { ...receipt, tokens: receipt.tokens.with(0, receipt.tokens[0] + 1) };
    const asked = { rpc, worker, requestId, position: FIRST, deployment, receipt };
    const { bundle, errors, result } = await inBrowser(program as string, folder, asked);
    assert.deepEqual(errors, []);
    const one = [receipt.tokens[0], "written", "final"];
    assert.deepEqual(result, { said: [one, one], alone: true });
    const refused = await inBrowser(program as string, folder, { ...asked, receipt: lie });
    assert.deepEqual(refused.result, {
      said: [one, one].map(([token, kind]) => [token, kind, "refused"]),
      alone: false,
    });
    assert.doesNotMatch(bundle, /better-sqlite3|grpc|onnxruntime|merkletreejs|node:fs/);
    console.log(`bundle of the page, with viem and ethers: ${Math.round(bundle.length / 1024)} KiB`);
  });

  test("on an older Node the command says what it needs", () => {
    const old = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"20.1.0"})';
    const args = ["--import", old, packageFile("dist", "offchain", "cli", "weft.mjs"), "--version"];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    assert.equal(status, 1);
    assert.match(stderr, /^weft: this is Node 20\.1\.0, and weft needs 22\.18 or newer/);
  });

  test("the devnet ends when it is told to", async () => {
    const rpc = await session.read("RPC");
    await session.follow(guide.at(-1)!);
    await until(
      "nobody answers any more",
      () =>
        fetch(rpc).then(
          () => false,
          () => true,
        ),
      20_000,
    );
  });
});

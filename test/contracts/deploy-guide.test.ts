import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { parseEther, Wallet } from "ethers";
import { keccak256, toHex } from "viem";
import { loadDeployment } from "../../offchain/chain/deployment-file.ts";
import { startEvmNode } from "../../scripts/lib/evm-node.ts";
import { type Connection, connect } from "../../scripts/lib/network.ts";
import { activateEpoch, registerOperator } from "../../scripts/register-operator.ts";
import { type Block, blocksOf, Session } from "../pack/session.ts";

const root = new URL("../..", import.meta.url).pathname;
const guide = blocksOf(readFileSync(join(root, "docs", "deploy.md"), "utf8"));
const DAY = 86_400;

/** What one of the guide's blocks is about, by words that only it has. */
const has = (block: Block, ...words: string[]) => words.every((word) => block.text.includes(word));

let folder: string;
let node: { url: string; close(): Promise<void> };
let connection: Connection;
let session: Session;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "weft-guide-"));
  node = await startEvmNode({ port: 0 });
  connection = await connect(node.url);
  session = new Session(folder);
});
after(async () => {
  await session.end();
  await connection.close();
  await node.close();
  rmSync(folder, { recursive: true });
});

async function fund(address: string): Promise<void> {
  const bank = await connection.account();
  await (await bank.sendTransaction({ to: address, value: parseEther("1") })).wait();
}

const pass = (seconds: number) => connection.request("evm_increaseTime", [seconds]);
const deployment = () => loadDeployment(join(folder, "deployments", "31337.json"));

/** Runs a block until it has sent `count` transactions, and kills it with all that it started. */
async function killed(block: Block, environment: Record<string, string>, count: number): Promise<void> {
  const PATH = `${dirname(process.execPath)}:${process.env["PATH"]}`;
  const shell = spawn("bash", ["-c", block.text], {
    cwd: root,
    env: { ...process.env, ...environment, PATH },
    detached: true,
  });
  let out = "";
  const end = once(shell, "exit");
  for await (const text of shell.stdout.setEncoding("utf8")) {
    out += text;
    if (out.split("sent 0x").length > count) break;
  }
  process.kill(-(shell.pid as number), "SIGKILL");
  const [, signal] = await end;
  assert.equal(signal, "SIGKILL", out);
}

/** Three more operators, so that the guide's one is in a set. */
async function joinedByOthers(): Promise<void> {
  const minter = await connection.account(Wallet.fromEncryptedJsonSync(minterFile(), "guide").privateKey);
  for (let i = 0; i < 3; i++) {
    const owner = await connection.account(keccak256(toHex(`guide owner ${i}`)));
    await fund(await owner.getAddress());
    const signer = { privateKey: keccak256(toHex(`guide hot ${i}`)) };
    await registerOperator({ deployment: deployment(), owner, signer, endpoint: `h:${i + 1}`, minter });
  }
  await activateEpoch({ deployment: deployment(), sender: await connection.account() });
}

const minterFile = () => readFileSync(join(folder, "minter.json"), "utf8");

test("docs/deploy.md, command for command, with a kill -9 in the middle of the deployment", async () => {
  const [own, ...blocks] = guide;
  const environment: Record<string, string> = {
    RPC: node.url,
    OUT: join(folder, "deployments"),
    DEPLOYMENT: join(folder, "deployments", "31337.json"),
    KEYS: folder,
    ADMIN: new Wallet(keccak256(toHex("a multisig"))).address,
    WEFT_KEYSTORE_PASSWORD: "guide",
  };
  const named = [...own.text.matchAll(/^export (\w+)=/gm)].map(([, name]) => name);
  assert.deepEqual(named, Object.keys(environment), "the reader's values are these");
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${value}\n`);
  await session.follow({ language: "sh", text: `cd ${root}\n${exports.join("")}` });

  const said: [Block, string][] = [];
  let deployments = 0;
  for (const block of blocks) {
    const deploys = has(block, "npm run deploy") && !has(block, "--dry-run");
    if (deploys && deployments++ === 0) {
      const minter = await session.read("MINTER");
      await killed(block, { ...environment, MINTER: minter }, 4);
      await killed(block, { ...environment, MINTER: minter }, 9);
      assert.ok(!existsSync(environment["DEPLOYMENT"]), "it is not done");
    }
    const out = await session.follow(block);
    said.push([block, out]);
    if (has(block, "key new")) for (const [address] of out.matchAll(/^0x\w{40}$/gm)) await fund(address);
    if (has(block, "register-operator")) await joinedByOthers();
    if (has(block, "operator.ts exit")) {
      await pass(DAY);
      await activateEpoch({ deployment: deployment(), sender: await connection.account() });
      await pass(22 * DAY);
    }
  }

  const told = (...words: string[]) => said.filter(([block]) => has(block, ...words)).map(([, out]) => out);
  const [dry] = told("--dry-run");
  assert.match(dry, /ether; 0x\w+ has 1\.0\ndry run: nothing was sent\n$/);
  for (const address of Object.values(deployment().contracts)) assert.ok(dry.includes(address), address);
  const [done, again] = told("npm run deploy").slice(1);
  assert.ok((done.match(/, done before\n/g) ?? []).length >= 8, done);
  assert.match(again, /nothing to do: all 37 steps were done before\n/);
  const deployer = `0x${JSON.parse(readFileSync(join(folder, "deployer.json"), "utf8")).address}`;
  assert.equal(await connection.provider.getTransactionCount(deployer), 37, "each step once");
  assert.match(told("register-operator")[0], /^registered \{[\s\S]*not activated: .*TooFewOperators\(1, 4\)/);
  assert.match(told("status.ts")[0], /active +1000\.0 +25\.0 % {2}worker\.example:7400\n/);
  assert.match(told("operator.ts endpoint")[0], /^moved: peers dial worker\.example:7500\n$/);
  assert.match(told("rotate")[0], /\nrotated: 0x\w{40} signs, /);
  assert.match(told("operator.ts exit")[0], /^leaving: 2 changes wait /);
  assert.equal(told("operator.ts withdraw")[0], "withdrawn: 1000.0 tokens\n");
});

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { getCreateAddress, parseEther, Wallet } from "ethers";
import { keccak256, toHex } from "viem";
import { loadDeploymentOf } from "../../offchain/chain/deployment-file.ts";
import { startEvmNode } from "../../scripts/lib/evm-node.ts";
import { type Connection, connect } from "../../scripts/lib/network.ts";
import { loadParameters, profiles } from "../../scripts/lib/profiles.ts";

const CHAIN = 31_337;
/** Sixteen contracts, the court that is named, six doors, thirteen grants, and the deployer leaves. */
const STEPS = 37;
const admin = new Wallet(keccak256(toHex("administrator"))).address;

/** Where a process is when it dies: it has signed and not sent, or sent and not heard so. */
type Death = { at: number; sent: boolean };

/** A node's door that kills who knocks, the moment the `at`th transaction of that process is on its way. */
class Reaper {
  readonly #node: string;
  readonly #server = createServer();
  #death: Death | undefined;
  #victim: ChildProcess | undefined;
  #seen = 0;

  constructor(node: string) {
    this.#node = node;
    this.#server.on("request", async (request, response) => {
      let body = "";
      for await (const chunk of request.setEncoding("utf8")) body += chunk;
      const deadly = /eth_send(Raw)?Transaction/.test(body) && this.#seen++ === this.#death?.at;
      if (deadly && !this.#death?.sent) return this.#kill();
      const answer = await fetch(this.#node, { method: "POST", headers: { "content-type": "application/json" }, body });
      const text = await answer.text();
      if (deadly) return this.#kill();
      response.end(text);
    });
  }

  async open(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  await(victim: ChildProcess, death: Death | undefined): void {
    [this.#victim, this.#death, this.#seen] = [victim, death, 0];
  }

  #kill(): void {
    this.#victim?.kill("SIGKILL");
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

describe("a deployment that is stopped goes on where it was", () => {
  let folder: string;
  let node: { url: string; close(): Promise<void> };
  let connection: Connection;
  let reaper: Reaper;
  let url: string;

  before(async () => {
    node = await startEvmNode({ port: 0 });
    connection = await connect(node.url);
    reaper = new Reaper(node.url);
    url = await reaper.open();
  });
  after(async () => {
    reaper.close();
    await connection.close();
    await node.close();
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "weft-deploy-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  async function run(args: string[], { env = {}, death }: { env?: Record<string, string>; death?: Death } = {}) {
    const command = ["scripts/deploy.ts", "--network", url, "--out", folder, "--admin", admin, ...args];
    const child = spawn(process.execPath, command, { env: { ...process.env, ...env } });
    reaper.await(child, death);
    let out = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => {
        out += text;
      });
    const [code, signal] = await once(child, "close");
    return { code, signal, out };
  }

  async function rich(name: string): Promise<{ address: string; env: Record<string, string> }> {
    const wallet = new Wallet(keccak256(toHex(name)));
    const bank = await connection.account();
    await (await bank.sendTransaction({ to: wallet.address, value: parseEther("1") })).wait();
    return { address: wallet.address, env: { WEFT_DEPLOYER_KEY: wallet.privateKey } };
  }

  const sentBy = (address: string) => connection.provider.getTransactionCount(address);

  async function isWhole(deployer: string, since: number): Promise<void> {
    assert.equal(await sentBy(deployer), since + STEPS, "as many transactions as there are steps");
    const { contracts } = loadDeploymentOf(CHAIN, folder);
    const [manager] = Object.values(contracts);
    assert.equal(manager, getCreateAddress({ from: deployer, nonce: since }));
    for (const address of Object.values(contracts)) assert.notEqual(await connection.provider.getCode(address), "0x");
  }

  const deaths: Death[] = [
    { at: 0, sent: false },
    { at: 2, sent: true },
    { at: 8, sent: false },
    { at: 4, sent: true },
  ];

  test("killed again and again between a signature and its receipt, with a key", async () => {
    const { address, env } = await rich("killed deployer");
    for (const death of deaths) {
      const { signal, out } = await run([], { env, death });
      assert.equal(signal, "SIGKILL", out);
    }
    const { code, out } = await run([], { env });
    assert.equal(code, 0, out);
    await isWhole(address, 0);
    const kept = readFileSync(join(folder, `${CHAIN}.json`), "utf8");

    const again = await run([], { env });
    assert.equal(again.code, 0, again.out);
    assert.match(again.out, /nothing to do: all 37 steps were done before\n/);
    assert.equal(readFileSync(join(folder, `${CHAIN}.json`), "utf8"), kept);
    await isWhole(address, 0);
  });

  test("killed likewise, with an account that the node holds", async () => {
    const deployer = await (await connection.account()).getAddress();
    const since = await sentBy(deployer);
    for (const death of deaths.slice(1, 3)) assert.equal((await run([], { death })).signal, "SIGKILL");
    const { code, out } = await run([]);
    assert.equal(code, 0, out);
    await isWhole(deployer, since);
  });

  test("half a line at the end of the journal is not believed", async () => {
    const { address, env } = await rich("torn deployer");
    assert.equal((await run([], { env, death: { at: 5, sent: true } })).signal, "SIGKILL");
    appendFileSync(join(folder, String(CHAIN), "journal.jsonl"), '\n{"futureId":"Weft#Guard');
    const { code, out } = await run([], { env });
    assert.equal(code, 0, out);
    await isWhole(address, 0);
  });

  test("it goes on with what it was begun with, or not at all", async () => {
    const { address, env } = await rich("fickle deployer");
    await run([], { env, death: { at: 4, sent: true } });
    const sent = await sentBy(address);
    const other = join(folder, "other.json");
    writeFileSync(other, JSON.stringify({ ...profiles.devnet, minOperators: 5 }));
    const { code, out } = await run(["--parameters", other], { env });
    assert.equal(code, 1);
    assert.match(out, /^error DEPLOYMENT_CHANGED: .*--out\n$/);
    assert.equal(await sentBy(address), sent, "nothing was sent");
  });

  test("what was deployed to a development chain that is gone is forgotten", async () => {
    assert.equal((await run([])).code, 0);
    const next = await startEvmNode({ port: 0 });
    try {
      const dry = await run(["--network", next.url, "--dry-run"]);
      assert.equal(dry.out.match(/ \d+ gas/g)?.length, STEPS, dry.out);
      const { code, out } = await run(["--network", next.url]);
      assert.equal(code, 0, out);
      assert.doesNotMatch(out, /done before/);
      for (const address of Object.values(loadDeploymentOf(CHAIN, folder).contracts))
        assert.ok(dry.out.includes(address), address);
    } finally {
      await next.close();
    }
  });

  test("a dry run says what it will cost and where, and sends nothing", async () => {
    const { address, env } = await rich("careful deployer");
    const dry = await run(["--dry-run"], { env });
    assert.equal(dry.code, 0, dry.out);
    assert.equal(await sentBy(address), 0);
    assert.match(dry.out, /\n\d+ gas at [\d.]+ gwei: 0\.\d+ ether; 0x\w+ has 1\.0\ndry run: nothing was sent\n$/);
    const told = /^(\w+) +(\d+) gas(?: {2}(0x\w{40}))?$/;
    const lines = (out: string) => out.split("\n").flatMap((line) => told.exec(line)?.slice(1, 3).join(" ") ?? []);
    const foretold = new Map(
      dry.out.split("\n").flatMap((line) => {
        const [, name, , where] = told.exec(line) ?? [];
        return where === undefined ? [] : [[name, where] as const];
      }),
    );
    const wet = await run([], { env });
    const { contracts } = loadDeploymentOf(CHAIN, folder);
    assert.equal(lines(dry.out).length, STEPS);
    assert.deepEqual(lines(wet.out), lines(dry.out), "to the last gas");
    assert.equal(foretold.get("CheckpointLedger"), contracts.checkpointLedger);
    // Whom only the court asks is not handed out.
    for (const name of ["AccusedExaminer", "ElementExaminer", "SampleExaminer"]) assert.ok(foretold.delete(name), name);
    assert.deepEqual(new Set(foretold.values()), new Set(Object.values(contracts)));
    assert.match((await run(["--dry-run"], { env })).out, /^0 gas at /m);
  });

  test("a dry run in the middle knows what is done", async () => {
    const { env } = await rich("wavering deployer");
    await run([], { env, death: { at: 6, sent: true } });
    const dry = (await run(["--dry-run"], { env })).out;
    assert.equal(dry.match(/ done {2}0x/g)?.length, 7);
    await run([], { env });
    for (const address of Object.values(loadDeploymentOf(CHAIN, folder).contracts)) assert.ok(dry.includes(address));
  });

  test("an encrypted key opens with its password alone", async () => {
    const { env } = await rich("deployer with a keystore");
    const file = join(folder, "deployer.json");
    const wallet = new Wallet(env["WEFT_DEPLOYER_KEY"]);
    writeFileSync(file, wallet.encryptSync("correct"));
    const wrong = await run(["--keystore", file], { env: { WEFT_KEYSTORE_PASSWORD: "false" } });
    assert.match(wrong.out, /^error BAD_KEY: .* does not open with this password\n$/);
    const nobody = await run(["--keystore", file]);
    assert.match(nobody.out, /^error BAD_KEY: .*set WEFT_KEYSTORE_PASSWORD\n$/);
    const right = await run(["--keystore", file], { env: { WEFT_KEYSTORE_PASSWORD: "correct" } });
    assert.equal(right.code, 0, right.out);
    await isWhole(wallet.address, 0);
  });

  test("parameters that the contracts would refuse are refused by name, before anything is sent", () => {
    const file = join(folder, "parameters.json");
    const refused = (field: string, change: object) => {
      writeFileSync(file, JSON.stringify({ ...profiles.testnet, ...change }));
      assert.throws(() => loadParameters(file), { code: "BAD_PARAMETERS", field }, field);
    };
    refused("unbondingSeconds", { unbondingSeconds: 3600 + 600 + (5 + 7 + 3 + 1) * 86_400 });
    refused("referenceSpan", { referenceSpan: 65 });
    refused("retentionSeconds", { retentionSeconds: 600 + 5 * 86_400 - 1 });
    refused("answerWindowSeconds", { answerWindowSeconds: 3 * 86_400 + 1 });
    refused("disputeWindowsSeconds", { proofWindowSeconds: 5 * 86_400 - 43_200 + 1 });
    refused("challengeBond", { challengeBond: "0" });
    refused("accusationBond", { accusationBond: "0" });
    refused("accusationWindowSeconds", { accusationWindowSeconds: 3 * 86_400 + 1 });
    refused("moveWindowSeconds", { moveWindowSeconds: 3 * 86_400 + 1 });
    refused("disputeWindowsSeconds", { moveWindowSeconds: (4 * 86_400) / 5 + 1 });
    refused("bounty", { bounty: parseEther("101").toString() });
    refused("minStake", { minStake: "0", bounty: "0" });
    refused("maxOperators", { maxOperators: 3 });
    refused("maxOperators", { maxOperators: 129 });
    refused("epochDurationSeconds", { epochDurationSeconds: 0 });
    refused("checkpointIntervalShortestMs", { checkpointIntervalShortestMs: 300_001 });
    for (const [name, parameters] of Object.entries(profiles)) {
      writeFileSync(file, JSON.stringify(parameters));
      assert.deepEqual(loadParameters(file), parameters, name);
    }
    writeFileSync(file, "{");
    assert.throws(() => loadParameters(file), { code: "BAD_PARAMETERS" });
  });
});

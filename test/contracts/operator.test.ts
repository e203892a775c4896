import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Contract, Wallet } from "ethers";
import { keccak256, toHex } from "viem";
import { ROLE } from "../../scripts/deploy/authority.ts";
import { deployContract } from "../../scripts/deploy.ts";
import { contractOf } from "../../scripts/lib/contracts.ts";
import { type Connection, connect } from "../../scripts/lib/network.ts";
import { signConsent } from "../../scripts/lib/operators.ts";
import { overviewOf } from "../../scripts/lib/overview.ts";
import { OwnerDesk } from "../../scripts/operator.ts";
import { activateEpoch } from "../../scripts/register-operator.ts";
import { render } from "../../scripts/status.ts";
import { type Onchain, openOnchain } from "../sdk/onchain.ts";

const STAKE = 1000n * 10n ** 18n;
const ownerKey = (i: number) => keccak256(toHex(`sdk owner ${i}`));
const fresh = (name: string) => new Wallet(keccak256(toHex(name)));
const run = (args: string[], env: Record<string, string> = {}) =>
  new Promise<{ code: number; out: string }>((resolve) => {
    execFile(process.execPath, args, { env: { ...process.env, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, out: stdout + stderr }),
    );
  });

describe("an operator's life, and how a deployment stands", () => {
  const folder = mkdtempSync(join(tmpdir(), "weft-operator-"));
  let chain: Onchain;
  let connection: Connection;

  before(async () => {
    chain = await openOnchain(folder);
    connection = await connect(chain.url);
  });
  after(async () => {
    await connection.close();
    await chain.close();
    rmSync(folder, { recursive: true });
  });

  const addressOf = (i: number) => new Wallet(ownerKey(i)).address;
  const deskOf = async (i: number) => new OwnerDesk(chain.deployment, await connection.account(ownerKey(i)));
  const view = () => overviewOf(connection, chain.deployment);
  const viewOf = async (i: number) => (await view()).operators.find(({ operator }) => operator === addressOf(i));
  const pass = async (seconds: number) => {
    await chain.rpc("evm_increaseTime", [seconds]);
    await chain.rpc("evm_mine");
  };
  const nextEpoch = async () => {
    await pass(2);
    return activateEpoch({ deployment: chain.deployment, sender: await connection.account() });
  };

  /** It is refused with a code, and the owner has sent nothing. */
  async function refused(i: number, act: (desk: OwnerDesk) => Promise<unknown>, code: string, message: RegExp) {
    const sent = () => connection.provider.getTransactionCount(addressOf(i));
    const earlier = await sent();
    await assert.rejects(act(await deskOf(i)), { code, message });
    assert.equal(await sent(), earlier, "it cost nothing");
  }

  test("disputes, falls and a successor are told", async () => {
    const earlier = await chain.rpc("evm_snapshot");
    const story = await chain.write();
    await chain.commit(story, 3);
    const admin = await connection.account();
    const ledger = contractOf("CheckpointLedger", chain.deployment, admin);
    const manager = contractOf("AccessManager", chain.deployment, admin);
    const guardian = contractOf("Guardian", chain.deployment, admin);
    const send = async (contract: Contract, method: string, ...args: unknown[]) =>
      (await contract.getFunction(method).send(...args)).wait();
    const [, , second, third] = story.made.map(({ hash }) => toHex(hash));
    const standing = async () => {
      const { openDisputes, final, attested, fallen } = await view();
      return { openDisputes, final: final.number, attested: attested.number, fallen };
    };

    await send(manager, "grantRole", ROLE.court, await admin.getAddress(), 0);
    await send(ledger, "openDispute", 2, second);
    await send(ledger, "openDispute", 3, third);
    await chain.pass();
    assert.deepEqual(await standing(), { openDisputes: 2, final: 1, attested: 3, fallen: 0 });
    await send(ledger, "closeDispute", 3, third);
    assert.deepEqual(await standing(), { openDisputes: 1, final: 1, attested: 3, fallen: 0 });
    await send(guardian, "invalidate", ledger.target, 2, second);
    assert.deepEqual(await standing(), { openDisputes: 0, final: 1, attested: 1, fallen: 2 });

    assert.equal((await view()).successor, undefined);
    const next = await deployContract(admin, "CheckpointLedger", [chain.deployment.contracts.operatorRegistry]);
    const notBefore = (await view()).time + chain.deployment.parameters.unbondingSeconds + 60;
    await send(ledger, "announceSuccessor", next.contract.target, notBefore);
    assert.deepEqual((await view()).successor, { ledger: next.contract.target, notBefore });
    const text = render(await view());
    assert.match(text, /^disputes {4}0 open; 2 checkpoints fell$/m);
    assert.match(text, new RegExp(`^successor {3}${next.contract.target} from 20\\S+Z on$`, "m"));
    await chain.rpc("evm_revert", [earlier]);
  });

  test("operators, checkpoints and what they cost", async () => {
    const first = await view();
    assert.equal(first.operators.length, 4);
    for (const { status, stake, shareMillionths } of first.operators)
      assert.deepEqual([status, stake, shareMillionths], ["active", STAKE, 250_000]);
    assert.deepEqual([first.attested.number, first.final.number, first.epoch], [0, 0, 1]);
    assert.deepEqual([first.cost.commits, first.cost.weiPerDay], [0, 0n]);

    await chain.commit(await chain.write(), 3);
    const { attested, final, cost, time } = await view();
    assert.deepEqual([attested.number, final.number], [3, 0]);
    assert.equal(attested.ageSeconds, time - attested.committedAt);
    assert.equal(cost.commits, 3);
    assert.ok(cost.gasPerCommit > 100_000n && cost.gasPerCommit < 300_000n, String(cost.gasPerCommit));
    assert.equal(cost.gasPerDay, (cost.gasPerCommit * 3n * 86_400n) / BigInt(cost.overSeconds));
    assert.equal(cost.weiPerDay, cost.gasPerDay * cost.gasPrice);
    await chain.pass();
    assert.equal((await view()).final.number, 3);
    await pass(2 * 86_400);
    const later = (await view()).cost;
    assert.deepEqual([later.commits, later.overSeconds], [0, 86_400], "commits of the last day only");
  });

  test("an endpoint is changed, and one that nobody could dial is not", async () => {
    for (const endpoint of ["", "worker.example", "worker.example:0", "worker.example:70000", `${"a".repeat(255)}:1`])
      await refused(0, (desk) => desk.endpoint(endpoint), "BAD_ARGUMENT", /host:port/);
    await (await deskOf(0)).endpoint("worker.example:7400");
    assert.equal((await viewOf(0))?.endpoint, "worker.example:7400");
  });

  test("a key is rotated once per epoch, with its consent, and never twice to one key", async () => {
    const [next, third] = [fresh("second key"), fresh("third key")];
    const { privateKey } = next;
    const foreign = { address: next.address, consent: await signConsent(chain.deployment, addressOf(2), next) };
    await refused(1, (desk) => desk.rotate(foreign), "BAD_ARGUMENT", /not the consent of/);
    await refused(1, (desk) => desk.rotate({ ...foreign, consent: "0x12" }), "BAD_ARGUMENT", /not the consent of/);
    const taken = { privateKey: keccak256(toHex("hot key 0")) };
    await refused(1, (desk) => desk.rotate(taken), "BAD_ARGUMENT", /belongs to 0x\w+ for ever/);

    assert.equal(await (await deskOf(1)).rotate({ privateKey }), next.address);
    assert.equal((await viewOf(1))?.signer, next.address);
    await refused(1, (desk) => desk.rotate({ privateKey: third.privateKey }), "NOT_YET", /one rotation waits/);
    assert.equal((await view()).pendingChanges, 1);
    await nextEpoch();
    const elsewhere = { address: third.address, consent: await signConsent(chain.deployment, addressOf(1), third) };
    assert.equal(await (await deskOf(1)).rotate(elsewhere), third.address);
    await nextEpoch();
  });

  test("an operator leaves, and has its stake back when it has unbonded", async () => {
    await refused(2, (desk) => desk.withdraw(), "WRONG_STATUS", /is in the set: ask for its exit first/);
    assert.equal((await (await deskOf(2)).exit()).pendingChanges, 1n);
    await refused(2, (desk) => desk.exit(), "WRONG_STATUS", /asked to leave/);
    await refused(2, (desk) => desk.withdraw(), "WRONG_STATUS", /at the next epoch/);
    await refused(2, (desk) => desk.rotate({ privateKey: fresh("late").privateKey }), "WRONG_STATUS", /asked to leave/);
    await nextEpoch();
    const left = await viewOf(2);
    assert.deepEqual([left?.status, left?.shareMillionths], ["left", 0]);
    assert.equal((await viewOf(3))?.shareMillionths, 333_333);
    await refused(2, (desk) => desk.withdraw(), "NOT_YET", /unbonds until 20/);
    await pass((left?.withdrawableAt ?? 0) - (await view()).time + 1);
    assert.equal(await (await deskOf(2)).withdraw(), STAKE);
    const token = contractOf("StakeToken", chain.deployment, connection.provider);
    assert.equal(await token.getFunction("balanceOf")(addressOf(2)), STAKE);
    await refused(2, (desk) => desk.withdraw(), "WRONG_STATUS", /has its stake back/);
    await refused(2, (desk) => desk.endpoint("h:1"), "WRONG_STATUS", /has its stake back/);
  });

  test("a pause is told, and so is whoever never joined", async () => {
    const stranger = new OwnerDesk(chain.deployment, await connection.account(fresh("stranger").privateKey));
    await assert.rejects(stranger.exit(), { code: "WRONG_STATUS", message: /never joined/ });
    const guardian = contractOf("Guardian", chain.deployment, await connection.account());
    await (await guardian.getFunction("pause")(10)).wait();
    const { pausedUntil, time } = await view();
    assert.ok(pausedUntil > time);
    await refused(1, (desk) => desk.rotate({ privateKey: fresh("x").privateKey }), "NOT_YET", /paused until 20/);
    await pass(11);
    assert.equal((await view()).pausedUntil, 0);
  });

  test("the commands do the same", async () => {
    const at = ["--network", chain.url, "--deployment", chain.deploymentFile];
    const owner = join(folder, "owner.json");
    const hot = join(folder, "hot.json");
    writeFileSync(owner, new Wallet(ownerKey(3)).encryptSync("cold"));
    writeFileSync(hot, fresh("fresh from a file").encryptSync("warm"));
    const env = { WEFT_KEYSTORE_PASSWORD: "cold", WEFT_PASSWORD: "warm" };
    const operator = (...args: string[]) => run(["scripts/operator.ts", ...args, ...at], env);
    assert.match((await operator("exit")).out, /^error BAD_ARGUMENT: Whose operator\? /);
    assert.match((await operator("withdraw", "--keystore", owner)).out, /^error WRONG_STATUS: .*\n$/);
    const moved = await operator("endpoint", "worker.example:7403", "--keystore", owner);
    assert.equal(moved.out, "moved: peers dial worker.example:7403\n");
    const rotated = await operator("rotate", "--keystore", owner, "--signer-keystore", hot);
    assert.match(rotated.out, /^rotated: 0x\w{40} signs, /);
    assert.match((await operator("exit", "--keystore", owner)).out, /^leaving: 2 changes wait for an epoch, .*Z on\n$/);

    const table = await run(["scripts/status.ts", ...at]);
    assert.equal(table.code, 0, table.out);
    assert.match(table.out, /^attested {4}3, committed \d+ d .* ago, 0x/m);
    assert.match(table.out, new RegExp(`^${addressOf(3)} +exiting +1000\\.0 +33\\.3 % {2}worker\\.example:7403$`, "m"));
    const json = JSON.parse((await run(["scripts/status.ts", ...at, "--json"])).out);
    assert.equal(json.operators.length, 4);
    assert.equal(json.operators[0].stake, STAKE.toString());
    assert.match(render(await view()), /^cost a day {2}0 gas, 0\.0 ether at [\d.]+ gwei$/m);
  });
});

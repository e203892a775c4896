import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { encodeFunctionData } from "viem";
import { checkpointLedgerAbi } from "../../../offchain/chain/abi.ts";
import { commitArgs } from "../../../offchain/chain/convert.ts";
import type { Accusation } from "../../../offchain/chain/courts.ts";
import { concat, fromHex, toHex } from "../../../offchain/core/bytes.ts";
import type { Checkpoint } from "../../../offchain/core/checkpoint.ts";
import { traceEntry } from "../../../offchain/core/fold-proof.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf } from "../../helpers/core.ts";
import { until } from "../../helpers/e2e/until.ts";
import { PATIENT } from "./patient.ts";
import { type Member, type View, World } from "./world.ts";

/** Passes on, to the contract that the first word names, what comes after it. */
const FORWARDER = "0x6019_80_600b_6000_39_6000_f3_6020_36_03_80_6020_6000_37_6000_6000_82_6000_6000_6000_35_5a_f1_00";

describe("a false checkpoint in court, on a real node with the real contracts", () => {
  let world: World;
  let members: Member[];
  let a: View;
  let b: View;
  let snapshot: string;

  before(async () => {
    world = await World.open(5, PATIENT);
    members = world.members;
    await world.found();
  });
  beforeEach(async () => {
    await world.leave();
    if (snapshot) await world.rpc.request("evm_revert", [snapshot]);
    snapshot = await world.rpc.request<string>("evm_snapshot");
    a = world.view(members[4].key);
    b = world.view(members[3].key);
    await Promise.all([a, b].map(({ chain }) => chain.start()));
    await until("they have read everything", () => [a, b].every(({ chain }) => chain.set.length === 5));
  });
  after(() => world?.close());

  /** Nothing was said since the parent, and yet the memories are others. */
  const lieAfter = (view: View, label = "a lie") => world.next(view, { memoryRoot: hashOf(label) });
  const accusing = (checkpoint: Checkpoint, parent: Checkpoint): Accusation => ({
    number: checkpoint.number,
    hash: world.hashOf(checkpoint),
    court: "fold",
    lie: { type: "end", checkpoint, parent, last: traceEntry(crypto, [], -1) },
  });
  const commit = (checkpoint: Checkpoint, liars: readonly Member[]) =>
    a.chain.commit(checkpoint, a.chain.set, world.attest(checkpoint, liars));
  const convictedBy = (...by: View[]) =>
    by.flatMap(({ convictions }) =>
      convictions.flatMap((one) => (one.type === "convicted" ? [toHex(one.operator)] : [])),
    );
  const namesOf = (list: readonly Member[]) => list.map(({ operator }) => toHex(operator)).sort();

  async function committedLie(liars = members.slice(0, 4)) {
    const parent = a.genesis;
    const lie = lieAfter(a);
    assert.equal((await commit(lie, liars)).type, "committed");
    await until("both know it", () => [a, b].every(({ latest }) => latest.number === lie.number));
    return accusing(lie, parent);
  }

  test("whoever attested is convicted, each once, whoever of several tries", async () => {
    const accusation = await committedLie();
    const outcomes = await Promise.all([a, b].map(({ chain }) => chain.condemn(accusation)));
    const types = outcomes.map(({ type }) => type);
    assert.ok(types.includes("condemned") && types.every((type) => type === "condemned" || type === "already"));
    assert.deepEqual(convictedBy(a, b).sort(), namesOf(members.slice(0, 4)), "and nobody else");
    await until("it fell", () => [a, b].every(({ story }) => story.includes("fell")));
    await until("one is left", () => [a, b].every(({ chain }) => chain.set.length === 1));
    for (const liar of members.slice(0, 4)) await world.untilBurnt(liar);
    const gas = [a, b].flatMap(({ condemnations }) => condemnations.flatMap((one) => ("gas" in one ? [one.gas] : [])));
    assert.ok(gas.length === 1 && gas[0]! > 50_000n);
  });

  test("S11: again after a reorganisation, and by a worker that was started in between", async () => {
    const accusation = await committedLie();
    const back = await world.rpc.request<string>("evm_snapshot");
    assert.equal((await a.chain.condemn(accusation)).type, "condemned");
    assert.equal(convictedBy(a).length, 4);
    const restarted = world.view(members[3].key, { log: a.log });
    await restarted.chain.start();
    assert.equal((await restarted.chain.condemn(accusation)).type, "already");
    assert.deepEqual(convictedBy(restarted), []);
    assert.equal(restarted.convictions.filter(({ type }) => type === "already").length, 4);
    await restarted.chain.stop();
    await until("followed", () => a.chain.set.length === 1);

    await world.rpc.request("evm_revert", [back]);
    for (let i = 0; i < 12; i++) await world.rpc.request("evm_mine");
    await until("all are convicted again", () => convictedBy(a).length === 8);
    assert.equal(a.condemnations.filter(({ type }) => type === "condemned").length, 2);
    await until("followed again", () => a.chain.set.length === 1);
  });

  test("what a court does not take is refused, and nobody is convicted", async () => {
    const honest = world.next(a);
    const parent = a.genesis;
    assert.equal((await commit(honest, members.slice(0, 4))).type, "committed");
    const sound = await a.chain.condemn(accusing(honest, parent));
    assert.equal(sound.type, "refused");
    assert.match("reason" in sound ? sound.reason : "", /^FoldCourtSound/);
    const unknown = await a.chain.condemn(accusing(lieAfter(a, "never committed"), parent));
    assert.match("reason" in unknown ? unknown.reason : "", /^CheckpointLedgerUnknown/);
    assert.deepEqual([a.convictions, a.chain.set.length], [[], 5]);
  });

  test("signatures are found where the commit went by another contract", async () => {
    const lie = lieAfter(a);
    const parent = a.genesis;
    const sender = await world.connection.account();
    const deployed = await (await sender.sendTransaction({ data: FORWARDER.replaceAll("_", "") })).wait();
    const args = commitArgs(lie, a.chain.set, world.attest(lie, members.slice(0, 4)));
    const call = encodeFunctionData({ abi: checkpointLedgerAbi, functionName: "commit", args });
    const ledger = fromHex(world.deployment.contracts.checkpointLedger);
    const data = toHex(concat(new Uint8Array(12), ledger, fromHex(call)));
    await (await sender.sendTransaction({ to: deployed?.contractAddress, data, gasLimit: 2_000_000 })).wait();
    await until("it is committed", () => a.latest.number === lie.number);
    assert.equal((await a.chain.condemn(accusing(lie, parent))).type, "condemned");
    assert.equal(convictedBy(a).length, 4);
  });
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { convictArgs } from "../../../offchain/chain/convert.ts";
import { encodeChainEvent } from "../../../offchain/core/chain.ts";
import { genesisCheckpoint } from "../../../offchain/core/checkpoint.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { contractOf } from "../../../scripts/lib/contracts.ts";
import { hashOf } from "../../helpers/core.ts";
import { until } from "../../helpers/e2e/until.ts";
import { type Member, type View, World } from "./world.ts";

describe("the chain on a real node with the real contracts", () => {
  let world: World;
  let members: Member[];
  let a: View;
  let b: View;

  before(async () => {
    world = await World.open(5);
    members = world.members;
    a = world.view(members[0].key);
    b = world.view(members[1].key);
    await Promise.all([a.chain.start(), b.chain.start()]);
  });
  after(() => world?.close());

  const bothTold = (what: string, count: number) =>
    until(`told of ${what}`, () => [a, b].every(({ story }) => story.filter((kind) => kind === what).length >= count));

  test("both workers see the joins, one activates the epoch, the other finds that fine", async () => {
    await bothTold("activated", 1);
    assert.deepEqual(a.story, ["committed", ...members.map(() => "joined"), "activated"]);
    assert.deepEqual(b.events, a.events);
    assert.deepEqual(a.genesis, genesisCheckpoint(crypto, a.genesis.registryHash));
    const { registry } = a;
    assert.equal(registry.set.length, 5);
    assert.equal(a.chain.set.length, 5);
    const joined = a.events[1];
    assert.ok(joined.kind === "registry" && joined.event.kind === "joined");
    assert.equal(joined.event.endpoint, "127.0.0.1:9000");
    assert.deepEqual(joined.event.operator, members[0].operator);
    assert.equal((await a.chain.activateEpochIfDue()).type, "not_due");
    assert.deepEqual([...a.faults, ...b.faults], []);
  });

  test("S6: of two workers that commit one number, one commits and the other has lost", async () => {
    const checkpoint = world.next(a);
    const signatures = world.attest(checkpoint, members.slice(0, 4));
    const outcomes = await Promise.all([a, b].map(({ chain }) => chain.commit(checkpoint, chain.set, signatures)));
    assert.deepEqual(
      outcomes.map(({ type }) => type).sort(),
      ["committed", "lost"],
      JSON.stringify(outcomes.map(String)),
    );
    await bothTold("committed", 2);
    const event = a.events.at(-1);
    assert.ok(event?.kind === "committed");
    assert.deepEqual(event.checkpoint, checkpoint);
    assert.deepEqual(event.hash, world.hashOf(checkpoint));
    assert.ok(Math.abs(event.committedAt - (a.chain.time() ?? 0)) <= 5);
    const again = await b.chain.commit(checkpoint, b.chain.set, signatures);
    assert.equal(again.type, "lost");
    const { final, finalAt, latestFinal } = await a.chain.finality(1);
    assert.equal(final, false);
    assert.equal(finalAt, event.committedAt + world.deployment.parameters.challengeWindowSeconds);
    assert.equal(latestFinal.number, 0);
    await world.pass(world.deployment.parameters.challengeWindowSeconds + 1);
    const later = await a.chain.finality(1);
    assert.equal(later.final, true);
    assert.deepEqual(later.latestFinal, { number: 1, hash: event.hash });
    assert.equal((await a.chain.finality(7)).finalAt, 0);
  });

  test("what the ledger does not take is refused, with the reason", async () => {
    const checkpoint = world.next(a);
    const few = await a.chain.commit(checkpoint, a.chain.set, world.attest(checkpoint, members.slice(0, 3)));
    assert.equal(few.type, "refused");
    assert.match("reason" in few ? few.reason : "", /^CheckpointLedgerNoQuorum/);
    const wrongSet = await a.chain.commit(checkpoint, a.chain.set.slice(1), world.attest(checkpoint, members));
    assert.match("reason" in wrongSet ? wrongSet.reason : "", /^CheckpointLedgerSetMismatch/);
    const ahead = world.next(a, { number: 9 });
    const early = await a.chain.commit(ahead, a.chain.set, world.attest(ahead, members));
    assert.equal(early.type, "refused", "the chain is behind: nobody was first");
    const fork = world.next(a, { parent: hashOf("another parent") });
    assert.equal((await a.chain.commit(fork, a.chain.set, world.attest(fork, members))).type, "lost");
    const poor = world.view("0x1234567890123456789012345678901234567890123456789012345678901234");
    const unpaid = await poor.chain.commit(checkpoint, a.chain.set, world.attest(checkpoint, members));
    assert.equal(
      unpaid.type,
      "refused",
      JSON.stringify(unpaid, (_, v) => String(v)),
    );
  });

  test("L6: an equivocator is convicted once, whoever tries, and again after a reorganisation", async () => {
    const before = await world.rpc.request<string>("evm_snapshot");
    const evidence = world.lies(members[4]);
    const outcomes = await Promise.all([
      a.chain.convict(evidence),
      b.chain.convict(evidence),
      a.chain.convict(evidence),
    ]);
    const types = new Set(outcomes.map(({ type }) => type));
    assert.deepEqual([...types].sort(), ["already", "convicted"]);
    await bothTold("convicted", 1);
    assert.equal(a.chain.set.length, 4);
    assert.equal(a.registry.operator(members[4].operator)?.standing, "convicted");
    const convicted = outcomes.find(({ type }) => type === "convicted");
    assert.ok(convicted?.type === "convicted" && convicted.gas > 50_000n && convicted.txHash.length === 66);
    const restarted = world.view(members[0].key, { log: a.log });
    assert.equal((await restarted.chain.convict(evidence)).type, "already");
    await world.untilBurnt(members[4]);

    await world.rpc.request("evm_revert", [before]);
    await world.rpc.request("evm_mine");
    await world.rpc.request("evm_mine");
    await world.rpc.request("evm_mine");
    await until(
      "convicted again",
      () => [...a.convictions, ...b.convictions].filter(({ type }) => type === "convicted").length > 1,
    );
    await until("equal", () => a.chain.set.length === 4 && b.chain.set.length === 4);
    assert.deepEqual(
      a.story.filter((kind) => kind === "convicted"),
      ["convicted"],
    );
    await world.untilBurnt(members[4]);
  });

  test("what is no evidence is refused, and does not stand in the way of what is", async () => {
    const { a: one } = world.lies(members[3]);
    const same = await a.chain.convict({ a: one, b: one });
    assert.equal(same.type, "refused");
    assert.match("reason" in same ? same.reason : "", /SameHeader/);
    const stranger = await a.chain.convict(world.lies({ ...members[3], operator: new Uint8Array(20).fill(1) }));
    assert.equal(stranger.type, "refused");
    const forged = await a.chain.convict(world.lies({ ...members[3], signer: members[2].signer }));
    assert.match("reason" in forged ? forged.reason : "", /ForeignSigner/);
  });

  test("one account sends many things at once", async () => {
    const checkpoint = world.next(a);
    const signatures = world.attest(checkpoint, members.slice(0, 4));
    // Blocks that let several transactions wait, so that two with one nonce would meet.
    await world.rpc.request("evm_setAutomine", [false]);
    const miner = setInterval(() => void world.rpc.request("evm_mine").catch(() => {}), 150);
    const [commit, conviction, epoch, other] = await Promise.all([
      a.chain.commit(checkpoint, a.chain.set, signatures),
      a.chain.convict(world.lies(members[3])),
      a.chain.activateEpochIfDue(),
      a.chain.commit(checkpoint, a.chain.set, signatures),
    ]).finally(() => clearInterval(miner));
    await world.rpc.request("evm_setAutomine", [true]);
    assert.equal(commit.type, "committed");
    assert.equal(conviction.type, "convicted");
    assert.equal(epoch.type, "not_due");
    assert.equal(other.type, "lost");
  });

  test("S11: a straight replay gives what those saw who followed all along", async () => {
    const fresh = world.view(members[2].key);
    await fresh.chain.start();
    const told = ({ events }: View) => events.map(encodeChainEvent);
    await until(
      "caught up",
      () => fresh.chain.status().block === a.chain.status().block && fresh.chain.set.length === 3,
    );
    await until("equal", () => told(fresh).length === told(a).length && told(fresh).length === told(b).length);
    assert.deepEqual(told(fresh), told(a));
    assert.deepEqual(told(fresh), told(b));
    assert.deepEqual(fresh.log.events().map(encodeChainEvent), told(a));
  });

  test("a transaction that is not mined is given up in time, and the next one replaces it", async () => {
    const view = world.view(members[2].key, { receiptTimeoutMs: 400, activateEpochs: false });
    await view.chain.start();
    await until("caught up", () => view.chain.set.length === 3 && view.latest.number === a.latest.number);
    const checkpoint = world.next(view);
    const signatures = world.attest(checkpoint, members.slice(0, 3));
    await world.rpc.request("evm_setAutomine", [false]);
    try {
      const stuck = await view.chain.commit(checkpoint, view.chain.set, signatures);
      assert.equal(stuck.type, "unreachable");
      const again = view.chain.commit(checkpoint, view.chain.set, signatures);
      await sleep(100);
      await world.rpc.request("evm_mine");
      const outcome = await again;
      assert.ok(["committed", "lost"].includes(outcome.type), outcome.type);
    } finally {
      await world.rpc.request("evm_setAutomine", [true]);
    }
    await until("committed", () => view.latest.number === checkpoint.number);
  });

  test("another chain, another ledger or no ledger is refused at the start", async () => {
    const { deployment } = world;
    const { contracts } = deployment;
    const others = [
      { ...deployment, chainId: 1, domain: { ...deployment.domain, chainId: 1 } },
      { ...deployment, contracts: { ...contracts, checkpointLedger: contracts.stakeToken } },
      { ...deployment, contracts: { ...contracts, checkpointLedger: `0x${"77".repeat(20)}` as const } },
    ];
    for (const other of others) {
      const view = world.view(members[0].key, { deployment: other });
      await assert.rejects(view.chain.start(), { code: "wrong_chain", field: "rpcUrl", remedy: /deployment/ });
    }
  });

  test("L1: without a chain nothing throws, everything says so, and stopping is quick", async () => {
    const view = world.view(members[0].key, { rpcUrl: "http://127.0.0.1:1" });
    await view.chain.start();
    const checkpoint = world.next(a);
    const conviction = view.chain.convict(world.lies(members[1]));
    assert.equal((await view.chain.commit(checkpoint, a.chain.set, [])).type, "unreachable");
    assert.equal((await view.chain.activateEpochIfDue()).type, "unreachable");
    await assert.rejects(view.chain.finality(0), { code: "chain_unreachable" });
    assert.deepEqual({ ...view.chain.status(), lagMs: 0 }, { block: -1, lagMs: 0, reachable: false });
    assert.equal(view.chain.time(), undefined);
    await sleep(300);
    assert.deepEqual([...new Set(view.faults.map(({ code }) => code))].sort(), [
      "chain_unreachable",
      "conviction_delayed",
    ]);
    const from = Date.now();
    await view.chain.stop();
    assert.equal((await conviction).type, "stopped");
    assert.ok(Date.now() - from < 1_000);
  });

  test("L6: where the reporter is gone, the others have the stake burnt", async () => {
    const outsider = await world.connection.account();
    const court = contractOf("EquivocationCourt", world.deployment, outsider);
    const evidence = world.lies(members[2]);
    await (await court.getFunction("convict")(...convictArgs(evidence, a.chain.set))).wait();
    const reporterHad = await world.tokensOf(await outsider.getAddress());
    assert.equal((await b.chain.convict(evidence)).type, "already");
    await world.untilBurnt(members[2]);
    assert.equal(
      (await world.tokensOf(await outsider.getAddress())) - reporterHad,
      BigInt(world.deployment.parameters.bounty),
    );
  });
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { FollowerOptions } from "../../../offchain/chain/follower.ts";
import { Consumer } from "./consumer.ts";
import { FakeChain, MemoryLog } from "./fake-chain.ts";

async function fakeChain(t: TestContext): Promise<FakeChain> {
  const chain = new FakeChain();
  await chain.listen();
  t.after(() => chain.close());
  return chain;
}

/** In a thread of its own, because the test runner traces every promise of this one. */
async function runSchedules(from: number, to: number): Promise<void> {
  const worker = new Worker(new URL("./schedules.ts", import.meta.url), { workerData: { from, to } });
  const [done] = await once(worker, "message");
  await worker.terminate();
  assert.equal(done, to - from);
}

test("S11: 220 random schedules of reorganisations, faults and restarts end like a straight replay", async () => {
  await Promise.all([runSchedules(0, 110), runSchedules(110, 220)]);
});

test("a reorganisation is one update with the whole list, and events that were mined again are not missed in between", async (t) => {
  const chain = await fakeChain(t);
  chain.mine(1);
  chain.mine(2);
  const consumer = new Consumer(chain.url, new MemoryLog());
  t.after(() => consumer.stop());
  await consumer.caughtUp(chain);
  assert.deepEqual(consumer.updates, ["events"]);
  chain.rewind(1);
  chain.mine(2, 3);
  await consumer.caughtUp(chain);
  assert.deepEqual(consumer.updates, ["events", "reorg"]);
  chain.mine();
  chain.rewind(1);
  chain.mine();
  chain.mine();
  await consumer.until("read", () => consumer.follower.cursor?.number === chain.height);
  assert.deepEqual(consumer.updates, ["events", "reorg"], "nobody is told of blocks in which nothing happened");
});

test("a reorganisation deeper than the walk goes back as far as it must", async (t) => {
  const chain = await fakeChain(t);
  const mine = (count: number) => {
    for (let i = 0; i < count; i++) chain.mine(...(i % 7 === 0 ? [count + i] : []));
  };
  mine(300);
  const consumer = new Consumer(chain.url, new MemoryLog());
  t.after(() => consumer.stop());
  await consumer.caughtUp(chain);
  chain.rewind(250);
  mine(320);
  await consumer.caughtUp(chain);
  chain.rewind(1_000);
  mine(400);
  await consumer.caughtUp(chain);
});

test("a node that lags is not believed at once, a chain that stays shorter is", async (t) => {
  const chain = await fakeChain(t);
  for (let i = 1; i <= 5; i++) chain.mine(i);
  const consumer = new Consumer(chain.url, new MemoryLog(), { lagGraceMs: 60 });
  t.after(() => consumer.stop());
  await consumer.caughtUp(chain);
  chain.rewind(2);
  await sleep(20);
  assert.equal(consumer.events.length, 5);
  await consumer.caughtUp(chain);
  assert.equal(consumer.events.length, 3);
  chain.rewind(3);
  await consumer.until("emptied", () => consumer.events.length === 0);
  assert.deepEqual(consumer.log.blocks(), []);
});

test("S11: what one node of many has not got yet is not taken for nothing", async (t) => {
  const chain = await fakeChain(t);
  for (let i = 0; i < 20; i++) chain.mine();
  chain.rewind(1);
  for (let i = 0; i < 300; i++) chain.mine(i);
  let asked = 0;
  chain.trouble = (method) => (method === "eth_getLogs" && asked++ === 0 ? { kind: "stale" } : undefined);
  const consumer = new Consumer(chain.url, new MemoryLog());
  t.after(() => consumer.stop());
  await consumer.caughtUp(chain);
  assert.ok(asked > 1);
});

test("confirmations hold back what may still be taken back", async (t) => {
  const chain = await fakeChain(t);
  for (let i = 1; i <= 5; i++) chain.mine(i);
  const consumer = new Consumer(chain.url, new MemoryLog(), { confirmations: 2 });
  t.after(() => consumer.stop());
  await consumer.until("read", () => consumer.follower.cursor?.number === 3);
  chain.rewind(2);
  chain.mine(6);
  chain.mine(7);
  chain.mine(8);
  await consumer.until("read", () => consumer.events.length === 4);
  assert.deepEqual(consumer.updates, ["events", "events"]);
  assert.deepEqual(consumer.events, chain.events().slice(0, 4));
});

test("with the RPC gone it keeps trying, says so once, and goes on when it is back", async (t) => {
  const chain = await fakeChain(t);
  chain.mine(1);
  const consumer = new Consumer(chain.url, new MemoryLog());
  t.after(() => consumer.stop());
  await consumer.caughtUp(chain);
  assert.equal(consumer.follower.reachable, true);
  chain.trouble = () => ({ kind: "drop" });
  await consumer.until("unreachable", () => !consumer.follower.reachable);
  chain.mine(2);
  await sleep(40);
  assert.deepEqual(
    consumer.faults.map(({ code }) => code),
    ["chain_unreachable"],
  );
  assert.ok(consumer.faults[0].remedy);
  assert.ok(consumer.follower.lagMs >= 40);
  chain.trouble = () => undefined;
  await consumer.caughtUp(chain);
  assert.equal(consumer.follower.reachable, true);
});

test("however long the RPC is gone, at most eight polls are left out: its return is noticed soon", async (t) => {
  const chain = await fakeChain(t);
  chain.mine(1);
  const consumer = new Consumer(chain.url, new MemoryLog(), { maxBackoffMs: 1_000_000 });
  t.after(() => consumer.stop());
  await consumer.caughtUp(chain);
  chain.trouble = () => ({ kind: "drop" });
  await consumer.until("unreachable", () => !consumer.follower.reachable);
  const { requests } = chain;
  // Doubled each time, the last of these would come after hours.
  await consumer.until("tried again and again", () => chain.requests > requests + 24);
  chain.mine(2);
  chain.trouble = () => undefined;
  await consumer.caughtUp(chain);
});

test("what no retry heals is told apart, and tried rarely", async (t) => {
  const chain = await fakeChain(t);
  chain.mine(1);
  const consumer = new Consumer(chain.url, new MemoryLog(), {
    decode: () => {
      throw new TypeError("not ours");
    },
    maxBackoffMs: 1_000_000,
  });
  await consumer.until("faulty", () => consumer.faults.length > 0);
  const { requests } = chain;
  await sleep(50);
  assert.equal(chain.requests, requests);
  assert.equal(consumer.faults[0].code, "chain_refused");
  const from = Date.now();
  await consumer.stop();
  assert.ok(Date.now() - from < 500, "and it stops at once all the same");
});

test("an update that the consumer did not take is told again as the whole list", async (t) => {
  const chain = await fakeChain(t);
  chain.mine(1);
  const consumer = new Consumer(chain.url, new MemoryLog());
  t.after(() => consumer.stop());
  await consumer.caughtUp(chain);
  consumer.failing = true;
  chain.mine(2);
  await consumer.until("faulty", () => consumer.faults.length > 0);
  assert.equal(consumer.faults[0].code, "chain_update_failed");
  assert.equal(consumer.log.events().length, 2, "durable first, said second");
  chain.mine(3);
  consumer.failing = false;
  await consumer.caughtUp(chain);
  assert.deepEqual(consumer.updates, ["events", "reorg", "events"]);
});

test("S11: after a restart nothing is told twice", async (t) => {
  const chain = await fakeChain(t);
  for (let i = 1; i <= 100; i++) chain.mine(i);
  const log = new MemoryLog();
  const first = new Consumer(chain.url, log);
  await first.caughtUp(chain);
  await first.stop();
  chain.mine(101);
  const second = new Consumer(chain.url, log);
  t.after(() => second.stop());
  await second.caughtUp(chain);
  assert.deepEqual(second.updates, ["events"]);
  assert.equal(second.events.length, 101);
});

test("a log that the node keeps back shows as a gap, and everything is read again", async (t) => {
  const chain = await fakeChain(t);
  let hidden = 2;
  const registry: FollowerOptions["decode"] = (log) => {
    const position = Number(BigInt(log.data));
    if (position === hidden) return undefined;
    const event = { kind: "exiting", operator: new Uint8Array(20), hash: new Uint8Array(32), position } as const;
    return { kind: "registry", event, block: Number(log.blockNumber), logIndex: Number(log.logIndex) };
  };
  chain.mine(1);
  chain.mine(2);
  const consumer = new Consumer(chain.url, new MemoryLog(), { decode: registry });
  t.after(() => consumer.stop());
  await consumer.until("read", () => consumer.follower.cursor?.number === 2);
  chain.mine(3);
  await consumer.until("faulty", () => consumer.faults.some(({ code }) => code === "chain_gap"));
  hidden = 0;
  await consumer.until("whole", () => consumer.events.length === 3);
  assert.deepEqual(
    consumer.events.map((event) => event.kind === "registry" && event.event.position),
    [1, 2, 3],
  );
});

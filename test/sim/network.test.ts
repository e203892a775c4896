import assert from "node:assert/strict";
import { test } from "node:test";
import { CALM, type Conditions } from "./conditions.ts";
import { SimNetwork } from "./network.ts";
import { wireOf } from "./node-wire.ts";
import { Process } from "./process.ts";
import { Random } from "./random.ts";
import { Clock, Scheduler } from "./scheduler.ts";

type Got = { at: number; number: number };

function netOf(conditions: Partial<Conditions> = {}, names = ["a:1", "b:1", "c:1"]) {
  const scheduler = new Scheduler();
  const network = new SimNetwork(scheduler, new Random("net"), { ...CALM, ...conditions });
  const got = new Map<string, Got[]>();
  const changes: string[] = [];
  for (const name of names) {
    got.set(name, []);
    network.listen(name, ({ size }) => got.get(name)?.push({ at: scheduler.now, number: size }));
  }
  network.onChange((a, b) => changes.push(`${a} ${b} ${network.isOpen(a, b)}`));
  /** Packets are numbered by their size. */
  const send = (from: string, to: string, number: number, kind: "data" | "end" = "data", sent = () => {}) => {
    const call = { method: "test", lane: "plot", from, to } as const;
    const packet = { from, to, lane: "plot", call, size: number } as const;
    network.carry(kind === "end" ? { ...packet, kind } : { ...packet, kind, frame: new Uint8Array() }, sent);
  };
  const numbers = (name: string) => (got.get(name) as Got[]).map(({ number }) => number);
  return { scheduler, network, got, numbers, changes, send };
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

test("a lossy connection brings everything late, in order and once", () => {
  const { scheduler, numbers, got, send } = netOf({ loss: 0.05, tailChance: 0.1, tailMs: 500, jitterMs: 50 });
  for (const i of range(300)) scheduler.after(i * 10, () => send("a:1", "b:1", i));
  scheduler.run(20_000);
  assert.deepEqual(numbers("b:1"), range(300));
  assert.ok(
    (got.get("b:1") as Got[]).some(({ at, number }) => at - number * 10 > 200),
    "nothing was ever late",
  );
});

test("chaos makes packets vanish, come twice and in another order, but never the end of a call", () => {
  const { scheduler, network, numbers, send } = netOf();
  const over = network.change({ lane: "plot" }, { vanish: 0.1, repeat: 0.1, reorder: 0.2 });
  for (const i of range(300)) scheduler.after(i * 10, () => send("a:1", "b:1", i, i % 10 === 0 ? "end" : "data"));
  scheduler.run(10_000);
  const came = numbers("b:1");
  const ends = came.filter((number) => number % 10 === 0);
  assert.deepEqual(
    ends,
    range(30).map((i) => i * 10),
  );
  assert.ok(new Set(came).size < 300 && came.length > new Set(came).size);
  assert.ok(came.some((number, i) => i > 0 && number < came[i - 1]));
  over();
  send("a:1", "b:1", 1000);
  scheduler.run(11_000);
  assert.equal(numbers("b:1").at(-1), 1000);
});

test("a slow lane takes its time for bytes, and says when they are gone", () => {
  const { scheduler, network, got, send } = netOf();
  network.change({ from: "a:1", to: "b:1" }, { bytesPerMs: 10, jitterMs: 0 });
  const sentAt: number[] = [];
  for (const _ of range(3)) send("a:1", "b:1", 1000, "data", () => sentAt.push(scheduler.now));
  send("a:1", "c:1", 1000);
  scheduler.run(1000);
  assert.deepEqual(sentAt, [100, 200, 300]);
  assert.deepEqual(
    (got.get("b:1") as Got[]).map(({ at }) => at),
    [105, 205, 305],
  );
  assert.ok((got.get("c:1") as Got[])[0].at < 10);
  for (const _ of range(50)) send("a:1", "b:1", 1000);
  scheduler.run(1150);
  network.heal();
  scheduler.run(1300);
  assert.equal((got.get("b:1") as Got[]).length, 53, "what waited still does");
});

test("a one-way partition holds one direction back; what waited comes after it, in order", () => {
  const { scheduler, network, numbers, send } = netOf();
  send("a:1", "b:1", 1); // on its way when the partition begins
  const over = network.block(["a:1"], ["b:1"]);
  let sent = false;
  send("a:1", "b:1", 2, "data", () => {
    sent = true;
  });
  send("b:1", "a:1", 3);
  send("a:1", "c:1", 4);
  scheduler.run(2000);
  assert.deepEqual([numbers("b:1"), numbers("a:1"), numbers("c:1")], [[], [3], [4]]);
  assert.equal(sent, false);
  over();
  send("a:1", "b:1", 5);
  scheduler.run(2100);
  assert.deepEqual(numbers("b:1"), [1, 2, 5]);
  assert.ok(sent);
});

test("a partition that lasts breaks the connection for both; the heal brings it back and not what was on it", () => {
  const { scheduler, network, numbers, changes, send } = netOf();
  const over = network.block(["a:1"], ["b:1"]);
  send("a:1", "b:1", 1);
  scheduler.run(15_000);
  assert.equal(network.isOpen("b:1", "a:1"), false);
  assert.equal(network.isOpen("a:1", "c:1"), true);
  network.heal();
  over(); // says nothing any more
  scheduler.run(16_000);
  assert.equal(network.isOpen("a:1", "b:1"), true);
  assert.deepEqual(changes, ["a:1 b:1 false", "a:1 b:1 true"]);
  send("a:1", "b:1", 2);
  scheduler.run(17_000);
  assert.deepEqual(numbers("b:1"), [2]);
  network.block(["a:1"], ["b:1"]);
  send("a:1", "b:1", 3);
  scheduler.run(18_000);
  assert.deepEqual(numbers("b:1"), [2]);
});

test("overlapping partitions: the pair is apart until the last one is over", () => {
  const { scheduler, network, numbers, send } = netOf();
  const first = network.block(["a:1"], ["b:1", "c:1"]);
  const second = network.block(["a:1"], ["b:1"]);
  first();
  first();
  send("a:1", "b:1", 1);
  scheduler.run(100);
  assert.deepEqual(numbers("b:1"), []);
  const third = network.block(["b:1"], ["a:1"]);
  send("b:1", "a:1", 2);
  scheduler.run(150);
  second();
  scheduler.run(200);
  assert.deepEqual([numbers("b:1"), numbers("a:1")], [[1], []]);
  third();
  scheduler.run(300);
  assert.deepEqual(numbers("a:1"), [2]);
});

test("a flap loses what is on the way, and the connection is there again soon", () => {
  const { scheduler, network, numbers, changes, send } = netOf();
  send("a:1", "b:1", 1);
  network.flap("a:1", "b:1");
  send("a:1", "b:1", 2);
  scheduler.run(300);
  assert.deepEqual(changes, ["a:1 b:1 false", "a:1 b:1 true"]);
  send("a:1", "b:1", 3);
  scheduler.run(400);
  assert.deepEqual(numbers("b:1"), [3]);
  network.change({}, { bytesPerMs: 1 });
  for (const number of [400, 401]) send("a:1", "b:1", number); // one is leaving, one waits
  network.flap("a:1", "b:1");
  scheduler.run(2000);
  assert.deepEqual(numbers("b:1"), [3]);
});

test("an endpoint that restarts behind a partition is reached when that is over", () => {
  const { scheduler, network, send } = netOf({}, ["a:1"]);
  const got: number[] = [];
  const leave = network.listen("b:1", ({ size }) => got.push(size));
  const over = network.block(["a:1"], ["b:1"], true);
  scheduler.run(100);
  leave();
  network.listen("b:1", ({ size }) => got.push(size));
  over();
  scheduler.run(1000);
  assert.equal(network.isOpen("a:1", "b:1"), true);
  send("a:1", "b:1", 1);
  scheduler.run(1100);
  assert.deepEqual(got, [1]);
  network.flap("a:1", "b:1");
  network.listen("b:1", ({ size }) => got.push(-size));
  scheduler.run(2000);
  send("a:1", "b:1", 2);
  scheduler.run(2100);
  assert.deepEqual(got, [1, -2]);
});

test("a process that stands still hears later; a dead one is gone for everybody", () => {
  const { scheduler, network, send } = netOf({}, ["a:1"]);
  const life = new Process(scheduler, () => {});
  const wire = wireOf(network, life, new Clock(scheduler));
  const got: Got[] = [];
  wire.listen("b:1", ({ size }) => got.push({ at: scheduler.now, number: size }));
  life.freeze(500);
  send("a:1", "b:1", 1);
  scheduler.run(400);
  assert.deepEqual(got, []);
  scheduler.run(600);
  assert.deepEqual(got, [{ at: 500, number: 1 }]);
  wire.close();
  assert.equal(network.isOpen("a:1", "b:1"), false);
});

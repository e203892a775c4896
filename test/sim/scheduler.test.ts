import assert from "node:assert/strict";
import { test } from "node:test";
import { Crash, Process } from "./process.ts";
import { Random } from "./random.ts";
import { Clock, Scheduler } from "./scheduler.ts";

test("a stream does not depend on what was drawn from others, nor from its parent", () => {
  const a = new Random(7);
  const b = new Random(7);
  for (let i = 0; i < 10; i++) b.u32();
  b.fork("other").u32();
  const draw = (of: Random) => Array.from({ length: 5 }, () => of.u32());
  assert.deepEqual(draw(a.fork("x")), draw(b.fork("x")));
  assert.notDeepEqual(draw(a.fork("x")), draw(a.fork("y")));
  assert.notDeepEqual(draw(new Random(1)), draw(new Random(2)));
});

test("chance is spread evenly", () => {
  const random = new Random("even");
  const counts = new Array(10).fill(0);
  for (let i = 0; i < 10_000; i++) counts[random.int(0, 9)] += 1;
  for (const count of counts) assert.ok(count > 850 && count < 1150, `${counts}`);
  const mean = Array.from({ length: 10_000 }, () => random.exponential(50)).reduce((a, b) => a + b) / 10_000;
  assert.ok(mean > 47 && mean < 53, `${mean}`);
  assert.deepEqual(random.shuffle([1, 2, 3, 4]).sort(), [1, 2, 3, 4]);
});

test("work is done in the order of time, and of scheduling where times are equal", () => {
  const random = new Random("order");
  const scheduler = new Scheduler();
  const done: [number, number][] = [];
  const times = Array.from({ length: 500 }, () => random.int(0, 40));
  for (const [i, at] of times.entries()) scheduler.after(at, () => done.push([scheduler.now, i]));
  scheduler.run(20);
  assert.equal(scheduler.now, 20);
  assert.ok(done.every(([at]) => at <= 20));
  scheduler.run(100);
  const expected = times.map((at, i): [number, number] => [at, i]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  assert.deepEqual(done, expected);
});

test("cancelled work is not done, and nothing after a stop", () => {
  const scheduler = new Scheduler();
  const done: string[] = [];
  scheduler.after(5, () => done.push("cancelled"))();
  const end = scheduler.every(10, () => done.push("tick"));
  scheduler.after(35, () => end());
  scheduler.after(50, () => scheduler.stop());
  scheduler.after(51, () => done.push("late"));
  scheduler.run(100);
  assert.deepEqual(done, ["tick", "tick", "tick"]);
  assert.equal(scheduler.now, 50);
});

test("a clock leaps and drifts, and never goes back", () => {
  const scheduler = new Scheduler();
  const clock = new Clock(scheduler, 1000);
  scheduler.run(100);
  assert.equal(clock.now(), 1100);
  clock.drift(2);
  scheduler.run(200);
  assert.equal(clock.now(), 1300);
  clock.jump(5000);
  clock.drift(0.5);
  assert.equal(clock.now(), 6300);
  scheduler.run(300);
  assert.equal(clock.now(), 6350);
  assert.throws(() => clock.jump(-1));
});

test("a loop at one instant is an error that says where, not a run that never ends", () => {
  const scheduler = new Scheduler();
  const again = () => void scheduler.after(0, again, "again");
  scheduler.after(5, again, "first");
  assert.throws(() => scheduler.run(10), /time stands still at 5, in "again"/);
});

test("a process that stands still does everything later, in order; a dead one nothing", () => {
  const scheduler = new Scheduler();
  const done: string[] = [];
  const life = new Process(scheduler, (where) => done.push(where));
  const note = (what: string) => () => done.push(`${what}@${scheduler.now}`);
  life.after(10, note("timer"));
  scheduler.after(12, () => life.enter(note("message")));
  scheduler.after(5, () => life.freeze(20));
  scheduler.after(8, () => life.freeze(30));
  scheduler.run(30);
  assert.deepEqual(done, []);
  scheduler.run(40);
  assert.deepEqual(done.splice(0), ["timer@38", "message@38"]);
  life.enter(() => {
    life.enter(note("second"));
    note("first")();
  });
  assert.deepEqual(done.splice(0), ["first@40", "second@40"]);
  life.enter(() => {
    life.enter(note("never"));
    throw new Crash("here");
  });
  life.enter(note("never"));
  life.after(1, note("never"));
  scheduler.run(100);
  assert.deepEqual(done, ["here"]);
});

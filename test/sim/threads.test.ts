import assert from "node:assert/strict";
import { test } from "node:test";
import { type Outcome, reproduction, THREAD_DIED } from "./outcome.ts";
import { Threads } from "./threads.ts";

async function outcomesOf(seeds: readonly number[], heapMb: number): Promise<Outcome[]> {
  const [left, outcomes]: [number[], Outcome[]] = [[...seeds], []];
  const next = () => {
    const seed = left.shift();
    return seed === undefined ? undefined : { seed, profile: "default" as const };
  };
  await new Threads({ count: 1, heapMb, next, done: (outcome) => outcomes.push(outcome) }).run();
  return outcomes;
}

test("a thread does one seed after another", async () => {
  const outcomes = await outcomesOf([3, 4], 1_024);
  assert.deepEqual(
    outcomes.map(({ plan, failure, events }) => [plan.seed, failure, events > 1_000]),
    [3, 4].map((seed) => [seed, undefined, true]),
  );
});

test("a seed that a thread dies of has failed, in one line that shows it again; the next are done by another thread", async () => {
  const outcomes = await outcomesOf([3, 4], 8);
  assert.deepEqual(
    outcomes.map(({ failure }) => failure?.invariant),
    [THREAD_DIED, THREAD_DIED],
  );
  for (const { failure } of outcomes) assert.match(failure?.message ?? "", /memory/);
  assert.equal(reproduction(outcomes[1].plan), "npm run sim -- --seed 4 --profile default");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { simulate } from "./simulation.ts";
import { planOf } from "./swarm.ts";

test("a seed decides everything: run again, it gives the same run", async () => {
  const plan = planOf(5, "default");
  const [one, other] = [await simulate(plan), await simulate(JSON.parse(JSON.stringify(plan)))];
  assert.deepEqual(one, other);
  assert.notEqual(one.digest, (await simulate({ ...plan, seed: 6 })).digest);
});

test("a few seeds: nothing that must hold is ever seen not to", async () => {
  const [achieved, checked]: [Record<string, number>, Set<string>] = [{}, new Set()];
  // In the last, things are kept for seconds only.
  for (const seed of [0, 1, 2, 3, 4, 21]) {
    const { failure, achieved: here, checks, timeline } = await simulate(planOf(seed, "default"));
    assert.equal(failure, undefined, `seed ${seed}: ${failure?.message}\n${timeline.slice(-30).join("\n")}`);
    for (const [name, count] of Object.entries(here)) achieved[name] = (achieved[name] ?? 0) + count;
    for (const name of Object.keys(checks)) checked.add(name);
  }
  // A world in which nothing happens keeps every promise.
  for (const name of ["answered", "tokens", "checkpoints"]) assert.ok((achieved[name] ?? 0) > 20, name);
  for (const name of ["S2", "S3", "S4", "S5", "S6", "S7", "S9", "S12", "L1", "L8 pruned"])
    assert.ok(checked.has(name), name);
});

test("with real signatures it is the same protocol", async () => {
  const plan = { ...planOf(1, "signed"), healAt: 8_000, endAt: 45_000 };
  plan.actions = plan.actions.filter(({ at }) => at < plan.healAt);
  const { failure, achieved } = await simulate(plan);
  assert.equal(failure, undefined, failure?.message);
  assert.ok(achieved["checkpoints"] > 0 && achieved["answered"] > 0, JSON.stringify(achieved));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { SOUND } from "./disk.ts";
import type { Action, Plan } from "./plan.ts";
import { simulate } from "./simulation.ts";
import { planOf } from "./swarm.ts";

const HEAL_MS = 30_000;

/** Honest workers on a chain whose latest blocks are again and again others, of the same times; and something else on it. */
function worldOf(seed: number, other: (at: number) => Action): Plan {
  const base = planOf(seed, "default");
  const actions: Action[] = [];
  for (let at = 4_000; at < HEAL_MS - 2_000; at += 2_500)
    actions.push({ at, kind: "reorg", ms: 0, depth: 6, nodes: [0], wins: true });
  for (let at = 4_200; at < HEAL_MS - 2_000; at += 1_300) actions.push(other(at));
  return {
    ...base,
    operators: base.operators.map((one) => ({ ...one, role: "honest" as const })),
    disk: SOUND,
    chain: { ...base.chain, blockMs: 500, mempoolMs: 1_000, pollMs: 300, challengeWindowSeconds: 5 },
    protocol: { ...base.protocol, shortestMs: 500, longestMs: 3_000 },
    load: { requestsPerSecond: 1, maxLength: 20, tokenMs: 30 },
    crashBeforeEffect: 0,
    actions: actions.sort((a, b) => a.at - b.at),
    healAt: HEAL_MS,
    endAt: HEAL_MS + 45_000,
  };
}

test("S6, S7, S11 falls, disputes and pauses reach what was final on another fork: nothing of it is forgotten", async () => {
  const plans = [
    worldOf(10, (at) => ({ at, kind: "dispute", back: 3, ms: 3_000, falls: true })),
    worldOf(3, (at) =>
      at % 5_200 < 2_600 ? { at, kind: "invalidate", back: 3 } : { at, kind: "pause", ms: 2_000, expires: true },
    ),
  ];
  const sum = { fallen: 0, pauses: 0, checkpoints: 0 };
  for (const plan of plans) {
    const { failure, achieved, timeline } = await simulate(plan);
    assert.equal(failure, undefined, `seed ${plan.seed}: ${failure?.message}\n${timeline.slice(-20).join("\n")}`);
    for (const name of ["fallen", "pauses", "checkpoints"] as const) sum[name] += achieved[name];
  }
  assert.ok(sum.fallen >= 10 && sum.pauses >= 1 && sum.checkpoints >= 20, JSON.stringify(sum));
});

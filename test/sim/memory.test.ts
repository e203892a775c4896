import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Life } from "./life.ts";
import type { Action } from "./plan.ts";
import { planOf } from "./swarm.ts";
import { World } from "./world.ts";

test("a process that died is let go of, with all that it held: a long run has hundreds of them", async () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const healAt = 24_000;
  const actions = Array.from({ length: 20 }, (_, i): Action => {
    const [at, node] = [4_000 + i * 900, i % 4];
    if (i % 3 === 0) return { at, kind: "twin", node, ageMs: 500, ms: 3_000 };
    return { at, kind: "crash", node, downMs: 200 };
  });
  const base = planOf(1, "default");
  const operators = Array.from({ length: 4 }, () => ({ stake: 1_000, role: "honest" as const, founder: true }));
  const world = new World({ ...base, operators, actions, crashBeforeEffect: 0, healAt, endAt: healAt + 20_000 });
  const seen = new WeakSet<Life>();
  const lives: WeakRef<Life>[] = [];
  world.scheduler.every(100, () => {
    for (const { life } of world.everybody) {
      if (!life || seen.has(life)) continue;
      seen.add(life);
      lives.push(new WeakRef(life));
    }
  });
  for (const _ of world.steps()) await setImmediate();
  for (let time = 0; time < 3; time++) {
    await setImmediate();
    gc();
  }
  const held = lives.filter((life) => life.deref()).length;
  assert.ok(lives.length > 20, `${lives.length} lives`);
  assert.equal(held, operators.length, `of ${lives.length} lives`);
});

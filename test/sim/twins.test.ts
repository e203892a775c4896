import assert from "node:assert/strict";
import { test } from "node:test";
import { equal } from "../../offchain/core/bytes.ts";
import type { TrackKey } from "../../offchain/core/segment.ts";
import { converged } from "./invariants/settled.ts";
import { quietPlan } from "./liars/quiet.ts";
import type { Action } from "./plan.ts";
import { World } from "./world.ts";

/** How a second process begins: on a copy of the disk as it is, on an older backup, and again while others are cut off. */
const STARTS: Readonly<Record<string, readonly Action[]>> = {
  "a copy of the disk": [{ at: 6_000, kind: "twin", node: 0, ageMs: 0, ms: 10_000 }],
  "a restored backup": [{ at: 9_000, kind: "twin", node: 0, ageMs: 5_000, ms: 8_000 }],
  "both, and the first is killed meanwhile": [
    { at: 5_000, kind: "twin", node: 0, ageMs: 0, ms: 5_000 },
    { at: 8_000, kind: "crash", node: 0, downMs: 500 },
    { at: 13_000, kind: "twin", node: 0, ageMs: 9_000, ms: 5_000 },
  ],
};

const WRITES_MS = 2_500;

/** Both processes write at the same time. Returns the tracks of those that are not the first. */
function write(world: World): TrackKey[] {
  const tracks: TrackKey[] = [];
  for (const worker of world.everybody) {
    const { life, operator } = worker;
    if (!life?.process.alive || !equal(operator, world.workers[0].operator)) continue;
    if (worker !== world.workers[0]) tracks.push(life.pen.track);
    const asked = { requester: world.random.bytes(32), nonce: world.random.bytes(32), maxLength: 30 };
    life.process.enter(() => {
      life.author.generate({ ...life.gateway.request([1, 2, 3], asked), answered: [] }, () => {});
    });
  }
  return tracks;
}

for (const [name, actions] of Object.entries(STARTS))
  test(`S9 two processes with one key: ${name}`, () => {
    const quiet = quietPlan(21, ["honest", "honest", "honest", "honest"]);
    const protocol = { ...quiet.protocol, retentionSeconds: 600 };
    const plan = { ...quiet, protocol, actions: [...actions], endAt: 55_000 };
    const world = new World(plan);
    const written: TrackKey[] = [];
    for (const { at, kind } of actions)
      if (kind === "twin") world.scheduler.after(at + WRITES_MS, () => written.push(...write(world)));
    world.run();
    const [first, ...others] = world.workers;
    const twins = world.everybody.slice(world.workers.length);
    assert.equal(twins.length, actions.filter(({ kind }) => kind === "twin").length);
    // A process that has ended is let go of: what it wrote is with the others.
    assert.equal(written.length, twins.length);
    for (const track of written) {
      assert.ok(first.disk.segment(track, 1), "the first holds what the second wrote");
      for (const { disk } of others) assert.ok(disk.segment(track, 1), "and so do the others");
    }
    for (const { name, protocol } of world.workers) assert.equal(protocol?.replica.evidence.size, 0, name);
    for (const { status } of world.chain.head.state.operators.values()) assert.equal(status, "active");
    assert.equal(world.members().length, 4);
    converged(world.members());
    world.clients.allAnswered();
  });

import assert from "node:assert/strict";
import { test } from "node:test";
import { equal } from "../../offchain/core/bytes.ts";
import { trackName } from "../../offchain/core/cut.ts";
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

/** Both processes write at the same time. */
function write(world: World): void {
  for (const { life, operator } of world.everybody) {
    if (!life?.process.alive || !equal(operator, world.workers[0].operator)) continue;
    const asked = { requester: world.random.bytes(32), nonce: world.random.bytes(32), maxLength: 30 };
    life.process.enter(() => {
      life.author.generate({ ...life.gateway.request([1, 2, 3], asked), answered: [] }, () => {});
    });
  }
}

for (const [name, actions] of Object.entries(STARTS))
  test(`S9 two processes with one key: ${name}`, () => {
    const quiet = quietPlan(21, ["honest", "honest", "honest", "honest"]);
    const protocol = { ...quiet.protocol, retentionSeconds: 600 };
    const plan = { ...quiet, protocol, actions: [...actions], endAt: 55_000 };
    const world = new World(plan);
    for (const { at, kind } of actions) if (kind === "twin") world.scheduler.after(at + WRITES_MS, () => write(world));
    world.run();
    const [first, ...others] = world.workers;
    const twins = world.everybody.slice(world.workers.length);
    assert.equal(twins.length, actions.filter(({ kind }) => kind === "twin").length);
    const own = first.disk.tracks().filter(({ operator }) => equal(operator, first.operator));
    const known = new Set(own.map(trackName));
    for (const twin of twins) {
      const track = twin.life?.pen.track;
      assert.ok(track && twin.disk.segment(track, 1), "the second wrote");
      assert.ok(known.has(trackName(track)), "the first holds what the second wrote");
      for (const { disk } of others) assert.ok(disk.segment(track, 1), "and so do the others");
    }
    for (const { name, protocol } of world.workers) assert.equal(protocol?.replica.evidence.size, 0, name);
    for (const { status } of world.chain.head.state.operators.values()) assert.equal(status, "active");
    assert.equal(world.members().length, 4);
    converged(world.members());
    world.clients.allAnswered();
  });

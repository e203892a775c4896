import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { equal, toHex } from "../../../offchain/core/bytes.ts";
import { converged } from "../invariants/settled.ts";
import { ROLES, type Role } from "../plan.ts";
import type { World } from "../world.ts";
import { liesOf, quietPlan, runWith } from "./quiet.ts";

const LIAR = 3;
const LEAST_CHECKPOINTS = 3;
const LEAST_ANSWERS = 15;

/** How many lies, and how many kinds of them, each role must have told with these seeds: else nothing was tried. */
const TOLD: Readonly<Record<Exclude<Role, "honest">, { least: number; kinds: number; seeds: readonly number[] }>> = {
  // It is convicted after few.
  equivocator: { least: 10, kinds: 5, seeds: [1, 2, 3, 4] },
  forker: { least: 10, kinds: 3, seeds: [5] },
  "false-beats": { least: 50, kinds: 6, seeds: [5, 6] },
  "false-attester": { least: 15, kinds: 8, seeds: [5, 6] },
  withholder: { least: 50, kinds: 4, seeds: [5] },
  flooder: { least: 300, kinds: 4, seeds: [6] },
  garbage: { least: 30, kinds: 4, seeds: [5] },
  censor: { least: 2, kinds: 2, seeds: [5] },
  "invalid-segments": { least: 15, kinds: 10, seeds: [5] },
  "false-rows": { least: 30, kinds: 4, seeds: [5] },
  forger: { least: 15, kinds: 5, seeds: [5] },
  impostor: { least: 30, kinds: 4, seeds: [5] },
  "false-teacher": { least: 30, kinds: 12, seeds: [5] },
};

/** Those whom it convicts, in the end. */
const CONTRADICT: readonly Role[] = ["equivocator", "forker"];

/** What liars said before they fell silent is still being committed: the last block is not with everybody at once. */
function settle(world: World): void {
  const isSettled = () => {
    try {
      converged(world.members());
      return true;
    } catch {
      return false;
    }
  };
  for (let tries = 20; tries > 0 && !isSettled(); tries--) world.scheduler.run(world.scheduler.now + 450);
  converged(world.members());
}

function checkHonest(world: World, liars: readonly number[]): void {
  const honest = world.workers.filter((_, node) => !liars.includes(node));
  assert.equal(world.members().length, honest.length, "everybody honest runs and is in the set");
  settle(world);
  const { state } = world.chain.head;
  for (const worker of honest) {
    assert.equal(worker.lives, 1, `${worker.name} fell over`);
    for (const name of worker.protocol?.replica.evidence.keys() ?? [])
      assert.ok(!honest.some(({ operator }) => toHex(operator) === name), `${worker.name} accuses somebody honest`);
    // What the honest wrote is covered, whatever the others have left open.
    const cut = worker.protocol?.consensus.latest.cut;
    for (const head of worker.protocol?.replica.heads.all() ?? [])
      if (honest.some(({ operator }) => equal(operator, head.operator)))
        assert.equal(cut?.entry(head)?.sequence, head.sequence, `${worker.name} knows of something not committed`);
  }
  assert.ok(state.checkpoints.length > LEAST_CHECKPOINTS, `only ${state.checkpoints.length - 1} checkpoints`);
  world.clients.allAnswered();
  assert.ok(world.clients.answered > LEAST_ANSWERS, `only ${world.clients.answered} answers`);
}

describe("one liar among four", () => {
  for (const role of ROLES)
    if (role !== "honest")
      test(`${role}`, () => {
        const { least, kinds, seeds } = TOLD[role];
        const lies: Record<string, number> = {};
        for (const seed of seeds) {
          const world = runWith(quietPlan(seed, ["honest", "honest", "honest", role]));
          const liar = world.workers[LIAR];
          for (const [lie, count] of Object.entries(liesOf(liar))) lies[lie] = (lies[lie] ?? 0) + count;
          checkHonest(world, [LIAR]);
          const record = world.chain.head.state.operators.get(toHex(liar.operator));
          assert.equal(record?.status, CONTRADICT.includes(role) ? "convicted" : "active");
          // A report about somebody honest would have ended the run.
          const drift = world.watching.faults.has("drift drift");
          if (role === "false-beats") assert.ok(drift && lies.digest > 0, "S10: a wrong digest was not reported");
        }
        const count = Object.values(lies).reduce((sum, n) => sum + n, 0);
        assert.ok(count >= least && Object.keys(lies).length >= kinds, `too few lies: ${JSON.stringify(lies)}`);
      });
});

test("two liars among seven, and what a seed decides", () => {
  const plan = quietPlan(11, ["honest", "honest", "invalid-segments", "honest", "equivocator", "honest", "honest"]);
  const worlds = [runWith(plan), runWith(plan)];
  for (const world of worlds) checkHonest(world, [2, 4]);
  assert.equal(worlds[0].timeline.digest, worlds[1].timeline.digest);
});

import { setImmediate } from "node:timers/promises";
import { countsOf } from "./counts.ts";
import { bounded, served } from "./invariants/kept.ts";
import {
  backlogCovered,
  chainReplays,
  converged,
  fallenCovered,
  orderIsForgotten,
  stakesBurnt,
  suffixIsEnough,
} from "./invariants/settled.ts";
import { Violation } from "./invariants/types.ts";
import type { Failure, Outcome } from "./outcome.ts";
import type { Plan } from "./plan.ts";
import { World } from "./world.ts";

/** Runs a plan to its end, or to the first thing that does not hold. */
export async function simulate(plan: Plan): Promise<Outcome> {
  const world = new World(plan);
  let failure: Failure | undefined;
  try {
    // What promises of dead processes hold is let go only between the turns of the real event loop.
    for (const _ of world.steps()) await setImmediate();
    // A plan that is cut off before it heals has promised nothing for its end.
    if (plan.endAt >= plan.healAt) settled(world);
  } catch (error) {
    failure = failureOf(error, world.scheduler.now);
  }
  return {
    plan,
    failure,
    simulatedMs: Math.floor(world.scheduler.now),
    ...countsOf(world),
    timeline: failure ? world.timeline.latest() : [],
    digest: world.timeline.digest,
  };
}

/** What must hold long after everything healed, and after the clients left. */
function settled(world: World): void {
  const members = world.members();
  const chance = world.random.fork("settled");
  // Causes before what follows from them.
  for (const worker of members) chainReplays(worker);
  converged(members);
  stakesBurnt(world.chain.head.state.operators);
  for (const worker of members) {
    backlogCovered(worker, worker.clock.now());
    fallenCovered(world.watching.seen, worker);
  }
  for (const worker of members) {
    world.watching.memory?.replays(worker);
    served(world.watching.seen, worker);
    bounded(world.watching.seen, worker, world.scheduler.now);
  }
  // Replays are dear, and seeds are many: of one member each time.
  if (members.length > 0) {
    const one = chance.pick(members);
    orderIsForgotten(one, chance.fork("order"));
    suffixIsEnough(one, chance.fork("suffix"));
  }
  world.clients.allAnswered();
}

function failureOf(error: unknown, at: number): Failure {
  if (error instanceof Violation) return { invariant: error.invariant, message: error.message, at };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { invariant: "threw", message, at };
}

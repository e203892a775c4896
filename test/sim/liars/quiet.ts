import { SOUND } from "../disk.ts";
import { ALIKE } from "../memory-plan.ts";
import type { Plan, Role } from "../plan.ts";
import { planOf } from "../swarm.ts";
import type { SimWorker } from "../worker.ts";
import { World } from "../world.ts";

const LYING_MS = 20_000;
const SETTLE_MS = 20_000;

/** A network without mishaps, in which operators have these roles: what goes wrong in it, a liar did. Where one lies about it, there is memory. */
export function quietPlan(seed: number, roles: readonly Role[]): Plan {
  const { memory: _, ...plan } = planOf(seed, "default");
  const remembers = roles.includes("false-teacher");
  const others = { columns: 100, orders: [1, 3], salt: seed, writers: [0, 1] };
  return {
    ...plan,
    ...(remembers ? { memory: { memories: [...ALIKE, others], teaching: 0.5, reading: 0.5 } } : {}),
    operators: roles.map((role) => ({ stake: 1000, role, founder: true })),
    network: { ...plan.network, delayMs: 5, jitterMs: 2, tailChance: 0, loss: 0 },
    disk: SOUND,
    chain: { ...plan.chain, blockMs: 500, mempoolMs: 100, pollMs: 300, silent: 0, behind: 0, misreport: 0 },
    protocol: { ...plan.protocol, capacity: 1_024, shortestMs: 1_000, longestMs: 4_000, censorshipMs: 4_000 },
    load: { requestsPerSecond: 1.5, maxLength: 40, tokenMs: 30 },
    crashBeforeEffect: 0,
    actions: [],
    healAt: LYING_MS,
    endAt: LYING_MS + SETTLE_MS,
  };
}

/** Runs a plan to its end; liars lie until it heals. @throws Violation */
export function runWith(plan: Plan): World {
  const world = new World(plan);
  for (const [node, worker] of world.workers.entries()) worker.spec.role = plan.operators[node].role;
  const hush = () => {
    for (const { spec, life } of world.workers) {
      spec.role = "honest";
      life?.twist?.hush();
    }
  };
  world.scheduler.after(plan.healAt, hush, "liars fall silent");
  world.run();
  return world;
}

/** How often each lie was told in a worker's present life. */
export function liesOf({ life }: SimWorker): Record<string, number> {
  return Object.fromEntries(life?.twist?.lies ?? []);
}

import type { Plan } from "./plan.ts";

/** A failure's name when whatever ran the simulation did not live to tell, mostly for want of memory. */
export const THREAD_DIED = "died";

/** What did not hold. `invariant` is a name of DESIGN §7, `threw` for an error that nobody expected, or `THREAD_DIED`. */
export type Failure = { invariant: string; message: string; at: number };

/** What came of one plan. Plain data, the same for the same plan on every machine. */
export type Outcome = {
  plan: Plan;
  failure?: Failure;
  /** Milliseconds of virtual time that passed, and how much happened in them. */
  simulatedMs: number;
  events: number;
  /** How often each kind of fault struck, each kind of message was sent and each invariant was checked. */
  faults: Record<string, number>;
  messages: Record<string, number>;
  checks: Record<string, number>;
  /** What was achieved: answers, checkpoints and so on. */
  achieved: Record<string, number>;
  /** The latest lines; only of a failure. */
  timeline: string[];
  digest: string;
};

export function reproduction({ seed, profile }: Plan): string {
  return `npm run sim -- --seed ${seed} --profile ${profile}`;
}

/** Adds the counts of one to another. */
export function addCounts(to: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(more)) to[name] = (to[name] ?? 0) + count;
}

import { equal } from "../../offchain/core/bytes.ts";
import { type Context, type Guard, type Pause, Revert } from "./contract-state.ts";

/** ActiveClock.sol and who may stop it, written down the obvious way: every pause is visited. */

type Clock = { state: { pauses: readonly Pause[] }; time: number };

/** Seconds that passed outside of pauses. */
export function activeTime({ state, time }: Clock): number {
  return state.pauses.reduce((active, { start, until }) => active - (Math.min(until, time) - start), time);
}

/** When active time reaches, or reached, `active`, as far as pauses are known. */
export function wallTime({ state }: Pick<Clock, "state">, active: number): number {
  let wall = active;
  for (const { start, until } of state.pauses) if (start < wall) wall += until - start;
  return wall;
}

/** Active time. @throws Revert while paused */
export function running(c: Clock): number {
  const until = c.state.pauses.at(-1)?.until ?? 0;
  if (c.time < until) throw new Revert("ActiveClockPaused", until);
  return activeTime(c);
}

/** Who calls has the roles of guardian and court. @throws Revert */
export function guarded({ deployment, from }: Pick<Context, "deployment" | "from">): Guard {
  const { guard } = deployment;
  if (!guard || !equal(guard.account, from)) throw new Revert("AccessManagedUnauthorized", from);
  return guard;
}

export function pause(c: Context, duration: number): void {
  const { longestPauseSeconds } = guarded(c);
  if (duration < 1 || duration > longestPauseSeconds) throw new Revert("ActiveClockDuration", duration);
  const latest = c.state.pauses.at(-1);
  if (latest && c.time < latest.until + longestPauseSeconds) throw new Revert("ActiveClockTooSoon");
  const until = c.time + duration;
  c.state.pauses.push({ start: c.time, until });
  c.events.push({ kind: "paused", from: c.time, until });
}

export function resume(c: Context): void {
  guarded(c);
  const latest = c.state.pauses.at(-1);
  if (!latest || c.time >= latest.until) throw new Revert("ActiveClockRunning");
  c.state.pauses[c.state.pauses.length - 1] = { ...latest, until: c.time };
  c.events.push({ kind: "resumed", at: c.time });
}

import type { Action, Plan } from "../plan.ts";
import type { SimWorker } from "../worker.ts";
import { Violation } from "./types.ts";

/** Long after anything that could disturb a connection: reconnecting takes a while. */
const CALM_MS = 15_000;
/** Beats come at least every 250 ms. */
const LATE_MS = 2_000;

/** What has nothing to do with beats on their own connection. */
const HARMLESS = new Set<Action["kind"]>(["chain-stop", "censor", "blind"]);

function disturbs(action: Action, now: number): boolean {
  if (HARMLESS.has(action.kind) || (action.kind === "slow-lane" && action.lane === "rows")) return false;
  const ms = ("ms" in action ? action.ms : 0) + ("downMs" in action ? action.downMs : 0);
  return now >= action.at && now < action.at + ms + CALM_MS;
}

/** L2: a beat reaches whoever is connected, whatever else is on its way to him. */
export function beatsArrive(plan: Plan, workers: readonly SimWorker[], now: number): boolean {
  const { network, disk, actions } = plan;
  if (network.loss > 0 || network.tailChance > 0 || disk.slow > 0 || actions.some((action) => disturbs(action, now)))
    return false;
  const settled = workers.filter(({ honest, alive, startedAt }) => honest && alive && now - startedAt > CALM_MS);
  for (const to of settled)
    for (const from of settled) {
      const at = to === from ? undefined : to.life?.lastBeat(from.operator);
      const late = at === undefined ? 0 : to.clock.now() - at;
      if (late > LATE_MS + 4 * (network.delayMs + network.jitterMs))
        throw new Violation(
          "L2",
          `${to.name} has had no beat of ${from.name} for ${late} ms, and nothing is in its way`,
        );
    }
  return true;
}

import { equal } from "../../../offchain/core/bytes.ts";
import { type Action, type ActionKind, isFelt, nodesOf, type Plan } from "../plan.ts";
import type { SimWorker } from "../worker.ts";
import { Violation } from "./types.ts";

/** Long after anything that could disturb a connection: reconnecting takes a while. */
const CALM_MS = 15_000;
/** Beats come at least every 250 ms. */
const LATE_MS = 2_000;

/** What has nothing to do with beats on their own connection. */
const HARMLESS = new Set<ActionKind>([
  "chain-stop",
  "censor",
  "blind",
  "clock-drift",
  "pause",
  "invalidate",
  "dispute",
]);

/** Whether an action may have to do with what two nodes have to say to one another now. */
function disturbs(action: Action, pair: readonly [number, number], now: number): boolean {
  if (HARMLESS.has(action.kind) || (action.kind === "slow-lane" && action.lane === "rows")) return false;
  if (!isFelt(action, now, CALM_MS)) return false;
  const nodes = nodesOf(action);
  if (action.kind === "flap") return pair.every((node) => nodes.includes(node));
  // What the chain takes back may have been the registry's word on anybody.
  return nodes.length === 0 || action.kind === "reorg" || pair.some((node) => nodes.includes(node));
}

/** L2: a beat reaches whoever is connected, whatever else is on its way to him. */
export class Beats {
  readonly #plan: Plan;
  /** Since when each pair has run, and known one another, without a break. */
  readonly #since = new Map<string, number>();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** To be called often. @returns of how many pairs it was asked */
  check(workers: readonly SimWorker[], members: readonly SimWorker[], now: number): number {
    const { network, disk, actions } = this.#plan;
    if (network.loss > 0 || network.tailChance > 0 || disk.slow > 0) return 0;
    const recent = actions.filter(({ at }) => at <= now);
    let asked = 0;
    for (const [b, to] of workers.entries())
      for (const [a, from] of workers.entries()) {
        const name = `${a} ${b}`;
        if (a === b || !members.includes(to) || !members.includes(from) || !knows(to, from) || !knows(from, to)) {
          this.#since.delete(name);
          continue;
        }
        const since = Math.max(this.#since.get(name) ?? now, from.startedAt, to.startedAt);
        this.#since.set(name, since);
        if (now - since < CALM_MS || recent.some((action) => disturbs(action, [a, b], now))) continue;
        asked += 1;
        this.#arrived(from, to, LATE_MS + 4 * (network.delayMs + network.jitterMs));
      }
    return asked;
  }

  #arrived(from: SimWorker, to: SimWorker, latest: number): void {
    const at = to.life?.lastBeat(from.operator);
    const late = at === undefined ? Number.POSITIVE_INFINITY : to.clock.now() - at;
    if (late <= latest) return;
    throw new Violation("L2", `${to.name} has had no beat of ${from.name} for ${late} ms, and nothing is in its way`);
  }
}

/** Where and as whom it is met. */
function knows({ protocol }: SimWorker, { operator, spec }: SimWorker): boolean {
  const known = protocol?.following.reachable().find((one) => equal(one.operator, operator));
  return known !== undefined && equal(known.signer, spec.signer.address) && known.endpoint === spec.endpoint;
}

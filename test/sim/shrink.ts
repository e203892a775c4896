import type { Failure, Outcome } from "./outcome.ts";
import { type Action, nodesOf, type Plan } from "./plan.ts";
import { isSound } from "./swarm.ts";

export type ShrinkOptions = {
  run(plan: Plan): Outcome | Promise<Outcome>;
  /** Milliseconds of real time, and how many of them it may take. */
  clock(): number;
  budgetMs: number;
};

/** Takes a plan instead of the best so far if it fails in the same way, and says whether it did. */
type Attempt = (plan: Plan) => Promise<boolean>;

/** A smaller plan that fails in the same way, and what came of it. `tried` counts the runs. */
export type Shrunk = { outcome: Outcome; tried: number };

/** Room behind the failure when the end is moved to it. */
const AFTER_MS = 1;

/**
 * Takes away what the failure does not need, by delta debugging: fault actions, lies, background faults, operators, load, and
 * time. Streams of chance are independent of one another, so what stays mostly does what it did.
 */
export async function shrink(failed: Outcome, { run, clock, budgetMs }: ShrinkOptions): Promise<Shrunk> {
  const until = clock() + budgetMs;
  const { invariant } = failed.failure as Failure;
  let [best, tried] = [failed, 0];
  const attempt: Attempt = async (plan) => {
    if (clock() >= until || !isSound(plan) || JSON.stringify(plan) === JSON.stringify(best.plan)) return false;
    tried += 1;
    const outcome = await run(plan);
    if (outcome.failure?.invariant !== invariant) return false;
    best = outcome;
    return true;
  };
  for (let before = ""; before !== JSON.stringify(best.plan) && clock() < until; ) {
    before = JSON.stringify(best.plan);
    await dropActions(() => best.plan, attempt);
    for (const simpler of simplerPlans(best.plan)) await attempt(simpler(best.plan));
    await dropOperators(() => best.plan, attempt);
    await endEarlier(best, attempt);
  }
  return { outcome: best, tried };
}

/** ddmin: half of them, a quarter, … one by one. */
async function dropActions(plan: () => Plan, attempt: Attempt): Promise<void> {
  for (let size = Math.ceil(plan().actions.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let from = 0; from < plan().actions.length; ) {
      const actions = plan().actions.filter((_, i) => i < from || i >= from + size);
      if (!(await attempt({ ...plan(), actions }))) from += size;
    }
}

/** One thing less each. */
function simplerPlans(plan: Plan): ((plan: Plan) => Plan)[] {
  const calm = { tailChance: 0, loss: 0 };
  const sound = { crashBefore: 0, crashAfter: 0, slow: 0 };
  const heard = { silent: 0, behind: 0, misreport: 0 };
  return [
    ...plan.operators.map((_, node) => (from: Plan) => ({
      ...from,
      operators: from.operators.map((one, i) => (i === node ? { ...one, role: "honest" as const } : one)),
    })),
    (from) => ({ ...from, network: { ...from.network, ...calm } }),
    (from) => ({ ...from, disk: { ...from.disk, ...sound } }),
    (from) => ({ ...from, crashBeforeEffect: 0 }),
    ({ memory, ...from }) => from,
    (from) => ({ ...from, chain: { ...from.chain, ...heard } }),
    (from) => ({ ...from, load: { ...from.load, requestsPerSecond: lighter(from.load.requestsPerSecond) } }),
    (from) => ({ ...from, load: { ...from.load, maxLength: Math.max(2, Math.floor(from.load.maxLength / 2)) } }),
    ...plan.actions.map((_, i) => (from: Plan) => ({
      ...from,
      actions: from.actions.map((one, j) => (i === j ? shorter(one) : one)),
    })),
  ];
}

/** Half of it, and nothing after a few times. */
function lighter(requestsPerSecond: number): number {
  return requestsPerSecond < 0.05 ? 0 : requestsPerSecond / 2;
}

function shorter(action: Action): Action {
  return "ms" in action ? { ...action, ms: Math.floor(action.ms / 2) } : action;
}

/** The last ones first; what was about them goes with them. */
async function dropOperators(plan: () => Plan, attempt: Attempt): Promise<void> {
  for (let node = plan().operators.length - 1; node >= 0; node--) {
    const { operators, actions } = plan();
    const rename = (one: number) => (one > node ? one - 1 : one);
    const kept = actions.flatMap((action) => without(action, node)).map((action) => renamed(action, rename));
    await attempt({ ...plan(), operators: operators.filter((_, i) => i !== node), actions: kept });
  }
}

/** The action when the node is not there, if anything is left of it. */
function without(action: Action, node: number): Action[] {
  const others = (nodes: readonly number[]) => nodes.filter((one) => one !== node);
  if (action.kind === "partition") {
    const [from, to] = [others(action.from), others(action.to)];
    return from.length > 0 && to.length > 0 ? [{ ...action, from, to }] : [];
  }
  if (action.kind === "reorg" || action.kind === "censor") return [{ ...action, nodes: others(action.nodes) }];
  return nodesOf(action).includes(node) ? [] : [action];
}

function renamed(action: Action, rename: (node: number) => number): Action {
  switch (action.kind) {
    case "partition":
      return { ...action, from: action.from.map(rename), to: action.to.map(rename) };
    case "reorg":
    case "censor":
      return { ...action, nodes: action.nodes.map(rename) };
    case "flap":
      return { ...action, a: rename(action.a), b: rename(action.b) };
    case "slow-lane":
      return action.from === undefined ? action : { ...action, from: rename(action.from) };
    case "chaos":
    case "chain-stop":
    case "pause":
    case "invalidate":
    case "dispute":
      return action;
    default:
      return { ...action, node: rename(action.node) };
  }
}

/** What fails on the way needs no time after it; what fails at the end perhaps needs less before. */
async function endEarlier({ plan, failure }: Outcome, attempt: Attempt): Promise<void> {
  const at = (failure as Failure).at;
  if (at < plan.healAt) {
    await attempt({ ...plan, endAt: at + AFTER_MS });
    return;
  }
  const lastAction = plan.actions.reduce(
    (last, action) => Math.max(last, action.at + ("ms" in action ? action.ms : 0)),
    0,
  );
  const healAt = Math.min(plan.healAt, lastAction + 1_000);
  if (healAt < plan.healAt) await attempt({ ...plan, healAt, endAt: healAt + plan.endAt - plan.healAt });
}

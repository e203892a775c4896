import { LANES } from "../../offchain/mesh/types.ts";
import { memoriesOf } from "./memory-plan.ts";
import { type Action, type ActionKind, type OperatorPlan, type Plan, type ProfileName, ROLES } from "./plan.ts";
import { Random } from "./random.ts";

/**
 * Plans drawn from seeds. As in swarm testing, each kind of fault is on or off for a whole run: what hides behind the noise
 * of one kind shows in the runs without it.
 */

type Profile = { faultyMs: [number, number]; settleMs: number; requestsPerSecond: [number, number] };

const SETTLE_MS = 45_000;
const PROFILE: Record<ProfileName, Profile> = {
  default: { faultyMs: [15_000, 45_000], settleMs: SETTLE_MS, requestsPerSecond: [0.1, 1] },
  long: { faultyMs: [300_000, 600_000], settleMs: 60_000, requestsPerSecond: [0.2, 3] },
  nightly: { faultyMs: [1_800_000, 3_600_000], settleMs: 90_000, requestsPerSecond: [0.1, 3] },
  signed: { faultyMs: [15_000, 30_000], settleMs: SETTLE_MS, requestsPerSecond: [0.2, 1] },
};

/** Nothing goes wrong before the workers have met. */
const QUIET_MS = 3_000;
const MOST_LIARS = 2;
const LEAST_OPERATORS = 3;
/** Operators wait longer than this before they take what the chain says for granted. */
const MOST_FORKED_MS = 5_000;
const STAKE = 1000;
/** How many descendants fall with a checkpoint, where there are so many. */
const BACK = [0, 0, 1, 3];
/** Share of runs in which little goes wrong: some promises are only made while nothing disturbs. */
const CALM_RUNS = 0.25;
/** Lies show best where nothing else goes wrong, and there are many kinds of them. */
const LYING_RUNS = 0.65;
/** What is learnt in a run is read in it. */
const REMEMBERING_RUNS = 0.5;

/** Background faults have no actions, but are on or off like the rest. */
const BACKGROUND = ["loss", "tail", "slow-disk", "disk-crashes", "effect-crashes", "provider", "misreport"] as const;
export type FaultKind = ActionKind | (typeof BACKGROUND)[number] | "liars";

/** Mean time between two actions of a kind, in milliseconds, when it is on at its highest intensity. */
const MEAN_MS: Record<ActionKind, number> = {
  partition: 10_000,
  flap: 3_000,
  "slow-lane": 15_000,
  lossy: 12_000,
  chaos: 20_000,
  crash: 8_000,
  stop: 12_000,
  "clock-jump": 12_000,
  "clock-drift": 20_000,
  "disk-full": 25_000,
  restore: 25_000,
  twin: 25_000,
  reorg: 8_000,
  "chain-stop": 30_000,
  censor: 25_000,
  blind: 20_000,
  join: 30_000,
  leave: 40_000,
  rotate: 30_000,
  pause: 25_000,
  invalidate: 15_000,
  dispute: 15_000,
};

export function planOf(seed: number, profile: ProfileName): Plan {
  const random = new Random(`plan ${profile} ${seed}`);
  const { faultyMs, settleMs, requestsPerSecond } = PROFILE[profile];
  const healAt = QUIET_MS + random.int(...faultyMs);
  const density = random.chance(CALM_RUNS) ? 0.1 : 0.5;
  const on = (kind: FaultKind) => random.fork(`on ${kind}`).chance(kind === "liars" ? LYING_RUNS : density);
  const strength = random.fork("strength");
  const some = (kind: FaultKind, most: number) => (on(kind) ? most * strength.float() : 0);
  const operators = operatorsOf(random.fork("operators"), on);
  const memory = random.fork("memory");
  const memories = memory.chance(REMEMBERING_RUNS) ? memoriesOf(memory, operators) : undefined;
  const plan: Plan = {
    seed,
    profile,
    operators,
    network: {
      delayMs: random.pick([1, 5, 20, 80]),
      jitterMs: random.pick([1, 10, 40]),
      tailChance: some("tail", 0.02),
      tailMs: 1_000,
      loss: some("loss", 0.02),
      bytesPerMs: 0,
      vanish: 0,
      repeat: 0,
      reorder: 0,
    },
    disk: {
      crashBefore: some("disk-crashes", 0.0005),
      crashAfter: some("disk-crashes", 0.0005),
      slow: some("slow-disk", 0.02),
      slowMs: 1_500,
    },
    crashBeforeEffect: some("effect-crashes", 0.0002),
    chain: {
      blockMs: random.pick([500, 1_000, 2_000]),
      mempoolMs: random.pick([100, 1_000, 4_000]),
      pollMs: random.pick([300, 1_000]),
      epochSeconds: random.pick([3, 10]),
      challengeWindowSeconds: random.pick([5, 15]),
      silent: some("provider", 0.2),
      behind: some("provider", 0.3),
      misreport: some("misreport", 0.3),
    },
    protocol: {
      capacity: random.pick([256, 1_024]),
      shortestMs: random.pick([500, 2_000]),
      longestMs: random.pick([3_000, 6_000]),
      censorshipMs: random.pick([4_000, 10_000]),
      retentionSeconds: retentionOf(random.pick([10, 600]), on),
    },
    load: {
      requestsPerSecond: requestsPerSecond[0] + random.float() * (requestsPerSecond[1] - requestsPerSecond[0]),
      maxLength: random.pick([6, 20, 60]),
      tokenMs: random.pick([10, 30, 80]),
    },
    ...(memories ? { memory: memories } : {}),
    actions: [],
    healAt,
    endAt: healAt + settleMs,
  };
  for (const kind of Object.keys(MEAN_MS) as ActionKind[])
    if (on(kind)) plan.actions.push(...actionsOf(kind, plan, random.fork(`actions ${kind}`)));
  plan.actions.sort((a, b) => a.at - b.at);
  return plan;
}

/** Longer than what a reorganisation takes back, where there are any: what is forgotten cannot be committed anew. */
function retentionOf(drawn: number, on: (kind: FaultKind) => boolean): number {
  return on("reorg") ? Math.max(drawn, 120) : drawn;
}

/** Liars have less than a third of what stays staked whoever leaves: honest ones who leave are seen to by `actionsOf`. */
function operatorsOf(random: Random, on: (kind: FaultKind) => boolean): OperatorPlan[] {
  const founders = random.chance(0.6) ? 4 : random.int(3, 7);
  const skewed = random.chance(0.4);
  const operators: OperatorPlan[] = Array.from({ length: founders + (on("join") ? random.int(1, 2) : 0) }, (_, i) => ({
    stake: skewed ? STAKE * random.int(1, 4) : STAKE,
    role: "honest",
    founder: i < founders,
  }));
  if (!on("liars")) return operators;
  const roles = ROLES.filter((role) => role !== "honest" && role !== "false-teacher");
  for (const one of random.shuffle(operators.filter(({ founder }) => founder)).slice(0, MOST_LIARS)) {
    one.role = random.pick(roles);
    if (!liarsAreFew(operators, [])) one.role = "honest";
  }
  return operators;
}

/** Whether what is promised under less than a third of lying stake may be asked of this plan. Three make a quorum. */
export function isSound({ operators, actions }: Plan): boolean {
  const leaving = actions.flatMap((action) => (action.kind === "leave" ? action.node : []));
  const staying = operators.filter(({ founder }, i) => founder && !leaving.includes(i));
  return staying.length >= LEAST_OPERATORS && liarsAreFew(operators, leaving);
}

/** Less than a third of the founders' stake without those who leave, so also of any set in between. */
function liarsAreFew(operators: readonly OperatorPlan[], leaving: readonly number[]): boolean {
  const stays = operators.filter(({ founder }, i) => founder && !leaving.includes(i));
  const sum = (of: readonly OperatorPlan[]) => of.reduce((total, { stake }) => total + stake, 0);
  return sum(stays.filter(({ role }) => role !== "honest")) * 3 < sum(stays);
}

function actionsOf(kind: ActionKind, plan: Plan, random: Random): Action[] {
  const mean = MEAN_MS[kind] * (1 + 3 * random.float());
  const actions: Action[] = [];
  const once = new Set<number>();
  const end = plan.healAt - 1_000;
  // At least once, when it is on at all.
  let at = QUIET_MS + random.float() * Math.min(mean, end - QUIET_MS);
  for (; at < end; at += random.exponential(mean)) {
    const action = actionOf(kind, Math.floor(at), plan, random, once);
    if (action) actions.push(action);
  }
  return actions;
}

/** @param once nodes to which this kind of action has happened that happens once only */
function actionOf(kind: ActionKind, at: number, plan: Plan, random: Random, once: Set<number>): Action | undefined {
  const nodes = plan.operators.map((_, i) => i);
  const node = random.pick(nodes);
  const some = () => nodes.filter(() => random.chance(0.5));
  // Most faults are short, some last.
  const ms = Math.min(
    plan.healAt - at,
    Math.floor(random.chance(0.2) ? random.int(8_000, 30_000) : random.int(100, 6_000)),
  );
  switch (kind) {
    case "partition": {
      const from = random.chance(0.4) ? [node] : some();
      const to = nodes.filter((other) => !from.includes(other));
      if (from.length === 0 || to.length === 0) return undefined;
      return { at, kind, ms, from, to, oneWay: random.chance(0.3), abrupt: random.chance(0.3) };
    }
    case "flap": {
      const b = random.pick(nodes.filter((other) => other !== node));
      return { at, kind, a: node, b };
    }
    case "slow-lane": {
      const lane = random.pick(LANES);
      // Rows are few here: what they would fill a lane with is taken from it.
      const bytesPerMs = random.pick(lane === "rows" ? [0.02, 0.5, 5] : [0.5, 5, 50]);
      return { at, kind, ms, lane, from: random.pick([undefined, node]), bytesPerMs };
    }
    case "lossy":
      return { at, kind, ms, node, loss: random.float() * 0.3, tailMs: random.int(0, 2_000) };
    case "chaos":
      return {
        at,
        kind,
        ms,
        vanish: random.float() * 0.1,
        repeat: random.float() * 0.1,
        reorder: random.float() * 0.2,
      };
    case "crash":
      return { at, kind, node, downMs: random.pick([50, 500, random.int(500, 15_000)]) };
    case "stop":
      return { at, kind, node, ms };
    case "clock-jump":
      return { at, kind, node, ms: random.pick([1_000, 30_000, 3_600_000]) };
    case "clock-drift":
      return { at, kind, node, rate: random.pick([0.9, 0.99, 1.01, 1.1]) };
    case "disk-full":
      return { at, kind, node, ms };
    case "restore":
      return { at, kind, node, ageMs: random.int(500, 20_000), downMs: random.int(100, 3_000) };
    case "twin":
      // Of a liar there is one.
      if (plan.operators[node].role !== "honest" || !plan.operators[node].founder) return undefined;
      return { at, kind, node, ageMs: random.pick([0, random.int(500, 20_000)]), ms: Math.max(ms, 3_000) };
    case "reorg":
      return {
        at,
        kind,
        ms: random.pick([0, Math.min(ms, MOST_FORKED_MS)]),
        depth: random.int(1, 6),
        nodes: some(),
        wins: random.chance(0.7),
      };
    case "chain-stop":
      return { at, kind, ms };
    case "censor":
      return { at, kind, ms, nodes: some() };
    case "blind":
      return { at, kind, node, ms };
    case "join": {
      const absent = nodes.find((one) => !plan.operators[one].founder && !once.has(one));
      if (absent === undefined) return undefined;
      once.add(absent);
      return { at, kind, node: absent };
    }
    case "leave": {
      const { founder, role } = plan.operators[node];
      const stay = plan.operators.filter((one, i) => one.founder && i !== node && !once.has(i));
      if (!founder || role !== "honest" || once.has(node) || stay.length < LEAST_OPERATORS) return undefined;
      if (!liarsAreFew(plan.operators, [...once, node])) return undefined;
      once.add(node);
      return { at, kind, node };
    }
    case "rotate":
      if (!plan.operators[node].founder || plan.operators[node].role !== "honest") return undefined;
      return { at, kind, node };
    case "pause":
      return { at, kind, ms, expires: random.chance(0.5) };
    case "invalidate":
      return { at, kind, back: random.pick(BACK) };
    case "dispute":
      return {
        at,
        kind,
        // Mostly longer than a window, so that descendants wait with it.
        ms: Math.min(plan.healAt - at, random.int(2_000, 25_000)),
        back: random.pick(BACK),
        falls: random.chance(0.5),
      };
  }
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { readArguments, UsageError } from "./arguments.ts";
import { addCounts, type Outcome, reproduction } from "./outcome.ts";
import { type Action, nodesOf, type Plan, PROFILES } from "./plan.ts";
import { shrink } from "./shrink.ts";
import { isSound, planOf } from "./swarm.ts";
import { Timeline } from "./timeline.ts";

const SEEDS = Array.from({ length: 300 }, (_, i) => i);

test("a plan is the same for its seed, whole as JSON, in time, and asks nothing of more liars than are allowed", () => {
  const kinds = new Map<string, number>();
  for (const profile of PROFILES)
    for (const seed of profile === "default" ? SEEDS : SEEDS.slice(0, 10)) {
      const plan = planOf(seed, profile);
      assert.deepEqual(JSON.parse(JSON.stringify(plan)), JSON.parse(JSON.stringify(planOf(seed, profile))));
      assert.ok(isSound(plan), `seed ${seed}`);
      for (const [i, action] of plan.actions.entries()) {
        assert.ok(action.at < plan.healAt && action.at >= (plan.actions[i - 1]?.at ?? 0));
        assert.ok(nodesOf(action).every((node) => node in plan.operators));
        if (profile === "default") kinds.set(action.kind, (kinds.get(action.kind) ?? 0) + 1);
      }
      assert.ok(plan.endAt > plan.healAt);
    }
  const all: Action["kind"][] = [
    ...(["partition", "flap", "slow-lane", "lossy", "chaos", "crash", "stop", "clock-jump", "clock-drift"] as const),
    ...(["disk-full", "restore", "twin", "reorg", "chain-stop", "censor", "blind", "join", "leave", "rotate"] as const),
    ...(["pause", "invalidate", "dispute"] as const),
  ];
  for (const kind of all) assert.ok((kinds.get(kind) ?? 0) >= 10, `${kind} ${kinds.get(kind)}`);
});

test("in a swarm every kind of fault is in many runs and not in many others", () => {
  const plans = SEEDS.map((seed) => planOf(seed, "default"));
  for (const kind of ["partition", "crash", "reorg", "chaos"]) {
    const having = plans.filter(({ actions }) => actions.some((action) => action.kind === kind)).length;
    assert.ok(having > 90 && having < 210, `${kind} is in ${having}`);
  }
  const lying = plans.filter(({ operators }) => operators.some(({ role }) => role !== "honest")).length;
  assert.ok(lying > 60 && lying < 210, `${lying} with liars`);
});

test("too many liars, or too few operators, are not sound", () => {
  const plan = planOf(1, "default");
  const operators = (...roles: ("honest" | "garbage")[]) => roles.map((role) => ({ stake: 1000, role, founder: true }));
  const make = (...roles: ("honest" | "garbage")[]): Plan => ({ ...plan, operators: operators(...roles), actions: [] });
  assert.ok(isSound(make("honest", "honest", "honest", "garbage")));
  assert.ok(!isSound(make("honest", "honest", "garbage")));
  assert.ok(!isSound(make("honest", "honest")));
  const leaving: Plan = {
    ...make("honest", "honest", "honest", "garbage"),
    actions: [{ at: 1, kind: "leave", node: 0 }],
  };
  assert.ok(!isSound(leaving));
});

function outcomeOf(plan: Plan, failure?: Outcome["failure"]): Outcome {
  const none = { faults: {}, messages: {}, checks: {}, achieved: {} };
  return { plan, failure, simulatedMs: 0, events: 0, timeline: [], digest: "", ...none };
}

test("shrinking leaves what the failure needs, and little else", async () => {
  const nodes = Array.from({ length: 6 }, () => ({ stake: 1000, role: "honest" as const, founder: true }));
  const noise = Array.from({ length: 30 }, (_, i): Action => ({ at: i * 100, kind: "flap", a: i % 6, b: (i + 1) % 6 }));
  const needed: Action[] = [
    { at: 50, kind: "crash", node: 5, downMs: 10 },
    { at: 2_950, kind: "partition", ms: 800, from: [0, 5], to: [1, 2, 3, 4], oneWay: false, abrupt: false },
  ];
  const plan: Plan = {
    ...planOf(1, "default"),
    operators: nodes,
    actions: [...needed, ...noise],
    healAt: 10_000,
    endAt: 20_000,
  };
  let runs = 0;
  const run = (tried: Plan): Outcome => {
    runs += 1;
    const crash = tried.actions.find(({ kind }) => kind === "crash");
    const cut = tried.actions.find(
      (action) => action.kind === "partition" && nodesOf(action).includes(nodesOf(crash ?? action)[0]),
    );
    // Another failure is not this one.
    if (!crash && cut) return outcomeOf(tried, { invariant: "S1", message: "", at: 1 });
    return outcomeOf(tried, crash && cut ? { invariant: "L3", message: "", at: tried.endAt } : undefined);
  };
  const { outcome, tried } = await shrink(run(plan), { run, clock: () => 0, budgetMs: 1 });
  const small = outcome.plan;
  assert.equal(outcome.failure?.invariant, "L3");
  assert.deepEqual(small.actions.map(({ kind }) => kind).sort(), ["crash", "partition"]);
  assert.equal(small.operators.length, 3);
  assert.ok(small.actions.flatMap(nodesOf).every((node) => node < 3));
  assert.equal(small.load.requestsPerSecond, 0);
  assert.ok(small.healAt < 5_000 && small.endAt - small.healAt === 10_000);
  assert.equal(tried, runs - 1);
  assert.ok(tried < 300, `${tried} runs`);
});

test("shrinking ends when its time is over", async () => {
  let now = 0;
  const run = (plan: Plan): Outcome => {
    now += 100;
    return outcomeOf(plan, { invariant: "L3", message: "", at: plan.endAt });
  };
  const { tried } = await shrink(run(planOf(4, "default")), { run, clock: () => now, budgetMs: 1_000 });
  assert.ok(tried <= 11, `${tried}`);
});

test("a timeline keeps its latest lines and a digest of all", () => {
  let now = 0;
  const [long, short] = [new Timeline(() => now, 5), new Timeline(() => now, 5)];
  for (let i = 0; i < 12; i++) {
    now = i * 1500;
    long.note("w1", `line ${i}`);
    if (i > 6) short.note("w1", `line ${i}`);
  }
  assert.deepEqual(
    long.latest(),
    [7, 8, 9, 10, 11].map((i) => `${(i * 1.5).toFixed(3).padStart(9)}  w1     line ${i}`),
  );
  assert.deepEqual(long.latest(2), long.latest().slice(3));
  assert.deepEqual(long.latest(), short.latest());
  assert.notEqual(long.digest, short.digest);
});

test("the command says what is wrong with it", () => {
  assert.deepEqual(readArguments(["--seed", "7", "--profile", "signed"]), {
    ...{ profile: "signed", first: 7, seeds: 1, hours: undefined, workers: 2, shrinkSeconds: 60, plan: undefined },
  });
  assert.equal(readArguments(["--hours", "0.5"]).seeds, Number.POSITIVE_INFINITY);
  const wrong = [
    ["--seeds", "0"],
    ["--seed", "-1"],
    ["--seed=x"],
    ["--profile", "x"],
    ["--hours", "0"],
    ["more"],
    ["--workers", "1.5"],
    ["--hours", "1", "--seeds", "1"],
  ];
  for (const args of wrong) assert.throws(() => readArguments(args), UsageError, args.join(" "));
  assert.deepEqual(readArguments(reproduction(planOf(3, "long")).split(" ").slice(4)).first, 3);
});

test("counts add up", () => {
  const sum = { a: 1 };
  addCounts(sum, { a: 2, b: 3 });
  assert.deepEqual(sum, { a: 3, b: 3 });
});

import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Chart, picture } from "./picture.ts";
import { markdown, QuietWorld, quantile } from "./quiet.ts";
import { gasOf } from "./scale-report.ts";

/** `npm run sim:cadence`: what the pace of checkpoints between its two intervals is worth, against either of them fixed. */

type Intervals = { name: string; shortestMs: number; longestMs: number; capacity: number };
/** As devnet and testnet are deployed (scripts/parameters). */
const PROFILES: readonly Intervals[] = [
  { name: "devnet", shortestMs: 3_000, longestMs: 15_000, capacity: 4_096 },
  { name: "testnet", shortestMs: 24_000, longestMs: 300_000, capacity: 16_384 },
];
const PACES = ["between", "shortest", "longest"] as const;
type Pace = (typeof PACES)[number];

const OPERATORS = 4;
const GAS = gasOf(OPERATORS);
const TOKEN_MS = 50;
const SETTLE_MS = 5_000;

/** Who writes when, in milliseconds from the beginning of the load; a third of the time each. */
type Load = { name: string; writes(node: number, third: number): { from: number; to: number }[] };
const BURST = { every: 120_000, ms: 20_000 };
const LOADS: readonly Load[] = [
  {
    name: "idle, but for one question after a silence",
    writes: (node) => (node === 0 ? [{ from: 0, to: 5_000 }] : []),
  },
  {
    name: "bursts of 20 s every 2 minutes",
    writes: (_, third) =>
      Array.from({ length: Math.floor(third / BURST.every) }, (_burst, i) => ({
        from: i * BURST.every,
        to: i * BURST.every + BURST.ms,
      })),
  },
  { name: "steady", writes: (_, third) => [{ from: 0, to: third }] },
];

type Cadence = {
  profile: string;
  pace: Pace;
  load: string;
  hours: number;
  checkpoints: number;
  median: number;
  p99: number;
};

/** One pace, a third of the time with each load. */
function measure(intervals: Intervals, pace: Pace, loads: readonly Load[], minutes: number): Cadence[] {
  const { shortestMs, longestMs, capacity } = intervals;
  const fixed = pace === "shortest" ? shortestMs : pace === "longest" ? longestMs : undefined;
  const world: QuietWorld = new QuietWorld({
    operators: OPERATORS,
    network: { delayMs: 15, jitterMs: 10 },
    protocol: {
      capacity,
      shortestMs: fixed ?? shortestMs,
      longestMs: fixed ?? longestMs,
      censorshipMs: 10 * longestMs,
      retentionSeconds: 120,
    },
    challengeWindowSeconds: 30,
    blockMs: 2_000,
    tokenMs: TOKEN_MS,
    watch: {
      sealed(worker, { segment }) {
        const own = sealedAt.get(worker.name) ?? [];
        own[segment.header.sequence] = world.scheduler.now;
        sealedAt.set(worker.name, own);
      },
      update: (worker) => void (worker === world.workers[0] && collect()),
    },
  });
  const sealedAt = new Map<string, number[]>();
  const taken = new Map<string, number>();
  const latencies: { sealed: number; ms: number }[] = [];
  let latest = 0;
  /** What newly mined checkpoints cover, as the first worker knows them. */
  const collect = () => {
    const consensus = world.workers[0].protocol?.consensus;
    for (; consensus && latest < consensus.latest.checkpoint.number; latest++) {
      const cut = consensus.committed(latest + 1)?.cut;
      if (!cut) return;
      for (const { name, operator, life } of world.workers)
        for (const entry of cut.entries) {
          if (!life || Buffer.compare(entry.operator, operator) !== 0) continue;
          const mined = world.minedAt[latest + 1];
          for (let i = (taken.get(name) ?? 0) + 1; i <= entry.sequence; i++) {
            const sealed = sealedAt.get(name)?.[i] as number;
            latencies.push({ sealed, ms: mined - sealed });
          }
          taken.set(name, entry.sequence);
        }
    }
  };
  world.start();
  world.scheduler.run(longestMs + SETTLE_MS);
  const third = (minutes * 60_000) / 3;
  const out: Cadence[] = [];
  for (const load of loads) {
    const from = world.scheduler.now;
    for (const node of world.workers.keys())
      for (const write of load.writes(node, third))
        world.scheduler.after(write.from, () => {
          const stop = world.write(node);
          world.scheduler.after(write.to - write.from, stop);
        });
    const before = world.minedAt.length;
    world.scheduler.run(from + third);
    const checkpoints = world.minedAt.length - before;
    // What was said at the end is committed after it, and belongs to this load all the same.
    world.scheduler.run(from + third + longestMs + SETTLE_MS * 4);
    const mine = latencies.filter(({ sealed }) => sealed >= from && sealed < from + third).map((one) => one.ms);
    out.push({
      profile: intervals.name,
      pace,
      load: load.name,
      hours: third / 3_600_000,
      checkpoints,
      median: quantile(mine, 0.5) / 1_000,
      p99: quantile(mine, 0.99) / 1_000,
    });
  }
  return out;
}

const perHour = ({ checkpoints, hours }: Cadence) => checkpoints / hours;
const gasPerHour = (one: Cadence) => perHour(one) * GAS;

/** Markdown: each load of each profile at each pace, and what the fixed ones are of that between. */
function report(all: readonly Cadence[]): string {
  const rows = all.map((one) => {
    const other = all.find(
      ({ profile, load, pace: of }) => profile === one.profile && load === one.load && of === "between",
    );
    const ratio = (of: (cadence: Cadence) => number) =>
      other && of(other) > 0 ? `${(of(one) / of(other)).toFixed(2)}` : "–";
    return [
      one.profile,
      one.load,
      one.pace === "between" ? "**between**" : `fixed, ${one.pace}`,
      perHour(one).toFixed(0),
      (gasPerHour(one) / 1e6).toFixed(1),
      one.median.toFixed(1),
      one.p99.toFixed(1),
      one === other ? "1" : `${ratio(gasPerHour)} / ${ratio(({ median }) => median)}`,
    ];
  });
  const head = [
    "intervals",
    "load",
    "pace",
    "checkpoints/h",
    "M gas/h",
    "median s",
    "p99 s",
    "gas / median of between",
  ];
  return markdown([head, ...rows]);
}

const COLORS: Record<Pace, string> = { between: "#2f8f4e", shortest: "#b8860b", longest: "#2b5fad" };

/** For each profile: gas against latency, one line a pace through its loads. */
function drawCadence(all: readonly Cadence[]): string {
  const charts = PROFILES.map(({ name, longestMs }): Chart => {
    const of = all.filter(({ profile }) => profile === name);
    const [from, to] = [3, longestMs < 30_000 ? 30 : 300];
    return {
      title: `${name}: gas against time to commit`,
      x: {
        name: "seal → committed, median s",
        from,
        to,
        ticks: [3, 10, 30, 100, 300].filter((s) => s <= to),
        log: true,
      },
      y: { name: "M gas/h", from: 0.3, to: 100, ticks: [1, 3, 10, 30, 100], log: true },
      lines: PACES.map((pace) => ({
        name: pace === "between" ? "between" : `fixed, ${pace}`,
        color: COLORS[pace],
        points: of.filter((one) => one.pace === pace).map((one) => [one.median, gasPerHour(one) / 1e6] as const),
      })),
    };
  });
  return picture("Gas an hour against the median time from seal to commit, for three paces and three loads.", charts);
}

const text = { type: "string" } as const;
const options = { profile: text, pace: text, load: text, minutes: text, into: text, from: text };
const { values } = parseArgs({ options });
const loads = LOADS.filter(({ name }) => name.startsWith(values.load ?? ""));
const all: Cadence[] = values.from
  ? readFileSync(values.from, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Cadence)
  : PROFILES.filter(({ name }) => !values.profile || name === values.profile).flatMap((one) =>
      PACES.filter((of) => !values.pace || of === values.pace).flatMap((of) =>
        measure(one, of, loads, Number(values.minutes ?? 30)),
      ),
    );
if (values.into) for (const one of all) appendFileSync(values.into, `${JSON.stringify(one)}\n`);
console.log(report(all));
if (all.length === PROFILES.length * PACES.length * LOADS.length)
  writeFileSync(new URL("../../docs/cadence.svg", import.meta.url), drawCadence(all));

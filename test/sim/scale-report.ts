import { type Chart, picture } from "./picture.ts";
import { markdown } from "./quiet.ts";

/** What was measured at one size. Times in milliseconds; rates are those of one operator. */
export type Figures = {
  operators: number;
  seconds: number;
  /** Bytes a second that leave an operator, by lane. */
  out: { pager: number; plot: number; rows: number };
  segments: number;
  /** To each peer. */
  beats: number;
  beatBytes: number;
  /** From the seal until so many hold it, and until its author knows. */
  stored: { median: number; p99: number };
  known: { median: number; p99: number };
  checkpoint: {
    segments: number;
    proposalBytes: number;
    asked: number;
    answered: number;
    signatures: number;
    calldata: number;
  };
  /** CPU of core in a second, by event, and the longest step of each. */
  cpu: Record<string, number>;
  longest: Record<string, number>;
  /** CPU of everything that simulates one operator for a second. */
  all: number;
};

/** Of a commit that a quorum of equal stakes signed: within 1 % of what `test/sim/commit-gas.ts` measures at 4 to 128. */
export const gasOf = (operators: number) => 119_000 + 3_923 * operators;
/** Of the native library: signatures and hashes cost nothing in a simulation. */
const RECOVER_MS = 0.08;
/** Of a message's sender, and again of its receiver, by `test/sim/message-cost.ts`. */
const MESSAGE_MS = 0.05;

const kb = (bytes: number) => (bytes / 1_000).toFixed(bytes < 10_000 ? 1 : 0);
const ms = (value: number) => value.toFixed(value < 10 ? 1 : 0);
const coreOf = ({ cpu }: Figures) => Object.values(cpu).reduce((sum, one) => sum + one, 0);
/** Computed: every segment of every other operator is verified once. */
const signaturesOf = ({ segments, operators }: Figures) => segments * (operators - 1) * RECOVER_MS;
/** Computed: a message for each segment and each beat, to and from everybody. */
const messagesOf = ({ segments, beats, operators }: Figures) => 2 * (segments + beats) * (operators - 1) * MESSAGE_MS;
const threadOf = (one: Figures) => coreOf(one) + signaturesOf(one) + messagesOf(one);

type Row = { name: string; of: (one: Figures) => number; say?: (value: number) => string };

const ROWS: readonly Row[] = [
  { name: "segments sealed, /s", of: ({ segments }) => segments },
  { name: "pager out, kB/s", of: ({ out }) => out.pager, say: kb },
  { name: "plot out, kB/s", of: ({ out }) => out.plot, say: kb },
  { name: "rows out at 4 bytes a row, kB/s", of: ({ out }) => out.rows, say: kb },
  { name: "beats to each peer, /s", of: ({ beats }) => beats },
  { name: "beat, median bytes", of: ({ beatBytes }) => beatBytes, say: String },
  { name: "seal → stored by > 2/3, median ms", of: ({ stored }) => stored.median },
  { name: "seal → stored by > 2/3, p99 ms", of: ({ stored }) => stored.p99 },
  { name: "seal → known to be, median ms", of: ({ known }) => known.median },
  { name: "seal → known to be, p99 ms", of: ({ known }) => known.p99 },
  { name: "core, CPU ms/s", of: coreOf },
  { name: "of it segments", of: ({ cpu }) => cpu["segments"] ?? 0 },
  { name: "of it beats", of: ({ cpu }) => cpu["beat"] ?? 0 },
  { name: "of it ticks", of: ({ cpu }) => cpu["tick"] ?? 0 },
  { name: "signatures, computed at 0.08 ms, CPU ms/s", of: signaturesOf },
  { name: "gRPC, computed at 0.05 ms an end, CPU ms/s", of: messagesOf },
  { name: "the three together, CPU ms/s", of: threadOf },
  { name: "core, mesh and simulator, CPU ms/s", of: ({ all }) => all },
  { name: "proposal, bytes", of: ({ checkpoint }) => checkpoint.proposalBytes, say: (value) => value.toFixed(0) },
  { name: "attestations asked for", of: ({ checkpoint }) => checkpoint.asked, say: String },
  { name: "signatures in the commit", of: ({ checkpoint }) => checkpoint.signatures, say: String },
  { name: "commit, calldata bytes", of: ({ checkpoint }) => checkpoint.calldata, say: String },
  { name: "commit, thousand gas", of: ({ operators }) => gasOf(operators) / 1_000, say: (value) => value.toFixed(0) },
  { name: "segments in that checkpoint", of: ({ checkpoint }) => checkpoint.segments, say: String },
  { name: "longest proposing step, CPU ms", of: ({ longest }) => longest["tick"] ?? 0 },
  { name: "longest attesting step, CPU ms", of: ({ longest }) => longest["asked"] ?? 0 },
];

/** The exponent x of growth as N^x between the first and the last size, and between the last two. */
function growth(figures: readonly Figures[], of: Row["of"]): string {
  const between = (a: Figures, b: Figures) =>
    (Math.log(of(b) / of(a)) / Math.log(b.operators / a.operators)).toFixed(1);
  const [first, last] = [figures[0], figures[figures.length - 1]];
  return first === last ? "–" : `${between(first, last)}, ${between(figures[figures.length - 2], last)}`;
}

/** Markdown: a column for each size, and how each row grows. */
export function report(figures: readonly Figures[]): string {
  const head = ["", ...figures.map(({ operators }) => `N = ${operators}`), "N^x, first–last, last two"];
  return markdown([
    head,
    ...ROWS.map(({ name, of, say = ms }) => [name, ...figures.map((one) => say(of(one))), growth(figures, of)]),
  ]);
}

/** Bytes and CPU by size, with what a machine has. */
export function drawScale(figures: readonly Figures[]): string {
  const line = (name: string, color: string, of: Row["of"]) => ({
    name,
    color,
    points: figures.map((one) => [one.operators, of(one)] as const),
  });
  const x = { name: "operators", from: 4, to: 128, ticks: [4, 16, 64, 128], log: true };
  const limit = (name: string, at: number) => ({
    name,
    color: "#b33",
    dashed: true,
    points: [[4, at] as const, [128, at] as const],
  });
  const bytes: Chart = {
    title: "What leaves one operator",
    x,
    y: { name: "bytes/s", from: 1e3, to: 1e9, ticks: [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9], log: true },
    lines: [
      line("pager", "#b8860b", ({ out }) => out.pager),
      line("plot", "#2b5fad", ({ out }) => out.plot),
      line("rows, 46 kB each (comp.)", "#2f8f4e", ({ segments, operators }) => segments * (operators - 1) * 46_080),
      limit("1 Gbit/s", 125e6),
    ],
  };
  const cpu: Chart = {
    title: "CPU of one operator",
    x,
    y: { name: "ms/s", from: 1, to: 1e4, ticks: [1, 10, 100, 1e3, 1e4], log: true },
    lines: [
      line("core", "#2b5fad", coreOf),
      line("signatures (comp.)", "#777", signaturesOf),
      line("gRPC (comp.)", "#b8860b", messagesOf),
      line("together", "#2f8f4e", threadOf),
      limit("one thread", 1e3),
    ],
  };
  return picture("Bytes that leave one operator a second by lane, and its CPU, at 4 to 128 operators.", [bytes, cpu]);
}

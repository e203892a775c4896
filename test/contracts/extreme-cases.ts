import { type Op, operandsOf } from "../../offchain/core/model-program.ts";
import { austen, constantOf } from "../unit/inference/exact/austen.ts";
import { type At, type Case, limitsOf, readCase, TENSORS } from "./model-cases.ts";

/** An element at an end of what there can be, and the integer that it is, worked out by hand or in plain doubles. */
export type Extreme = { what: string; one: Case; is: number };

const POSITIONS = 1_024;
const MASK = 2 ** 21;
/** The largest score of a head: 32 products of int8. */
const SCORE = 32 * 127 ** 2;

/** Values by the field of the operation that names their operand; a table that is not given is the model's own. */
type Values = Record<string, number | ((at: At) => number)>;
type Where = { at?: Partial<At>; positions?: number; token?: number };

/** An operation of weft-austen, whose operands have the names of the cases. */
function localOf(name: string): { op: Op; fieldOf: Map<string, string>; ownOf: Map<string, string> } {
  const own = austen.ops.find((one) => one.name === name) as Op;
  const { tensors } = operandsOf(own, austen.vocab, austen.maxPositions);
  const fieldOf = new Map<string, string>();
  const ownOf = new Map<string, string>();
  const changed: Record<string, string> = {};
  for (const [field, named] of Object.entries(own) as [string, string][]) {
    const isTensor = tensors.some((one) => one.name === named);
    const isConstant = austen.constants.some((one) => one.name === named);
    if (field === "name" || !(isTensor || isConstant)) continue;
    const constant = field === "weights" ? "weights" : field === "expTable" ? "exp" : "entries";
    const local = field === "residual" ? "before" : isTensor ? (TENSORS[fieldOf.size] as string) : constant;
    changed[field] = local;
    fieldOf.set(local, field);
    ownOf.set(local, named);
  }
  return { op: { ...own, ...changed } as Op, fieldOf, ownOf };
}

/** The last element of the last of 1,024 positions, unless said otherwise. */
function extreme(name: string, what: string, is: number, values: Values, where: Where = {}): Extreme {
  const { op, fieldOf, ownOf } = localOf(name);
  const { positions = POSITIONS, token = 0 } = where;
  const past = limitsOf(op, positions);
  const last = { head: past.head - 1, position: past.position - 1, part: past.part - 1, column: past.column - 1 };
  const shown = (local: string, at: At): number => {
    const value = values[fieldOf.get(local) as string];
    if (typeof value === "number") return value;
    if (value) return value(at);
    const own = austen.constants.find((one) => one.name === ownOf.get(local));
    if (!own) throw new Error(`${name}: what is ${fieldOf.get(local)}?`);
    return constantOf(own.name)[at.position * own.columns + at.column] as number;
  };
  const at = { ...last, ...where.at };
  return { what: `${name}: ${what}`, one: readCase({ op, at, positions, token }, shown), is };
}

const rounded = (x: number, shift: number) => Math.floor(x / 2 ** shift + 0.5);
const within = (x: number, clip: number) => Math.max(-clip, Math.min(clip, x));
/** Value of the first column that is read, and of all others. */
const first =
  (one: number) =>
  ({ column }: At) =>
    column === 0 ? one : 0;
const alternating =
  (most: number) =>
  ({ column }: At) =>
    column % 2 === 0 ? most : -most;

/** Multiplier and exponent of a table's entry. */
const entryOf = (table: string, entry: number): [number, number] => {
  const values = constantOf(table);
  return [values[2 * entry] as number, values[2 * entry + 1] as number];
};

/** The least x whose product with m is half way between two multiples of 2^e. */
function halfWay(m: number, e: number, most: number): number | undefined {
  for (let x = 1; e > 0 && x <= most; x++) if ((x * m) % 2 ** e === 2 ** (e - 1)) return x;
  return undefined;
}

/** Sums at both ends of the table of roots, and on both sides of where its near part ends. */
function norms(): Extreme[] {
  return [0, 3, 4, 16_379, 16_380, 16_383, 16_384, 12_484_799, 12_484_800].flatMap((sum) => {
    const [m, e] = entryOf("rsqrt", Math.min(sum >> 2, 4_095) + (sum >> 10));
    const half = halfWay(m, e, 32_767);
    const inputs = [32_767, -32_767, ...(half === undefined ? [] : [half, -half])];
    return inputs.map((input) =>
      extreme("0.norm1", `${input} of a sum of ${sum}`, within(rounded(input * m, e), 127), { input, sum }),
    );
  });
}

/** The same of probabilities: of one key, of 1,024 that are all the largest, and in between. */
function probabilities(): Extreme[] {
  const exp = Array.from(constantOf("exp"));
  const sums = [4_095, 65_519, 65_520, 65_535, 65_536, 1_024 * 4_095 - 1, 1_024 * 4_095];
  return sums.flatMap((sum) => {
    const [m, e] = entryOf("reciprocal", Math.min(sum >> 4, 4_095) + (sum >> 10));
    const tied = exp.length - exp.toReversed().findIndex((x) => x > 0 && (x * m) % 2 ** e === 2 ** (e - 1)) - 1;
    const indexes = [0, 1, 510, 511, ...(tied < exp.length ? [tied] : [])];
    const ofIndex = indexes.map((index) =>
      extreme("0.probabilities", `entry ${index} of a sum of ${sum}`, rounded((exp[index] as number) * m, e), {
        scores: SCORE - 8 * index,
        max: SCORE,
        sum,
      }),
    );
    const masked = { scores: SCORE - MASK, max: -SCORE, sum };
    return [...ofIndex, extreme("0.probabilities", `a masked key of a sum of ${sum}`, 0, masked)];
  });
}

/** How far the scores of part 3 are below the largest: to either side of entries' ends, then masked. */
const BELOW = [0, 7, 8, 510 * 8 + 7, 511 * 8, 2 ** 20];

const product = (name: string, terms: number, [post, most]: [(x: number) => number, number]): Extreme[] => [
  extreme(name, "all products the largest", post(terms * most ** 2), { input: most, weights: most }),
  extreme(name, "all products the least", post(-terms * most ** 2), { input: -most, weights: most }),
  extreme(name, "products of either sign", post(0), { input: alternating(most), weights: most }),
];

export const EXTREMES: Extreme[] = [
  extreme("embedding", "the last token", constantOf("embedding.weight")[256 * 192 - 1] as number, {}, { token: 255 }),
  extreme(
    "embedding",
    "the first of all",
    constantOf("embedding.weight")[0] as number,
    {},
    { at: { position: 0, column: 0 } },
  ),
  extreme("embedding", "the least weight", -127, { weights: -127 }, { token: 255 }),
  extreme("0.norm1.sum", "all past the clip", 192 * 255 ** 2, { input: alternating(32_767) }),
  extreme("0.norm1.sum", "halves above zero", 192, { input: 32 }),
  extreme("0.norm1.sum", "halves below zero", 0, { input: -32 }),
  extreme("0.norm1.sum", "a half above the clip, and one below", 192 * 255 ** 2, { input: alternating(255 * 64 + 32) }),
  extreme("0.norm1.sum", "just not a half", 192 * 255 ** 2, { input: alternating(255 * 64 + 31) }),
  ...norms(),
  ...product("0.query", 192, [(x) => within(rounded(x, 6), 4_095), 127]),
  extreme("0.query", "a half above zero", 1, { input: first(32), weights: 1 }),
  extreme("0.query", "a half below zero", 0, { input: first(-32), weights: 1 }),
  ...product("2.block.parts", 256, [(x) => x, 127]),
  ...product("logits", 192, [(x) => x, 127]),
  extreme("0.attended", "a half, and at the bound", 32_767, { input: 127, weights: 127, residual: 8_573 }),
  extreme("0.attended", "one past the bound", 32_767, { input: 127, weights: 127, residual: 8_574 }),
  extreme("0.attended", "a half below, and at the bound", -32_767, { input: -127, weights: 127, residual: -8_574 }),
  extreme("0.attended", "one before the bound", -32_766, { input: -127, weights: 127, residual: -8_573 }),
  ...[-4_095, 4_095].flatMap((input) =>
    [0, 15, 16, 31].map((column) => {
      const [cos, sin] = [0, 16].map((side) => constantOf("angles")[1_023 * 32 + side + (column % 16)] as number) as [
        number,
        number,
      ];
      const turned = column < 16 ? input * cos - input * sin : input * sin + input * cos;
      const is = within(rounded(turned, 14), 127);
      return extreme("0.queries", `${input} by the last angles, column ${column}`, is, { input }, { at: { column } });
    }),
  ),
  extreme("0.queries", "a half by the first angle", 1, { input: 8 }, { at: { position: 0 } }),
  extreme("0.queries", "a half below by the first angle", 0, { input: -8 }, { at: { position: 0, column: 0 } }),
  extreme("0.scores", "the position's own key", SCORE, { queries: 127, keys: 127 }),
  extreme(
    "0.scores",
    "of the first position",
    -SCORE,
    { queries: -127, keys: 127 },
    { at: { position: 0, column: 0 } },
  ),
  extreme("0.scores", "the next key", SCORE - MASK, { queries: 127, keys: 127 }, { at: { position: 1_022 } }),
  extreme(
    "0.scores",
    "the last key at the first",
    -SCORE - MASK,
    { queries: -127, keys: 127 },
    { at: { position: 0 } },
  ),
  extreme("0.max.parts", "all are the largest", -SCORE, { scores: -SCORE }),
  extreme("0.max.parts", "all are masked", SCORE - MASK, { scores: SCORE - MASK }, { at: { position: 0 } }),
  extreme("0.max.parts", "the last one", 5, { scores: ({ column }) => (column === 1_023 ? 5 : 4) }),
  extreme(
    "0.max.parts",
    "none past the end",
    4,
    { scores: ({ column }) => (column === 1_023 ? 5 : 4) },
    { positions: 1_023 },
  ),
  extreme("0.max.parts", "the least int32", -(2 ** 31), { scores: -(2 ** 31) }),
  extreme("0.max", "two parts alike", SCORE, { input: ({ part }) => (part < 2 ? SCORE : -SCORE) }),
  extreme("0.max", "the last part, of masked ones", SCORE - MASK, { input: ({ part }) => SCORE - MASK - 3 + part }),
  extreme("0.sum.parts", "all are the largest", 256 * 4_095, { scores: SCORE, max: SCORE }),
  extreme("0.sum.parts", "all are masked", 0, { scores: SCORE - MASK, max: -SCORE }, { at: { position: 0 } }),
  extreme(
    "0.sum.parts",
    "both ends of the table",
    2 * 4_095 + (constantOf("exp")[1] as number) + (constantOf("exp")[510] as number),
    { scores: ({ column }) => SCORE - (BELOW[column - 768] ?? MASK), max: SCORE },
  ),
  extreme("0.sum", "four parts, all the largest", 1_024 * 4_095, { input: 256 * 4_095 }),
  ...probabilities(),
  extreme("0.weighted.parts", "all of one key", 4_640 * 127, {
    probabilities: ({ column }) => (column === 1_023 ? 4_640 : 0),
    values: 127,
  }),
  extreme("0.weighted.parts", "of keys that are alike", -256 * 4 * 127, { probabilities: 4, values: -127 }),
  extreme("0.weighted.parts", "all are masked", 0, { probabilities: 0, values: -127 }, { at: { position: 0 } }),
  extreme("0.weighted", "past the clip", 127, { input: (4_640 * 127) / 4 }),
  extreme("0.weighted", "past the clip below", -127, { input: -(4_640 * 127) / 4 }),
  extreme("0.weighted", "a half", 1, { input: 512 }),
  extreme("0.weighted", "a half below", 0, { input: -512 }),
  extreme("2.block", "past the bound", 32_767, { input: 256 * 127 ** 2, residual: 32_767 }),
  extreme("2.block", "past the bound below", -32_767, { input: -256 * 127 ** 2, residual: -32_767 }),
  extreme("2.block", "a half, and at the bound", 32_767, { input: 2, residual: 32_766 }),
  extreme("2.block", "a half below", -32_767, { input: -2, residual: -32_767 }),
  extreme("2.hidden", "a half above the clip", 127, { gate: 2_047, up: 2_047 }),
  extreme("2.hidden", "past the clip below", -127, { gate: 2_047, up: -2_047 }),
  extreme("2.hidden", "nothing opens", 0, { gate: 0, up: 2_047 }),
  extreme("2.hidden", "nothing below zero passes", 0, { gate: -1, up: 2_047 }),
  extreme("2.hidden", "a half", 1, { gate: 32, up: 512 }),
  extreme("2.hidden", "a half below", 0, { gate: 32, up: -512 }),
];

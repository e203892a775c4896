import { Writer } from "../../offchain/core/bytes.ts";
import { elementOf, type Operand } from "../../offchain/core/model-element.ts";
import { writeOp } from "../../offchain/core/model-op-format.ts";
import { type Kind, type Op, operandsOf, shapeOf } from "../../offchain/core/model-program.ts";

/** Numbers that depend on the seed only. */
export type Chance = { below(limit: number): number; of<T>(choices: readonly T[]): T };

export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    return Math.floor((scramble(state) / 2 ** 32) * limit);
  };
  return { below, of: (choices) => choices[below(choices.length)] as (typeof choices)[number] };
}

function scramble(x: number): number {
  let hash = Math.imul(x ^ (x >>> 15), x | 1);
  hash ^= hash + Math.imul(hash ^ (hash >>> 7), hash | 61);
  return (hash ^ (hash >>> 14)) >>> 0;
}

/** Where an element stands. */
export type At = { head: number; position: number; part: number; column: number };
export type Read = { name: string; bytes: 1 | 2 | 4; places: At[]; values: bigint[] };
export type Case = { op: Op; at: At; positions: number; token: number; reads: Read[]; value: bigint };

export const VOCAB = 300;
export const TENSORS = ["a", "b", "c", "before"];
export const CONSTANTS = ["weights", "exp", "entries"];
/** Ends of parts, of the default model's context, and the least there is. */
const POSITIONS = [1, 2, 255, 256, 257, 600, 1_023, 1_024];
const SHIFTS = [-23, -1, 0, 1, 7, 23];
const CLIPS = [1, 127, 32_767, 2 ** 24];
const LARGEST = 2 ** 31 - 1;

/** In the order of their tags. */
export const KINDS: readonly Kind[] = [
  "embedding",
  "squareSum",
  "norm",
  "linear",
  "rope",
  "score",
  "scoreMax",
  "partMax",
  "expSum",
  "probability",
  "weightedSum",
  "partSum",
  "gate",
];

/** An operation of this kind within the format's bounds; no other one has to fit it. */
export function opOf(kind: Kind, { of, below }: Chance): Op {
  const width = of([1, 2, 192, 255, 256, 257, 512, 700]);
  // Only a product, or the sum of its parts, can do without a clip.
  const clips = kind === "linear" || kind === "partSum" ? [0, ...CLIPS] : CLIPS;
  const [shift, clip] = [of(SHIFTS), of(clips)];
  const keyHeads = of([1, 2, 3]);
  const heads = keyHeads * of([1, 2, 3]);
  const size = of([1, 32, 48, 255, 256]);
  const bits = of([0, 1, 3, 8, 23]);
  const place = { near: of([0, 2, 23]), far: of([0, 10, 23]), cap: of([0, 1, 4095, 2 ** 24]) };
  const entries = of([1, 2, 255, 512, 700]);
  const residual = below(2) === 0 ? {} : { residual: "before" };
  const name = kind;
  switch (kind) {
    case "embedding":
      return { kind, name, weights: "weights", width, shift };
    case "squareSum":
      return { kind, name, input: "a", width, shift, clip };
    case "norm":
      return { kind, name, input: "a", sum: "b", placeTable: "entries", width, clip, ...place };
    case "linear": {
      const post = width > 256 ? { shift: 0, clip: 0 } : { shift, clip, ...residual };
      return { kind, name, input: "a", weights: "weights", inner: width, outer: of([1, 192, 300]), ...post };
    }
    case "rope":
      return { kind, name, input: "a", angleTable: "entries", heads, size: of([2, 32, 48, 512]), shift, clip };
    case "score":
      return { kind, name, queries: "a", keys: "b", heads, keyHeads, size, mask: of([0, 1, 2 ** 21, 2 ** 24]) };
    case "scoreMax":
      return { kind, name, scores: "a", heads };
    case "partMax":
      return { kind, name, input: "a", heads };
    case "expSum":
      return { kind, name, scores: "a", max: "b", expTable: "exp", heads, shift: bits, entries };
    case "probability": {
      const tables = { expTable: "exp", placeTable: "entries", entries };
      return { kind, name, scores: "a", max: "b", sum: "c", heads, shift: bits, ...tables, ...place };
    }
    case "weightedSum":
      return { kind, name, probabilities: "a", values: "b", heads, valueHeads: keyHeads, size };
    case "partSum":
      return {
        kind,
        name,
        input: "a",
        heads,
        parts: of(["positionParts", 1, 2, 256]),
        width,
        shift,
        clip,
        ...residual,
      };
    case "gate":
      return { kind, name, gate: "a", up: "b", width, shift, clip };
  }
}

/** The leaf of an operation, for one behind `TENSORS` that may read `CONSTANTS`. */
export const FIRST_TENSOR = 7;

export function opLeaf(op: Op): Uint8Array {
  const found = (names: string[]) => (name: string) => (names.includes(name) ? names.indexOf(name) : undefined);
  const out = writeOp(new Writer().u16(FIRST_TENSOR), op, found(TENSORS), found(CONSTANTS));
  return out.u8(op.name.length).raw(new TextEncoder().encode(op.name)).done();
}

const mostly = (choose: number, extremes: readonly number[], any: () => number): number =>
  choose % 4 < extremes.length && choose % 3 === 0 ? (extremes[choose % 4] as number) : any();

/** The value at a place: of any size that its operand may have, ends and ties among them. */
function valueAt(seed: number, op: Op, name: string, { head, position, part, column }: At): number {
  let hash = scramble(seed ^ (TENSORS.indexOf(name) + 16 * CONSTANTS.indexOf(name) + 1));
  for (const field of [head, position, part, column]) hash = scramble(hash ^ (field + 0x9e37));
  const within = (low: number, high: number) => low + (scramble(hash ^ 0x55) % (high - low + 1));
  const [choose, edge] = [hash >>> 3, 2 ** 20];
  if (name === "weights") return mostly(choose, [-127, 127, 0], () => within(-127, 127));
  if (name === "exp" || op.kind === "rope") {
    if (CONSTANTS.includes(name)) return mostly(choose, [-32_768, 32_767, 0], () => within(-32_768, 32_767));
  }
  if (name === "entries" && column % 2 === 1) return mostly(choose, [-64, 0, 129, 32_767], () => within(-3, 40));
  if (name === "entries") return mostly(choose, [-32_768, 32_767, 1], () => within(-32_768, 32_767));
  const isSum = (op.kind === "norm" && name === "b") || name === "c";
  if (isSum) return mostly(choose, [0, 1, LARGEST], () => within(0, 2 ** (choose % 31)));
  const isExponent = op.kind === "expSum" || op.kind === "probability";
  if (isExponent && name === "b") return mostly(choose, [edge, LARGEST], () => within(edge, 2 * edge));
  if (isExponent) return mostly(choose, [edge, -LARGEST - 1], () => edge - within(0, 2 ** (choose % 20)));
  return mostly(choose, [-LARGEST - 1, LARGEST, 0], () => within(-(2 ** (choose % 31)), 2 ** (choose % 31) - 1));
}

/** The first place past the tensor, in each direction. */
export function limitsOf(op: Op, positions: number): At {
  const { heads, parts, columns } = shapeOf(op);
  const extent = (size: number | "positions" | "positionParts") =>
    size === "positions" ? positions : size === "positionParts" ? Math.ceil(positions / 256) : size;
  return { head: heads, position: positions, part: extent(parts), column: extent(columns) };
}

/** Which element of which operation. */
export type Asked = Omit<Case, "reads" | "value">;

/** An element somewhere, of values that depend on the seed only. */
export function caseOf(kind: Kind, seed: number): Case {
  const chance = chanceOf(seed);
  const op = opOf(kind, chance);
  const positions = chance.of(POSITIONS);
  const { head: heads, part: parts, column: columns } = limitsOf(op, positions);
  const place = (limit: number) => chance.of([0, limit - 1, chance.below(limit)]);
  const at = {
    head: place(heads),
    position: place(positions),
    part: place(parts),
    column: place(columns),
  };
  const token = chance.of([0, VOCAB - 1, chance.below(VOCAB)]);
  return readCase({ op, at, positions, token }, (name, where) => valueAt(seed, op, name, where));
}

/** One element by the rules of core, and what they looked at, in the order of the operation's operands. */
export function readCase({ op, at, positions, token }: Asked, shown: (name: string, where: At) => number): Case {
  const operands = operandsOf(op, VOCAB, 1_024);
  const reads: Read[] = [];
  const readOf = (name: string) => reads.find((read) => read.name === name) as Read;
  const look = (name: string, where: At): bigint => {
    const value = BigInt(shown(name, where));
    const { places, values } = readOf(name);
    const same = (one: At) => one.position === where.position && one.column === where.column && one.part === where.part;
    if (!places.some((one) => same(one) && one.head === where.head)) {
      places.push(where);
      values.push(value);
    }
    return value;
  };
  const residual = "residual" in op ? op.residual : undefined;
  const opened = (name: string, bytes: 1 | 2 | 4) => reads.push({ name, bytes, places: [], values: [] });
  for (const { name } of operands.tensors) if (name !== residual) opened(name, 4);
  for (const { name, bytes } of operands.constants) opened(name, bytes);
  if (residual !== undefined) opened(residual, 4);
  const from: Operand = {
    positions,
    token: () => token,
    tensor: (name) => (head, position, part, column) => look(name, { head, position, part, column }),
    constant: (name) => (row, column) => look(name, { head: 0, position: row, part: 0, column }),
  };
  // What a court is always shown: all of a table, and both sides of a gate.
  if (op.kind === "expSum") for (let i = 0; i < op.entries; i++) from.constant("exp")(0, i);
  if (op.kind === "gate") for (const name of ["a", "b"]) from.tensor(name)(0, at.position, 0, at.column);
  const value = elementOf(op, from)(at.head, at.position, at.part, at.column);
  return { op, at, positions, token, reads: op.kind === "rope" ? reads.flatMap(singly) : reads, value };
}

/** The two sides of a pair are read one by one. */
const singly = (read: Read): Read[] =>
  read.places.map((place, i) => ({ ...read, places: [place], values: [read.values[i] as bigint] }));

export function packed({ bytes, values }: Read): Uint8Array {
  const out = new Writer();
  for (const value of values) {
    const unsigned = Number(BigInt.asUintN(8 * bytes, value));
    if (bytes === 1) out.u8(unsigned);
    else if (bytes === 2) out.u16(unsigned);
    else out.u32(unsigned);
  }
  return out.done();
}

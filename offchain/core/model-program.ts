import { WeftError } from "./errors.ts";

/**
 * The forward pass of an exact model as data: a list of macro-operations, each of which makes one tensor of integers. It
 * is what the graph of ONNX Runtime is built from, what the bounds are proven of, what an interpreter runs, and what the
 * model's root commits to.
 *
 * Every tensor is addressed the same way, `[head][position][part][column]`, over the whole context of T positions.
 */
export type Shape = { heads: number; parts: Extent; columns: Extent };
/** A fixed number, or as many as there are positions, or as there are parts of so many positions. */
export type Extent = number | "positions" | "positionParts";

/** A sum of more terms than this is made of partial sums, which are a tensor of their own. */
export const PART = 256;
export const partsOf = (terms: number): number => Math.ceil(terms / PART);
/** Of a trace: how many tensors it has, an operation having one for each head, and how many values one of them. */
export const LIMIT_TENSORS = 2 ** 11;
export const LIMIT_TENSOR_VALUES = 2 ** 21;
/** Into how many tiles all constants are cut. */
const LIMIT_TILES = 2 ** 24;
/** A token of more logits could not be drawn in one transaction. */
const LIMIT_VOCAB = 2 ** 11;

/** `round(x / 2^shift)`, halves up, kept within ±clip (0: not kept), after adding it to an element of `residual`. */
export type Post = { shift: number; clip: number; residual?: string };
/** Where a value stands in a table: `min(x >> near, cap) + (x >> far)`. */
export type Place = { near: number; far: number; cap: number };

/** Operands are names: of constants in `weights` and `…Table`, else of the tensors of earlier operations. */
export type Op = { name: string } & (
  | ({ kind: "embedding"; weights: string; width: number } & Pick<Post, "shift">)
  | { kind: "squareSum"; input: string; width: number; shift: number; clip: number }
  | ({ kind: "norm"; input: string; sum: string; placeTable: string; width: number; clip: number } & Place)
  | ({ kind: "linear"; input: string; weights: string; inner: number; outer: number } & Post)
  | { kind: "rope"; input: string; angleTable: string; heads: number; size: number; shift: number; clip: number }
  | {
      kind: "score";
      queries: string;
      keys: string;
      heads: number;
      keyHeads: number;
      size: number;
      /** Is taken from the scores of keys behind the position. */
      mask: number;
    }
  | { kind: "scoreMax"; scores: string; heads: number }
  | ({ kind: "expSum"; scores: string; max: string; expTable: string; heads: number } & Exponent)
  | ({
      kind: "probability";
      scores: string;
      max: string;
      sum: string;
      expTable: string;
      placeTable: string;
      heads: number;
    } & Exponent &
      Place)
  | {
      kind: "weightedSum";
      probabilities: string;
      values: string;
      heads: number;
      valueHeads: number;
      size: number;
    }
  | ({ kind: "partSum"; input: string; heads: number; parts: Extent; width: number } & Post)
  | { kind: "partMax"; input: string; heads: number }
  | { kind: "gate"; gate: string; up: string; width: number; shift: number; clip: number }
);
type Exponent = { shift: number; entries: number };

export type Kind = Op["kind"];
export type OpOf<K extends Kind> = Extract<Op, { kind: K }>;

/** Weights or a table: integers of 1 byte, within ±127, or of 2. */
export type Constant = { name: string; rows: number; columns: number; bytes: 1 | 2 };

export type Program = {
  vocab: number;
  maxPositions: number;
  constants: readonly Constant[];
  /** In an order in which every operation comes after what it reads. */
  ops: readonly Op[];
  /** Whose tensors are a layer's KV rows. */
  rows: readonly { keys: string; values: string }[];
  logits: string;
};

const per = (heads: number, columns: Extent, parts: Extent = 1): Shape => ({ heads, parts, columns });

export function shapeOf(op: Op): Shape {
  switch (op.kind) {
    case "embedding":
    case "norm":
    case "gate":
      return per(1, op.width);
    case "squareSum":
      return per(1, 1, partsOf(op.width));
    case "linear":
      return per(1, op.outer, partsOf(op.inner));
    case "rope":
      return per(1, op.heads * op.size);
    case "score":
    case "probability":
      return per(op.heads, "positions");
    case "scoreMax":
    case "expSum":
      return per(op.heads, 1, "positionParts");
    case "weightedSum":
      return per(1, op.heads * op.size, "positionParts");
    case "partSum":
      return per(op.heads, op.width);
    case "partMax":
      return per(op.heads, 1);
  }
}

/** The numbers that extents stand for in a context of so many positions. */
export function sizesOf(op: Op, positions: number): { heads: number; parts: number; columns: number } {
  const { heads, parts, columns } = shapeOf(op);
  const size = (of: Extent) => (of === "positions" ? positions : of === "positionParts" ? partsOf(positions) : of);
  return { heads, parts: size(parts), columns: size(columns) };
}

export type Operands = {
  tensors: { name: string; shape: Shape }[];
  /** Rows undefined: any number, which the bounds of the indexes have to fit. */
  constants: { name: string; rows?: number; columns?: number; bytes: 1 | 2 }[];
};

/** What an operation reads, and the shapes that this has for it. */
export function operandsOf(op: Op, vocab: number, maxPositions: number): Operands {
  const tensors: Operands["tensors"] = [];
  const constants: Operands["constants"] = [];
  const reads = (name: string, shape: Shape) => tensors.push({ name, shape });
  const table = (name: string, columns?: number) => constants.push({ name, rows: 1, columns, bytes: 2 });
  switch (op.kind) {
    case "embedding":
      constants.push({ name: op.weights, rows: vocab, columns: op.width, bytes: 1 });
      break;
    case "squareSum":
      reads(op.input, per(1, op.width));
      break;
    case "norm":
      reads(op.input, per(1, op.width));
      reads(op.sum, per(1, 1));
      table(op.placeTable);
      break;
    case "linear":
      reads(op.input, per(1, op.inner));
      constants.push({ name: op.weights, rows: op.outer, columns: op.inner, bytes: 1 });
      break;
    case "rope":
      reads(op.input, per(1, op.heads * op.size));
      constants.push({ name: op.angleTable, rows: maxPositions, columns: op.size, bytes: 2 });
      break;
    case "score":
      reads(op.queries, per(1, op.heads * op.size));
      reads(op.keys, per(1, op.keyHeads * op.size));
      break;
    case "scoreMax":
      reads(op.scores, per(op.heads, "positions"));
      break;
    case "expSum":
    case "probability":
      reads(op.scores, per(op.heads, "positions"));
      reads(op.max, per(op.heads, 1));
      table(op.expTable, op.entries);
      if (op.kind === "expSum") break;
      reads(op.sum, per(op.heads, 1));
      table(op.placeTable);
      break;
    case "weightedSum":
      reads(op.probabilities, per(op.heads, "positions"));
      reads(op.values, per(1, op.valueHeads * op.size));
      break;
    case "partSum":
      reads(op.input, per(op.heads, op.width, op.parts));
      break;
    case "partMax":
      reads(op.input, per(op.heads, 1, "positionParts"));
      break;
    case "gate":
      reads(op.gate, per(1, op.width));
      reads(op.up, per(1, op.width));
      break;
  }
  if ("residual" in op && op.residual !== undefined) {
    const { heads, columns } = shapeOf(op);
    reads(op.residual, per(heads, columns));
  }
  return { tensors, constants };
}

/** Of operations that are in no parts themselves: how many terms make one element. */
function termsOf(op: Op, maxPositions: number): number {
  if (op.kind === "score") return op.size;
  if (op.kind === "partSum" && typeof op.parts === "number") return op.parts;
  return op.kind === "partSum" || op.kind === "partMax" ? partsOf(maxPositions) : 1;
}

const sameShape = (a: Shape, b: Shape) => a.heads === b.heads && a.parts === b.parts && a.columns === b.columns;
const said = ({ heads, parts, columns }: Shape) => `[${heads}, T, ${parts}, ${columns}]`;

/**
 * Every operation reads what is there before it, in the shape that it takes it to have.
 * @throws WeftError `bad_model`, the field being the operation's name
 */
export function checkProgram(program: Program): void {
  const { vocab, maxPositions, constants, ops, rows, logits } = program;
  const fault = (field: string, why: string) =>
    new WeftError("bad_model", `${field} ${why}`, { field, remedy: "compile the model again" });
  if (vocab > LIMIT_VOCAB)
    throw fault("vocab", `is ${vocab}: its token could not be drawn in one transaction, and of ${LIMIT_VOCAB} it can`);
  const known = new Map<string, Shape>();
  const held = new Map(constants.map((constant) => [constant.name, constant]));
  if (held.size !== constants.length) throw fault("constants", "have a name twice");
  let tiles = 0;
  for (const { name, rows, columns } of constants) {
    tiles += rows * partsOf(columns);
    if (tiles > LIMIT_TILES) throw fault(name, `makes them more than ${LIMIT_TILES} tiles`);
  }
  for (const op of ops) {
    const operands = operandsOf(op, vocab, maxPositions);
    for (const { name, shape } of operands.tensors) {
      const has = known.get(name);
      if (!has) throw fault(op.name, `reads ${name}, which no operation before it makes`);
      if (!sameShape(has, shape)) throw fault(op.name, `reads ${name} as ${said(shape)}, which is ${said(has)}`);
    }
    for (const { name, ...wanted } of operands.constants) {
      const has = held.get(name);
      if (!has) throw fault(op.name, `reads ${name}, which is no constant`);
      for (const key of ["rows", "columns", "bytes"] as const)
        if (wanted[key] !== undefined && has[key] !== wanted[key])
          throw fault(op.name, `takes ${name} to have ${wanted[key]} ${key}, and it has ${has[key]}`);
    }
    const grouped = op.kind === "score" ? op.keyHeads : op.kind === "weightedSum" ? op.valueHeads : 1;
    if ("heads" in op && op.heads % grouped !== 0) throw fault(op.name, `has ${op.heads} heads for ${grouped}`);
    const terms = termsOf(op, maxPositions);
    if (terms > PART) throw fault(op.name, `takes ${terms} terms for one element, and ${PART} is the most`);
    if (op.kind === "rope" && op.size % 2 !== 0) throw fault(op.name, "turns an odd number of values");
    if (op.kind === "linear" && partsOf(op.inner) > 1 && (op.shift !== 0 || op.clip !== 0 || op.residual !== undefined))
      throw fault(op.name, `is a sum of ${op.inner} terms, whose parts stand as they are`);
    if (known.has(op.name)) throw fault(op.name, "is there twice");
    known.set(op.name, shapeOf(op));
  }
  for (const [i, { keys, values }] of rows.entries())
    for (const name of [keys, values]) {
      const { heads, parts, columns } = known.get(name) ?? {};
      if (heads !== 1 || parts !== 1 || typeof columns !== "number")
        throw fault(name, `is no row for each position, and layer ${i} keeps it`);
    }
  checkTraced(program, fault);
  const last = known.get(logits);
  if (!last || !sameShape(last, per(1, vocab))) throw fault(logits, "is not one logit for each token");
}

/** What a trace commits to can be opened: it is bounded, and no tensor is read along two axes. */
function checkTraced(
  { maxPositions, ops, rows, logits }: Program,
  fault: (field: string, why: string) => WeftError,
): void {
  const alongPositions = new Set<unknown>(rows.map(({ values }) => values));
  if (alongPositions.has(logits)) throw fault(logits, "is read as logits, and a layer has it as its values");
  let tensors = 0;
  for (const op of ops) {
    const { heads, parts, columns } = sizesOf(op, maxPositions);
    tensors += heads;
    if (tensors > LIMIT_TENSORS) throw fault(op.name, `makes them more than ${LIMIT_TENSORS} tensors`);
    if (maxPositions * parts * columns > LIMIT_TENSOR_VALUES)
      throw fault(op.name, `has more than ${LIMIT_TENSOR_VALUES} values a head`);
    for (const [key, read] of Object.entries(op)) {
      const isSummed = op.kind === "weightedSum" && key === "values";
      if (isSummed && !alongPositions.has(read))
        throw fault(op.name, `reads ${read}, which no layer has as its values`);
      if (!isSummed && key !== "name" && alongPositions.has(read))
        throw fault(op.name, `reads ${read}, which a layer has as its values`);
    }
  }
}

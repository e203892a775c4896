import { type Op, type OpOf, PART, type Place } from "./model-program.ts";

/** An element of a tensor, see `Shape`. */
export type Element = (head: number, position: number, part: number, column: number) => bigint;

/** What an operation reads. */
export type Operand = {
  /** T, the positions of the whole context. */
  positions: number;
  token(position: number): number;
  tensor(name: string): Element;
  /** The value of a constant at row and column. */
  constant(name: string): (row: number, column: number) => bigint;
};

/** x / 2^shift rounded, halves up; a negative shift multiplies. */
function roundShift(x: bigint, shift: number): bigint {
  if (shift <= 0) return x << BigInt(-shift);
  return (x + (1n << BigInt(shift - 1))) >> BigInt(shift);
}

function within(x: bigint, clip: number): bigint {
  const limit = BigInt(clip);
  return x > limit ? limit : x < -limit ? -limit : x;
}

/** Multiplier and exponent of a table at the place of x. Entry i is at columns 2i and 2i + 1. */
function lookUp(table: (row: number, column: number) => bigint, x: bigint, { near, far, cap }: Place) {
  const close = x >> BigInt(near);
  const entry = Number(close < BigInt(cap) ? close : BigInt(cap)) + Number(x >> BigInt(far));
  return { multiplier: table(0, 2 * entry), exponent: Number(table(0, 2 * entry + 1)) };
}

/** What one element of an operation's tensor is: the whole meaning of the operation, and what a contract recomputes. */
export function elementOf(op: Op, from: Operand): Element {
  switch (op.kind) {
    case "embedding": {
      const weights = from.constant(op.weights);
      return (_h, t, _c, d) => roundShift(weights(from.token(t), d), op.shift);
    }
    case "squareSum": {
      const input = from.tensor(op.input);
      return (_h, t, part) =>
        sumOf(part, op.width, (d) => {
          const x = within(roundShift(input(0, t, 0, d), op.shift), op.clip);
          return x * x;
        });
    }
    case "norm": {
      const [input, sum, table] = [from.tensor(op.input), from.tensor(op.sum), from.constant(op.placeTable)];
      return (_h, t, _c, d) => {
        const { multiplier, exponent } = lookUp(table, sum(0, t, 0, 0), op);
        return within(roundShift(input(0, t, 0, d) * multiplier, exponent), op.clip);
      };
    }
    case "linear": {
      const [input, weights, post] = [from.tensor(op.input), from.constant(op.weights), postOf(op, from)];
      return (h, t, part, n) =>
        post(
          h,
          t,
          n,
          sumOf(part, op.inner, (i) => input(0, t, 0, i) * weights(n, i)),
        );
    }
    case "rope":
      return rope(op, from);
    case "score": {
      const [queries, keys] = [from.tensor(op.queries), from.tensor(op.keys)];
      const group = op.heads / op.keyHeads;
      return (h, t, _c, j) => {
        const [q, k] = [h * op.size, Math.floor(h / group) * op.size];
        let sum = j > t ? -BigInt(op.mask) : 0n;
        for (let i = 0; i < op.size; i++) sum += queries(0, t, 0, q + i) * keys(0, j, 0, k + i);
        return sum;
      };
    }
    case "scoreMax": {
      const scores = from.tensor(op.scores);
      return (h, t, part) => maxOf(part, from.positions, (j) => scores(h, t, 0, j));
    }
    case "expSum": {
      const exp = exponential(op, from);
      return (h, t, part) => sumOf(part, from.positions, (j) => exp(h, t, j));
    }
    case "probability": {
      const [sum, table, exp] = [from.tensor(op.sum), from.constant(op.placeTable), exponential(op, from)];
      return (h, t, _c, j) => {
        const { multiplier, exponent } = lookUp(table, sum(h, t, 0, 0), op);
        return roundShift(exp(h, t, j) * multiplier, exponent);
      };
    }
    case "weightedSum": {
      const [probabilities, values] = [from.tensor(op.probabilities), from.tensor(op.values)];
      const group = op.heads / op.valueHeads;
      return (_h, t, part, n) => {
        const head = Math.floor(n / op.size);
        const column = Math.floor(head / group) * op.size + (n % op.size);
        return sumOf(part, from.positions, (j) => probabilities(head, t, 0, j) * values(0, j, 0, column));
      };
    }
    case "partSum": {
      const [input, post] = [from.tensor(op.input), postOf(op, from)];
      const parts = typeof op.parts === "number" ? op.parts : Math.ceil(from.positions / PART);
      return (h, t, _c, n) => {
        let sum = 0n;
        for (let part = 0; part < parts; part++) sum += input(h, t, part, n);
        return post(h, t, n, sum);
      };
    }
    case "partMax": {
      const input = from.tensor(op.input);
      return (h, t) => maxOf(0, Math.ceil(from.positions / PART), (part) => input(h, t, part, 0));
    }
    case "gate": {
      const [gate, up] = [from.tensor(op.gate), from.tensor(op.up)];
      return (_h, t, _c, f) => {
        const open = gate(0, t, 0, f);
        return open <= 0n ? 0n : within(roundShift(open * up(0, t, 0, f), op.shift), op.clip);
      };
    }
  }
}

/** The sum of a part of so many terms. */
function sumOf(part: number, terms: number, term: (index: number) => bigint): bigint {
  let sum = 0n;
  for (let i = part * PART; i < Math.min(terms, (part + 1) * PART); i++) sum += term(i);
  return sum;
}

function maxOf(part: number, terms: number, term: (index: number) => bigint): bigint {
  let max = term(part * PART);
  for (let i = part * PART + 1; i < Math.min(terms, (part + 1) * PART); i++) {
    const x = term(i);
    if (x > max) max = x;
  }
  return max;
}

function postOf({ shift, clip, residual }: OpOf<"linear" | "partSum">, from: Operand) {
  const before = residual === undefined ? undefined : from.tensor(residual);
  return (h: number, t: number, n: number, sum: bigint): bigint => {
    let x = roundShift(sum, shift);
    if (before) x += before(h, t, 0, n);
    return clip === 0 ? x : within(x, clip);
  };
}

/** Pairs of values half a head apart, turned by the angle of their position. */
function rope({ input, angleTable, size, shift, clip }: OpOf<"rope">, from: Operand): Element {
  const [x, table] = [from.tensor(input), from.constant(angleTable)];
  const half = size / 2;
  return (_h, t, _c, column) => {
    const pair = (column % size) % half;
    const first = column - (column % size) + pair;
    const [a, b] = [x(0, t, 0, first), x(0, t, 0, first + half)];
    const [cos, sin] = [table(t, pair), table(t, half + pair)];
    return within(roundShift(column === first ? a * cos - b * sin : a * sin + b * cos, shift), clip);
  };
}

/** exp of how far a score is below the largest one, by table. */
function exponential(op: OpOf<"expSum" | "probability">, from: Operand) {
  const [scores, max, table] = [from.tensor(op.scores), from.tensor(op.max), from.constant(op.expTable)];
  const last = BigInt(op.entries - 1);
  return (h: number, t: number, j: number): bigint => {
    const below = (max(h, t, 0, 0) - scores(h, t, 0, j)) >> BigInt(op.shift);
    return table(0, Number(below < last ? below : last));
  };
}

import { type Op, type OpOf, PART, type Place } from "./model-program.ts";

/** What an operation reads, laid out as traces are: tensors by head, constants row after row. */
export type Sources = {
  /** T, the positions of the whole context. */
  positions: number;
  tokens: readonly number[];
  tensor(name: string): readonly Int32Array[];
  constant(name: string): Int32Array;
};

/** Where an operation's values go: of each head, with the strides of its layout. */
export type Target = { heads: readonly Int32Array[]; strides: { position: number; column: number } };

/** Computes all elements of one head at one position. */
export type Kernel = (head: number, position: number) => void;

/**
 * An operation as loops over typed arrays: the same integers as `elementOf`, in float64, which holds every product and sum of
 * a program whose bounds are proven.
 */
export function kernelOf(op: Op, from: Sources, { heads: out, strides }: Target): Kernel {
  const { positions } = from;
  const parts = Math.ceil(positions / PART);
  const at = (t: number, column: number) => t * strides.position + column * strides.column;
  switch (op.kind) {
    case "embedding": {
      const [weights, { half, scale }] = [from.constant(op.weights), rounding(op.shift)];
      return (_head, t) => {
        const row = from.tokens[t] * op.width;
        for (let d = 0; d < op.width; d++) out[0][at(t, d)] = Math.floor((weights[row + d] + half) * scale);
      };
    }
    case "squareSum": {
      const [[input], { half, scale }] = [from.tensor(op.input), rounding(op.shift)];
      return (_head, t) => {
        for (let first = 0; first < op.width; first += PART) {
          let sum = 0;
          for (let d = first; d < Math.min(op.width, first + PART); d++) {
            const x = within(Math.floor((input[t * op.width + d] + half) * scale), op.clip);
            sum += x * x;
          }
          out[0][at(t, 0) + first / PART] = sum;
        }
      };
    }
    case "norm": {
      const [[input], [sum], table] = [from.tensor(op.input), from.tensor(op.sum), from.constant(op.placeTable)];
      return (_head, t) => {
        const { multiplier, half, scale } = lookUp(table, sum[t], op);
        for (let d = 0; d < op.width; d++)
          out[0][at(t, d)] = within(Math.floor((input[t * op.width + d] * multiplier + half) * scale), op.clip);
      };
    }
    case "linear": {
      const [[input], weights, post] = [from.tensor(op.input), from.constant(op.weights), postOf(op, op.outer, from)];
      return (_head, t) => {
        for (let n = 0; n < op.outer; n++)
          for (let first = 0; first < op.inner; first += PART) {
            const terms = Math.min(PART, op.inner - first);
            const sum = dot(input, t * op.inner + first, weights, n * op.inner + first, terms);
            out[0][at(t, n) + first / PART] = post(0, t, n, sum);
          }
      };
    }
    case "rope":
      return rope(op, from, (t, column, value) => {
        out[0][at(t, column)] = value;
      });
    case "score": {
      const [[queries], [keys]] = [from.tensor(op.queries), from.tensor(op.keys)];
      const [group, width, keyWidth] = [op.heads / op.keyHeads, op.heads * op.size, op.keyHeads * op.size];
      return (h, t) => {
        const [query, key] = [t * width + h * op.size, Math.floor(h / group) * op.size];
        for (let j = 0; j < positions; j++) {
          const sum = dot(queries, query, keys, j * keyWidth + key, op.size);
          out[h][at(t, j)] = j > t ? sum - op.mask : sum;
        }
      };
    }
    case "scoreMax": {
      const scores = from.tensor(op.scores);
      return (h, t) => {
        for (let part = 0; part < parts; part++) {
          const [first, last] = [t * positions + part * PART, t * positions + Math.min(positions, (part + 1) * PART)];
          out[h][at(t, 0) + part] = largest(scores[h], first, last);
        }
      };
    }
    case "expSum": {
      const [scores, max, table] = [from.tensor(op.scores), from.tensor(op.max), from.constant(op.expTable)];
      return (h, t) => {
        for (let part = 0; part < parts; part++) {
          let sum = 0;
          for (let j = part * PART; j < Math.min(positions, (part + 1) * PART); j++)
            sum += table[Math.min((max[h][t] - scores[h][t * positions + j]) >> op.shift, op.entries - 1)];
          out[h][at(t, 0) + part] = sum;
        }
      };
    }
    case "probability": {
      const [scores, max, sum] = [from.tensor(op.scores), from.tensor(op.max), from.tensor(op.sum)];
      const [exp, table] = [from.constant(op.expTable), from.constant(op.placeTable)];
      return (h, t) => {
        const { multiplier, half, scale } = lookUp(table, sum[h][t], op);
        const [own, most] = [scores[h], max[h][t]];
        for (let j = 0; j < positions; j++) {
          const below = Math.min((most - own[t * positions + j]) >> op.shift, op.entries - 1);
          out[h][at(t, j)] = Math.floor((exp[below] * multiplier + half) * scale);
        }
      };
    }
    case "weightedSum": {
      const [probabilities, [values]] = [from.tensor(op.probabilities), from.tensor(op.values)];
      const group = op.heads / op.valueHeads;
      return (_head, t) => {
        for (let n = 0; n < op.heads * op.size; n++) {
          const head = Math.floor(n / op.size);
          const column = Math.floor(head / group) * op.size + (n % op.size);
          for (let first = 0; first < positions; first += PART) {
            const terms = Math.min(PART, positions - first);
            const sum = dot(probabilities[head], t * positions + first, values, column * positions + first, terms);
            out[0][at(t, n) + first / PART] = sum;
          }
        }
      };
    }
    case "partSum": {
      const [input, post] = [from.tensor(op.input), postOf(op, op.width, from)];
      const terms = typeof op.parts === "number" ? op.parts : parts;
      return (h, t) => {
        for (let n = 0; n < op.width; n++) {
          let sum = 0;
          for (let part = 0; part < terms; part++) sum += input[h][(t * op.width + n) * terms + part];
          out[h][at(t, n)] = post(h, t, n, sum);
        }
      };
    }
    case "partMax": {
      const input = from.tensor(op.input);
      return (h, t) => {
        out[h][at(t, 0)] = largest(input[h], t * parts, (t + 1) * parts);
      };
    }
    case "gate": {
      const [[gate], [up], { half, scale }] = [from.tensor(op.gate), from.tensor(op.up), rounding(op.shift)];
      return (_head, t) => {
        for (let f = 0; f < op.width; f++) {
          const [open, beside] = [gate[t * op.width + f], up[t * op.width + f]];
          out[0][at(t, f)] = open <= 0 ? 0 : within(Math.floor((open * beside + half) * scale), op.clip);
        }
      };
    }
  }
}

/** x / 2^shift rounded, halves up, is ⌊(x + half) · scale⌋. What is shifted further than 64 bits is 0 anyway. */
function rounding(shift: number): { half: number; scale: number } {
  const bits = Math.min(shift, 64);
  return { half: bits > 0 ? 2 ** (bits - 1) : 0, scale: 2 ** -bits };
}

function within(x: number, clip: number): number {
  return Math.max(-clip, Math.min(clip, x));
}

/** Multiplier and rounding of a table's entry at the place of x. */
function lookUp(table: Int32Array, x: number, { near, far, cap }: Place) {
  const entry = Math.min(x >> near, cap) + (x >> far);
  return { multiplier: table[2 * entry], ...rounding(table[2 * entry + 1]) };
}

function dot(a: Int32Array, i: number, b: Int32Array, j: number, terms: number): number {
  let sum = 0;
  for (let k = 0; k < terms; k++) sum += a[i + k] * b[j + k];
  return sum;
}

function largest(values: Int32Array, first: number, last: number): number {
  let max = values[first];
  for (let i = first + 1; i < last; i++) if (values[i] > max) max = values[i];
  return max;
}

function postOf({ shift, clip, residual }: OpOf<"linear" | "partSum">, columns: number, from: Sources) {
  const { half, scale } = rounding(shift);
  const before = residual === undefined ? undefined : from.tensor(residual);
  return (h: number, t: number, n: number, sum: number): number => {
    let x = Math.floor((sum + half) * scale);
    if (before) x += before[h][t * columns + n];
    return clip === 0 ? x : within(x, clip);
  };
}

/** Pairs of values half a head apart, turned by the angle of their position. */
function rope(
  { input, angleTable, heads, size, shift, clip }: OpOf<"rope">,
  from: Sources,
  put: (t: number, column: number, value: number) => void,
): Kernel {
  const [[x], angles, { half: middle, scale }] = [from.tensor(input), from.constant(angleTable), rounding(shift)];
  const half = size / 2;
  const kept = (sum: number) => within(Math.floor((sum + middle) * scale), clip);
  return (_head, t) => {
    for (let first = 0; first < heads * size; first += size)
      for (let pair = 0; pair < half; pair++) {
        const at = t * heads * size + first + pair;
        const [a, b] = [x[at], x[at + half]];
        const [cos, sin] = [angles[t * size + pair], angles[t * size + half + pair]];
        put(t, first + pair, kept(a * cos - b * sin));
        put(t, first + half + pair, kept(a * sin + b * cos));
      }
  };
}

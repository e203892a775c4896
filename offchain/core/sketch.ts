import type { Bytes } from "./bytes.ts";

/** Cosines are integers, of which this is 1. */
export const COSINE_ONE = 65_536;

const DEPTH = 5;
const WIDTH_BITS = 8;
const WIDTH = 2 ** WIDTH_BITS;
/** What makes the rows of a sketch independent of one another: the same for everybody, so that sketches can be compared. */
const KEYS = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1];

/**
 * A CountSketch (Charikar, Chen, Farach-Colton 2002) of the cells of memories: 5 × 256 counters, to one of which in each row
 * a cell adds its count, with a sign, both by a hash of its name. Linear modulo 2^32, like the cells: what is added in any
 * order, and taken away again, is the sketch of what is left.
 */
export class Sketch {
  readonly #counters = new Int32Array(DEPTH * WIDTH);

  /** Adds to one cell. @param memory its memory's, by `sketchKey` @param row index of the order · 2^16 + row */
  add(memory: number, row: number, column: number, count: number): void {
    const cell = scramble(scramble(memory ^ Math.imul(row, 0x2545f491)) ^ column);
    for (let i = 0; i < DEPTH; i++) {
      const hash = scramble(cell ^ KEYS[i]);
      const at = i * WIDTH + (hash >>> (32 - WIDTH_BITS));
      this.#counters[at] += hash & 1 ? count : -count;
    }
  }

  /** The sketch of both together. */
  plus(other: Sketch): Sketch {
    const out = new Sketch();
    for (const [i, counter] of this.#counters.entries()) out.#counters[i] = counter + other.#counters[i];
    return out;
  }

  equals(other: Sketch): boolean {
    return this.#counters.every((counter, i) => counter === other.#counters[i]);
  }

  /**
   * How far two sketched vectors point the same way, from 0 to `COSINE_ONE`: the median of what the rows say, exact integers
   * all the way. Two that are nothing point the same way; nothing and something do not.
   */
  cosine(other: Sketch): number {
    const cosines: number[] = [];
    for (let from = 0; from < DEPTH * WIDTH; from += WIDTH) {
      const [a, b] = [this, other].map((one) => one.#counters.subarray(from, from + WIDTH));
      cosines.push(cosineOf(dot(a, b), dot(a, a), dot(b, b)));
    }
    return cosines.sort((a, b) => a - b)[(DEPTH - 1) / 2];
  }
}

/** Mixes all bits into all bits: the finaliser of MurmurHash3. */
function scramble(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** Exact: halves of 16 bits are multiplied, whose sums are below 2^53. */
function dot(a: Int32Array, b: Int32Array): bigint {
  let high = 0;
  let mixed = 0;
  let low = 0;
  for (let i = 0; i < a.length; i++) {
    const aHigh = a[i] >> 16;
    const aLow = a[i] & 0xffff;
    const bHigh = b[i] >> 16;
    const bLow = b[i] & 0xffff;
    high += aHigh * bHigh;
    mixed += aHigh * bLow + aLow * bHigh;
    low += aLow * bLow;
  }
  return (BigInt(high) << 32n) + (BigInt(mixed) << 16n) + BigInt(low);
}

function cosineOf(product: bigint, a: bigint, b: bigint): number {
  if (a === 0n && b === 0n) return COSINE_ONE;
  if (a === 0n || b === 0n || product <= 0n) return 0;
  // Of an integer up to 2^32 the root is exact.
  return Math.floor(Math.sqrt(Number((product * product * BigInt(COSINE_ONE) ** 2n) / (a * b))));
}

/** By which the cells of a memory are told from those of others. */
export function sketchKey(id: Bytes): number {
  return new DataView(id.buffer, id.byteOffset).getInt32(0) ^ new DataView(id.buffer, id.byteOffset).getInt32(4);
}

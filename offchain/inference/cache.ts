import { WeftError } from "../core/errors.ts";

/** The KV rows of one sequence. Rows are canonical bytes, position-major: `[position][layer][key, value][kv head][dim]`. */
export interface KvCache {
  /** Positions held. */
  readonly length: number;
  /** A copy of the rows of positions first .. first+count−1. Throws `out_of_range`. */
  rows(first: number, count: number): Uint8Array;
  /**
   * Appends rows from elsewhere. `first` must equal `length`; int8 values must be within ±127, float32 finite.
   * Throws `out_of_range` (first, too many positions), `malformed` (size, values), `busy`; the cache is then unchanged.
   */
  attach(first: number, rows: Uint8Array): void;
  /** Forgets the positions from `length` on. Throws `out_of_range`, `busy`. */
  truncate(length: number): void;
  /** An independent copy, which shares nothing. */
  clone(): KvCache;
  /** Frees the float copy of an idle sequence (8 times the rows, twice); the next forward makes it again. Throws `busy`. */
  compact(): void;
}

export interface CacheShape {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly maxPositions: number;
  readonly encoding: "int8" | "float32";
}

/** Float buffers of one sequence, per layer key and value; a view of their beginning is a tensor `[1, heads, T, dim]`. */
export interface WorkingSet {
  readonly capacity: number;
  readonly tensors: readonly Float32Array[];
}

const SMALLEST = 64;
const grown = (needed: number, most: number) => Math.min(most, Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(needed))));

/**
 * Working sets to write into. A run reads one set and writes another, so the set that it read is the next one's target:
 * no allocation per token, and one spare per size whatever the number of sequences.
 */
export class WorkingSets {
  readonly #shape: CacheShape;
  readonly #spare = new Map<number, WorkingSet>();

  constructor(shape: CacheShape) {
    this.#shape = shape;
  }

  take(positions: number): WorkingSet {
    const { layers, kvHeads, headDim, maxPositions } = this.#shape;
    const capacity = grown(positions, maxPositions);
    const spare = this.#spare.get(capacity);
    if (spare !== undefined) {
      this.#spare.delete(capacity);
      return spare;
    }
    const size = capacity * kvHeads * headDim;
    return { capacity, tensors: Array.from({ length: layers * 2 }, () => new Float32Array(size)) };
  }

  give(set: WorkingSet | undefined): void {
    if (set !== undefined) this.#spare.set(set.capacity, set);
  }
}

export class RowCache implements KvCache {
  readonly shape: CacheShape;
  readonly #sets: WorkingSets;
  readonly #perPosition: number;
  readonly #rowBytes: number;
  #store: Int8Array | Float32Array;
  #length = 0;
  #busy = false;
  #work: WorkingSet | undefined;
  /** How many positions the working set is laid out for; −1: stale. Below `length` after an attach. */
  #laid = -1;

  constructor(shape: CacheShape, sets: WorkingSets) {
    this.shape = shape;
    this.#sets = sets;
    this.#perPosition = shape.layers * 2 * shape.kvHeads * shape.headDim;
    this.#store = shape.encoding === "int8" ? new Int8Array(0) : new Float32Array(0);
    this.#rowBytes = this.#perPosition * this.#store.BYTES_PER_ELEMENT;
  }

  get length(): number {
    return this.#length;
  }

  rows(first: number, count: number): Uint8Array {
    if (!Number.isInteger(first) || !Number.isInteger(count) || first < 0 || count < 0 || first + count > this.#length)
      throw new WeftError("out_of_range", `rows ${first}..+${count} of a cache of ${this.#length}`, { field: "first" });
    return this.#bytes(first, count).slice();
  }

  attach(first: number, rows: Uint8Array): void {
    this.#assertIdle();
    if (first !== this.#length)
      throw new WeftError("out_of_range", `rows for position ${first}, but the cache ends at ${this.#length}`, {
        field: "first",
        remedy: "attach rows in order, or truncate first",
      });
    if (rows.length % this.#rowBytes !== 0)
      throw new WeftError("malformed", `${rows.length} bytes are not rows of ${this.#rowBytes}`, { field: "rows" });
    const count = rows.length / this.#rowBytes;
    this.#reserve(first + count);
    this.#bytes(first, count).set(rows);
    const bad = this.#firstBad(first, count);
    if (bad >= 0)
      throw new WeftError("malformed", `position ${bad} has a KV value that no forward pass gives`, {
        field: "rows",
        remedy: "discard these rows and compute the positions",
      });
    this.#length += count;
  }

  truncate(length: number): void {
    this.#assertIdle();
    if (!Number.isInteger(length) || length < 0 || length > this.#length)
      throw new WeftError("out_of_range", `cannot truncate ${this.#length} positions to ${length}`, {
        field: "length",
      });
    this.#cut(length);
  }

  clone(): RowCache {
    const copy = new RowCache(this.shape, this.#sets);
    copy.#store = this.#store.slice(0, this.#length * this.#perPosition);
    copy.#length = this.#length;
    return copy;
  }

  compact(): void {
    this.#assertIdle();
    this.#work = undefined;
    this.#laid = -1;
  }

  /** Engine only: one forward at a time. Returns what undoes everything since, for a forward that fails. */
  lock(): { rollback(): void; unlock(): void } {
    this.#assertIdle();
    this.#busy = true;
    const start = this.#length;
    return {
      rollback: () => this.#cut(start),
      unlock: () => {
        this.#busy = false;
      },
    };
  }

  /** Engine only: the positions held as dense tensors `[heads][length][dim]`, made from the rows if need be. */
  past(): Float32Array[] {
    if (this.#laid !== this.#length) {
      if (this.#work === undefined || this.#work.capacity < this.#length) {
        this.#sets.give(this.#work);
        this.#work = this.#sets.take(this.#length);
      }
      this.#fill(this.#work);
      this.#laid = this.#length;
    }
    return this.#views(this.#work!, this.#length);
  }

  /** Engine only: where a run of `count` more positions writes. */
  target(count: number): { set: WorkingSet; views: Float32Array[] } {
    const set = this.#sets.take(this.#length + count);
    return { set, views: this.#views(set, this.#length + count) };
  }

  /** Engine only: a run has filled `set` with `count` more positions. Throws `inexact` if they are not what rows can say. */
  accept(set: WorkingSet, count: number): void {
    const { kvHeads, headDim, encoding } = this.shape;
    const total = this.#length + count;
    this.#reserve(total);
    const store = this.#store;
    let column = 0;
    for (const tensor of set.tensors)
      for (let head = 0; head < kvHeads; head++, column += headDim)
        for (let position = this.#length; position < total; position++) {
          const from = (head * total + position) * headDim;
          const to = position * this.#perPosition + column;
          if (encoding === "float32") {
            store.set(tensor.subarray(from, from + headDim), to);
            continue;
          }
          for (let i = 0; i < headDim; i++) {
            const value = tensor[from + i]!;
            if (Math.abs(value) > 127 || value !== Math.trunc(value)) throw inexact(position, value);
            store[to + i] = value;
          }
        }
    const bad = encoding === "float32" ? this.#firstBad(this.#length, count) : -1;
    if (bad >= 0) throw inexact(bad, Number.NaN);
    this.#sets.give(this.#work);
    this.#work = set;
    this.#length = total;
    this.#laid = total;
  }

  /** Engine only: hands back a target that was not used. */
  abandon(set: WorkingSet): void {
    this.#sets.give(set);
  }

  #assertIdle(): void {
    if (this.#busy)
      throw new WeftError("busy", "a forward pass of this sequence is under way", {
        field: "cache",
        remedy: "await it, or work on a clone",
      });
  }

  #cut(length: number): void {
    if (length === this.#length) return;
    this.#length = length;
    this.#laid = -1;
  }

  #bytes(first: number, count: number): Uint8Array {
    return new Uint8Array(this.#store.buffer, first * this.#rowBytes, count * this.#rowBytes);
  }

  #reserve(positions: number): void {
    if (positions > this.shape.maxPositions)
      throw new WeftError("out_of_range", `${positions} positions, the model has ${this.shape.maxPositions}`, {
        field: "rows",
      });
    if (positions * this.#perPosition <= this.#store.length) return;
    const size = grown(positions, this.shape.maxPositions) * this.#perPosition;
    const store = this.#store instanceof Int8Array ? new Int8Array(size) : new Float32Array(size);
    store.set(this.#store.subarray(0, this.#length * this.#perPosition));
    this.#store = store;
  }

  /** The first of these stored positions with a value out of its domain, or −1. */
  #firstBad(first: number, count: number): number {
    const from = first * this.#perPosition;
    const part = this.#store.subarray(from, from + count * this.#perPosition);
    const at = part instanceof Int8Array ? part.indexOf(-128) : part.findIndex((value) => !Number.isFinite(value));
    return at < 0 ? -1 : first + Math.floor(at / this.#perPosition);
  }

  #fill(set: WorkingSet): void {
    const { kvHeads, headDim } = this.shape;
    let column = 0;
    for (const tensor of set.tensors)
      for (let head = 0; head < kvHeads; head++, column += headDim)
        for (let position = 0; position < this.#length; position++) {
          const from = position * this.#perPosition + column;
          const to = (head * this.#length + position) * headDim;
          for (let i = 0; i < headDim; i++) tensor[to + i] = this.#store[from + i]!;
        }
  }

  #views(set: WorkingSet, positions: number): Float32Array[] {
    const size = positions * this.shape.kvHeads * this.shape.headDim;
    return set.tensors.map((tensor) => tensor.subarray(0, size));
  }
}

const inexact = (position: number, value: number) =>
  new WeftError("inexact", `position ${position} has the KV value ${value}, which its rows cannot hold`, {
    field: "present",
    remedy: "use a model and a provider that compute exactly",
  });

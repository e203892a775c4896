import { WeftError } from "../../core/errors.ts";
import type { Values } from "../../core/model-forward.ts";
import { type Op, type OpOf, PART, type Place, type Program, partsOf } from "../../core/model-program.ts";

/** float32 holds every integer up to this, so sums and products that stay below are exact in any order. */
export const EXACT_LIMIT = 2 ** 24;
const WEIGHT_LIMIT = 127;
const ROW_LIMIT = 127;

/** The greatest magnitude that a sum, in any order of its terms, or a product can take. */
export type Bound = { op: string; of: string; most: number };

type Interval = { least: number; most: number };
/** What is known of an operation's tensor: of an element, and of the sum over its parts, whose terms are at most `terms`. */
type Known = Interval & {
  whole?: Interval & { terms: number };
  /** Of scores: the greatest magnitude of one that is not masked. */
  visible?: number;
  /** Of probabilities: what those of one position sum to at most. */
  total?: number;
};

const around = (most: number): Interval => ({ least: -most, most });
const magnitude = ({ least, most }: Interval) => Math.max(-least, most);
const half = (shift: number) => (shift > 0 ? 2 ** (shift - 1) : 0);
const shifted = (x: number, shift: number) => Math.floor((x + half(shift)) / 2 ** shift);
/** Of a sum, which is proven to be below 2^24. */
const placeOf = (x: number, { near, far, cap }: Place) => Math.min(x >> near, cap) + (x >> far);

const refused = (op: string, why: string) =>
  new WeftError("inexact", `${op}: ${why}`, {
    field: op,
    remedy: "choose sizes, clips, shifts and tables that keep every sum and product below 2^24",
  });

/**
 * Proves that float32 computes a program exactly: that every value, product and partial sum is an integer below 2^24 in
 * magnitude (or such an integer by a power of two), whatever the tokens, and whatever the weights within ±127.
 * @param tables the constants of two bytes
 * @returns what was proven, operation after operation
 * @throws WeftError `inexact`, the field being the operation's name
 */
export function proveBounds(program: Program, tables: (name: string) => Values): Bound[] {
  return new Proof(program, tables).run();
}

class Proof {
  readonly #program: Program;
  readonly #tables: (name: string) => Values;
  readonly #known = new Map<string, Known>();
  readonly #bounds: Bound[] = [];

  constructor(program: Program, tables: (name: string) => Values) {
    this.#program = program;
    this.#tables = tables;
  }

  run(): Bound[] {
    for (const op of this.#program.ops) this.#known.set(op.name, this.#derive(op));
    for (const { keys, values } of this.#program.rows)
      for (const name of [keys, values])
        if (magnitude(this.#of(name)) > ROW_LIMIT)
          throw refused(name, `reaches ${magnitude(this.#of(name))}, and a row's values keep within ±${ROW_LIMIT}`);
    return this.#bounds;
  }

  #of(name: string): Known {
    return this.#known.get(name) as Known;
  }

  #prove(op: Op, of: string, most: number): void {
    if (!(most < EXACT_LIMIT)) throw refused(op.name, `its ${of} reaches ${most}, and is not below ${EXACT_LIMIT}`);
    this.#bounds.push({ op: op.name, of, most });
  }

  #derive(op: Op): Known {
    switch (op.kind) {
      case "embedding":
        return this.#post(op, { ...around(WEIGHT_LIMIT), terms: WEIGHT_LIMIT }, { shift: op.shift, clip: 0 });
      case "squareSum":
        this.#rounded(op, "scaled input", magnitude(this.#of(op.input)), op.shift);
        return this.#inParts(op, op.width, { least: 0, most: op.clip ** 2 });
      case "norm": {
        const most = this.#scaled(op, magnitude(this.#of(op.input)), this.#of(op.sum));
        return around(Math.min(op.clip, most));
      }
      case "linear": {
        const term = around(magnitude(this.#of(op.input)) * WEIGHT_LIMIT);
        const known = this.#inParts(op, op.inner, term);
        if (partsOf(op.inner) > 1) return known;
        return this.#post(op, { ...known, terms: magnitude(known) }, op);
      }
      case "rope":
        return this.#rope(op);
      case "score": {
        const visible = op.size * magnitude(this.#of(op.queries)) * magnitude(this.#of(op.keys));
        this.#prove(op, "masked score", visible + op.mask);
        return { least: -visible - op.mask, most: visible, visible };
      }
      case "scoreMax": {
        // The diagonal is never masked. A part may be masked whole; all parts together are not.
        const { least, most, visible = 0 } = this.#of(op.scores);
        return { least, most, visible };
      }
      case "partMax": {
        const { most, visible = 0 } = this.#of(op.input);
        return { least: -visible, most };
      }
      case "expSum": {
        const { least, most, positive } = this.#exponentials(op);
        const known = this.#inParts(op, this.#program.maxPositions, { least, most });
        // The largest score is 0 below itself, so its term is the table's first.
        return { ...known, whole: { ...(known.whole as Interval & { terms: number }), least: positive } };
      }
      case "probability": {
        const { most } = this.#exponentials(op);
        const sum = this.#of(op.sum);
        const least = 0;
        return { least, most: this.#scaled(op, most, sum), total: this.#total(op, sum) };
      }
      case "weightedSum": {
        const { total = 0 } = this.#of(op.probabilities);
        const terms = total * magnitude(this.#of(op.values));
        this.#prove(op, "weighted sum", terms);
        return { ...around(terms), whole: { ...around(terms), terms } };
      }
      case "partSum": {
        const { whole } = this.#of(op.input);
        if (!whole) throw refused(op.name, `${op.input} has no parts`);
        return this.#post(op, whole, op);
      }
      case "gate": {
        const gate = Math.max(this.#of(op.gate).most, 0);
        const most = this.#rounded(op, "product", gate * magnitude(this.#of(op.up)), op.shift);
        return around(Math.min(most, op.clip));
      }
    }
  }

  /** A sum of so many terms, in parts. */
  #inParts(op: Op, count: number, { least, most }: Interval): Known {
    const times = (n: number) => ({ least: least * n, most: most * n });
    const terms = magnitude(times(count));
    this.#prove(op, "sum", terms);
    return { ...times(Math.min(count, PART)), whole: { ...times(count), terms } };
  }

  /** What is added before a shift, and what comes of it. */
  #rounded(op: Op, of: string, most: number, shift: number): number {
    this.#prove(op, of, shift > 0 ? most + half(shift) : most * 2 ** -shift);
    return shifted(most, shift);
  }

  #post(op: Op, sum: Interval & { terms: number }, post: { shift: number; clip: number; residual?: string }): Known {
    this.#rounded(op, "rounded sum", sum.terms, post.shift);
    let known: Interval = { least: shifted(sum.least, post.shift), most: shifted(sum.most, post.shift) };
    if (post.residual !== undefined) {
      const before = this.#of(post.residual);
      known = { least: known.least + before.least, most: known.most + before.most };
      this.#prove(op, "sum with the residual", magnitude(known));
    }
    if (post.clip === 0) return known;
    return { least: Math.max(known.least, -post.clip), most: Math.min(known.most, post.clip) };
  }

  /** x · multiplier / 2^exponent over all entries that a sum may choose: the greatest result. */
  #scaled(op: OpOf<"norm" | "probability">, x: number, sum: Interval): number {
    const table = this.#tables(op.placeTable);
    const [first, last] = [placeOf(Math.max(sum.least, 0), op), placeOf(sum.most, op)];
    if (2 * last + 1 >= table.length)
      throw refused(op.name, `its sum reaches entry ${last}, and ${op.placeTable} has ${table.length / 2}`);
    let [product, result] = [0, 0];
    for (let entry = first; entry <= last; entry++) {
      const [multiplier, exponent] = [table[2 * entry], table[2 * entry + 1]];
      if (multiplier < 0 || exponent < 0 || exponent > 23)
        throw refused(op.name, `${op.placeTable} has ${multiplier} / 2^${exponent} at entry ${entry}`);
      // The graph adds a half to what is not shifted too, and x + 1/2 is a float32 where the integer 2x + 1 is one.
      product = Math.max(product, exponent === 0 ? 2 * x * multiplier + 1 : x * multiplier + half(exponent));
      result = Math.max(result, shifted(x * multiplier, exponent));
    }
    this.#prove(op, "product", product);
    return result;
  }

  /** Of a table of exponentials: its values, and what a position's own sum has at least. */
  #exponentials(op: OpOf<"expSum" | "probability">): Interval & { positive: number } {
    const table = this.#tables(op.expTable);
    const scores = this.#of(op.scores);
    const visible = scores.visible ?? 0;
    const mask = -scores.least - visible;
    this.#prove(op, "difference of scores", 2 * visible + mask);
    if (mask - 2 * visible < (op.entries - 1) * 2 ** op.shift)
      throw refused(op.name, `a masked score may be only ${mask - 2 * visible} below the largest, and would count`);
    let most = 0;
    for (let i = 0; i < op.entries; i++) {
      if (table[i] < 0) throw refused(op.name, `${op.expTable} has ${table[i]} at entry ${i}`);
      most = Math.max(most, table[i]);
    }
    if (table[op.entries - 1] !== 0)
      throw refused(op.name, `${op.expTable} does not end with 0, and masked keys would count`);
    if (table[0] === 0) throw refused(op.name, `${op.expTable} begins with 0, and a sum could be 0`);
    return { least: 0, most, positive: table[0] };
  }

  /**
   * What the probabilities of one position sum to at most. Each is at most e·m/2^x + 1/2, where (m, x) is the entry of
   * their sum E = Σe; so together at most E·m/2^x + T/2, which is looked at for every E there can be: of those that
   * have one entry in common for the last.
   */
  #total(op: OpOf<"probability">, sum: Interval): number {
    const table = this.#tables(op.placeTable);
    const step = 2 ** Math.min(op.near, op.far);
    let most = 0;
    for (let next = 0; next <= sum.most; next += step) {
      const e = Math.min(next + step - 1, sum.most);
      if (e < sum.least) continue;
      const entry = 2 * placeOf(e, op);
      const total = (e * table[entry]) / 2 ** table[entry + 1];
      if (total > most) most = total;
    }
    const total = Math.floor(most + this.#program.maxPositions / 2);
    this.#prove(op, "sum of probabilities", total);
    return total;
  }

  #rope(op: OpOf<"rope">): Known {
    const table = this.#tables(op.angleTable);
    const pairs = op.size / 2;
    let turn = 0;
    for (let at = 0; at < table.length; at += op.size)
      for (let i = at; i < at + pairs; i++) turn = Math.max(turn, Math.abs(table[i]) + Math.abs(table[i + pairs]));
    const most = this.#rounded(op, "sum of products", magnitude(this.#of(op.input)) * turn, op.shift);
    return around(Math.min(most, op.clip));
  }
}

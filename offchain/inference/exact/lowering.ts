import type { Values } from "../../core/model-forward.ts";
import type { OpOf, Place, Post } from "../../core/model-program.ts";
import { CAST, Graph } from "./graph.ts";

/** Where float32 still knows the next integer. */
const LARGE = 2 ** 24;

/**
 * The integer arithmetic of exact models in float32 operators. A right shift is a factor of 2^-s, to which 1/2 is added,
 * then `Floor`; the factor is part of the weights or the table where there is one. So values are integers, or integers by
 * a power of two, within the bounds that were proven.
 */
export class Lowering {
  readonly graph = new Graph();
  readonly #constants: (name: string) => Values;

  constructor(constants: (name: string) => Values) {
    this.#constants = constants;
  }

  halfUp(value: string): string {
    return this.graph.node("Floor", [this.graph.node("Add", [value, this.graph.scalar(0.5)])]);
  }

  rounded(value: string, shift: number): string {
    if (shift === 0) return value;
    const scaled = this.graph.node("Mul", [value, this.graph.scalar(2 ** -shift)]);
    return shift > 0 ? this.halfUp(scaled) : scaled;
  }

  clipped(value: string, clip: number): string {
    if (clip === 0) return value;
    return this.graph.node("Clip", [value, this.graph.scalar(-clip), this.graph.scalar(clip)]);
  }

  /** The rows of int8 weights that ids name, as floats. */
  rows(name: string, dims: readonly [number, number], ids: string): string {
    const weights = this.graph.constant(name, dims, () => Int8Array.from(this.#constants(name)));
    return this.graph.node("Cast", [this.graph.node("Gather", [weights, ids])], { to: { int: CAST.float } });
  }

  /** multiplier / 2^exponent of a table's entry, for each sum `[…, 1]`. */
  factor(sum: string, table: string, { near, far, cap }: Place): string {
    const { graph } = this;
    const scales = graph.constant(`scales ${near} ${far}`, [2], () => [2 ** -near, 2 ** -far]);
    const caps = graph.constant(`caps ${cap}`, [2], () => [cap, LARGE]);
    const both = graph.node("Min", [graph.node("Mul", [sum, scales]), caps]);
    // What is not negative loses its fraction.
    const places = graph.node("Cast", [both], { to: { int: CAST.int32 } });
    const place = graph.node("ReduceSum", [places, graph.integers(-1)]);
    const values = this.#constants(table);
    const entries = values.length / 2;
    const factor = (_: unknown, i: number) => values[2 * i] / 2 ** values[2 * i + 1];
    const factors = graph.constant(table, [entries], () => Array.from({ length: entries }, factor));
    return graph.node("Gather", [factors, place]);
  }

  /** A table's entry for each difference, which is shifted first: every difference has an entry of its own instead. */
  shiftedEntry(difference: string, table: string, { shift, entries }: { shift: number; entries: number }): string {
    const { graph } = this;
    const last = (entries - 1) * 2 ** shift;
    const near = graph.node("Min", [difference, graph.scalar(last)]);
    const place = graph.node("Cast", [near], { to: { int: CAST.int32 } });
    const values = this.#constants(table);
    const spread = graph.constant(`${table} ${shift}`, [last + 1], () =>
      Array.from({ length: last + 1 }, (_, i) => values[Math.floor(i / 2 ** shift)]),
    );
    return graph.node("Gather", [spread, place]);
  }

  /** Cosines of the positions' angles, and sines with the sign that they have for each column: `[T, size]` each. */
  angles({ angleTable, size, shift }: OpOf<"rope">, maxPositions: number, positions: string) {
    const half = size / 2;
    const picked = (what: string, at: (row: number, pair: number, second: boolean) => number) => {
      const values = this.#constants(angleTable);
      const scaled = (_: unknown, i: number) => {
        const [row, column] = [Math.floor(i / size) * size, i % size];
        return at(row, column % half, column >= half) / 2 ** shift;
      };
      const rows = this.graph.constant(`${what} ${angleTable} ${shift}`, [maxPositions, size], () =>
        Array.from({ length: values.length }, scaled),
      );
      return this.graph.node("Gather", [rows, positions]);
    };
    const values = this.#constants(angleTable);
    return {
      cosines: picked("cosines", (row, pair) => values[row + pair]),
      sines: picked("sines", (row, pair, second) => (second ? 1 : -1) * values[row + half + pair]),
    };
  }

  /**
   * Matrices beside one another, as one product `[T, Σ outer]`; each column is shifted and kept within what its operation
   * says. A residual is that of the only one.
   */
  product(input: string, members: readonly { op: OpOf<"linear">; post: Post }[], residual?: string): string {
    const { graph } = this;
    const name = members.map(({ op }) => op.weights).join(" ");
    const each = (of: (post: Post) => number) => {
      const values = members.flatMap(({ op, post }) => new Array<number>(op.outer).fill(of(post)));
      return values.every((value) => value === values[0]) ? values.slice(0, 1) : values;
    };
    const vector = (what: string, values: number[]) => graph.constant(`${what} ${name}`, [values.length], () => values);
    const floats = graph.node("Cast", [this.#matrices(name, members)], { to: { int: CAST.float } });
    const weights = graph.node("Mul", [
      floats,
      vector(
        "scale",
        each(({ shift }) => 2 ** -shift),
      ),
    ]);
    const halves = each(({ shift }) => (shift > 0 ? 0.5 : 0));
    const rounds = halves.some((half) => half > 0);
    let value = graph.node("Gemm", [input, weights, ...(rounds ? [vector("half", halves)] : [])]);
    if (rounds) value = graph.node("Floor", [value]);
    if (residual !== undefined) value = graph.node("Add", [value, residual]);
    const clips = each(({ clip }) => clip);
    if (clips.length === 1) return this.clipped(value, clips[0]);
    const most = clips.map((clip) => clip || Number.POSITIVE_INFINITY);
    const least = most.map((limit) => -limit);
    return graph.node("Max", [graph.node("Min", [value, vector("most", most)]), vector("least", least)]);
  }

  /** Constants have a row for each output, which a product takes as columns. */
  #matrices(name: string, members: readonly { op: OpOf<"linear"> }[]): string {
    const [{ op: first }] = members;
    const columns = members.reduce((sum, { op }) => sum + op.outer, 0);
    return this.graph.constant(name, [first.inner, columns], () => {
      const out = new Int8Array(first.inner * columns);
      let at = 0;
      for (const { op } of members) {
        const rows = this.#constants(op.weights);
        for (let n = 0; n < op.outer; n++, at++)
          for (let i = 0; i < op.inner; i++) out[i * columns + at] = rows[n * op.inner + i];
      }
      return out;
    });
  }
}

import type { Values } from "../../../../offchain/core/model-forward.ts";
import type { Program } from "../../../../offchain/core/model-program.ts";
import type { Arithmetic, Sizes } from "../../../../offchain/inference/exact/arithmetic.ts";
import { proveBounds } from "../../../../offchain/inference/exact/bounds.ts";
import { describe } from "../../../../offchain/inference/exact/describe.ts";
import { arithmetic as austen, constantOf } from "./austen.ts";

export type Drawn = { sizes: Sizes; arithmetic: Arithmetic; program: Program; valuesOf: (name: string) => Values };

/** Numbers 0..below−1, the same for the same seed. */
export function numbers(seed: number): (below: number) => number {
  // Mulberry32: neighbouring seeds have nothing to do with one another.
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/**
 * A small model of random sizes, shifts and clips, weights that are often extreme, that float32 computes exactly.
 * @param positions the most, if not drawn too
 */
export function randomModel(seed: number, positions?: number): Drawn {
  const draw = numbers(seed);
  for (;;) {
    const drawn = attempt(draw, positions);
    try {
      proveBounds(drawn.program, drawn.valuesOf);
      return drawn;
    } catch (error) {
      if ((error as { code?: string }).code !== "inexact") throw error;
    }
  }
}

function attempt(draw: (below: number) => number, positions: number | undefined): Drawn {
  const of = <T>(...values: T[]): T => values[draw(values.length)];
  const kvHeads = of(1, 2);
  const drawn = { vocab: 5 + draw(20), layers: 1 + draw(2), kvHeads, headDim: of(2, 4, 6), maxPositions: of(40, 300) };
  const sizes = { ...drawn, maxPositions: positions ?? drawn.maxPositions };
  const shift = (about: number) => about - 2 + draw(5);
  const rope = shift(12);
  const layer = () => ({
    q: shift(4),
    k: shift(4),
    v: shift(5),
    rope,
    score: draw(6),
    weighted: shift(12),
    o: shift(2),
    gate: shift(4),
    up: shift(4),
    hidden: shift(9),
    down: shift(3),
  });
  const arithmetic: Arithmetic = {
    ...austen,
    width: of(3, 12, 270),
    heads: kvHeads * of(1, 2, 3),
    hidden: of(4, 20, 530),
    shifts: { embedding: draw(5) - 3, norm: shift(2), layers: Array.from({ length: sizes.layers }, layer) },
    clips: {
      residual: of(127, 4_095, 32_767),
      norm: of(15, 127, 200),
      activation: of(15, 100, 127),
      turned: of(127, 4_095),
      gate: of(100, 2_047),
    },
    mask: of(2 ** 20, 2 ** 21, 1_500_001),
    tables: { ...austen.tables, exp: { entries: of(3, 20, 512) } },
  };
  const program = describe(sizes, arithmetic);
  const values = new Map<string, Values>();
  for (const { name, rows, columns, bytes } of program.constants) {
    const most = bytes === 1 ? 127 : 1_024;
    const one = () => of(-most, most, draw(2 * most + 1) - most);
    const isOwn = bytes === 1 || name === "angles";
    values.set(name, isOwn ? Int16Array.from({ length: rows * columns }, one) : constantOf(name));
    // Falls to 0 at the last entry, and not before.
    if (name === "exp")
      values.set(
        name,
        Int16Array.from({ length: columns }, (_, i) => (columns - 1 - i) * (1 + draw(8))),
      );
  }
  return { sizes, arithmetic, program, valuesOf: (name) => values.get(name) as Values };
}

import { z } from "zod/v4";

const count = (most: number) => z.number().int().min(1).max(most);
const shift = z.number().int().min(-23).max(23);
const clip = count(2 ** 24);
const bits = z.number().int().min(0).max(23);
const entries = count(2 ** 16);
const lookUp = z.strictObject({ near: bits, far: bits, cap: clip, entries });

/**
 * `arithmetic` of an exact model's config.json: a decoder of gated blocks whose every value is an integer. A shift says by
 * how many bits what an operation sums is shifted to the right; a clip, within what it is then kept.
 */
export const ArithmeticSchema = z.strictObject({
  format: z.literal("weft-exact-1"),
  width: count(2 ** 14),
  heads: count(1_024),
  hidden: count(2 ** 16),
  shifts: z.strictObject({
    embedding: shift,
    norm: shift,
    layers: z.array(
      z.strictObject({
        q: shift,
        k: shift,
        v: shift,
        rope: shift,
        score: bits,
        weighted: shift,
        o: shift,
        gate: shift,
        up: shift,
        hidden: shift,
        down: shift,
      }),
    ),
  }),
  clips: z.strictObject({ residual: clip, norm: clip, activation: clip, turned: clip, gate: clip }),
  /** Is taken from scores of keys behind the position. */
  mask: clip,
  tables: z.strictObject({ rsqrt: lookUp, reciprocal: lookUp, exp: z.strictObject({ entries: count(2 ** 12) }) }),
});

export type Arithmetic = z.infer<typeof ArithmeticSchema>;

/** What config.json says of a model's sizes, beside its arithmetic. */
export type Sizes = { vocab: number; layers: number; kvHeads: number; headDim: number; maxPositions: number };

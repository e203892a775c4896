import { type Bytes, equal } from "../core/bytes.ts";
import type { Hashing } from "../core/ports.ts";
import type { Logits } from "../inference/engine.ts";
import type { ModelInfo } from "../inference/model.ts";
import { type Drawn, tokenAfter } from "./next-token.ts";
import { type Drawing, distanceOf, OUT_OF_REACH, reachOf, stepsOf } from "./tolerance.ts";

/** Where an answer is not what the model says, and how far from it; no distance is said of exact models. */
export type Difference = { position: number; distance: number };

/** What rounding may do to a model's numbers: nothing to those of an exact one. */
export type Rounding = Pick<ModelInfo, "vocab" | "tolerance">;

/**
 * The first position, of those after what the request gives, whose token is another than the request has, or, of a tolerant
 * model, than it may have by anybody's rounding. Before the first token of a conversation there is nothing that it could
 * follow from.
 * @param logits of the positions from `from` on, up to the one before the last token
 */
export function firstOther(
  h: Hashing,
  { vocab, tolerance }: Rounding,
  drawn: Drawn,
  tokens: readonly number[],
  { logits, from }: { logits: Logits; from: number },
): Difference | undefined {
  for (let position = Math.max(1, drawn.request.after.length, from + 1); position < tokens.length; position++) {
    const at = (position - 1 - from) * vocab;
    const row = logits.subarray(at, at + vocab);
    const context = tokens.slice(0, position);
    const token = tokens[position];
    if (tokenAfter(h, drawn, row, context) === token) continue;
    if (row instanceof Int32Array) return { position, distance: 0 };
    if (token >= vocab) return { position, distance: OUT_OF_REACH };
    const drawing: Drawing = { drawn, logits: row, context };
    if (!reachOf(h, drawing, token)(stepsOf(tolerance))) return { position, distance: distanceOf(h, drawing, token) };
  }
  return undefined;
}

/** Whether rows are ours, but for rounding: of a tolerant model each number by the tolerance, relative to itself or to 1. */
export function areOurRows({ tolerance }: Rounding, ours: Bytes, theirs: Bytes): boolean {
  if (tolerance === 0 || ours.length !== theirs.length) return equal(ours, theirs);
  const [a, b] = [ours, theirs].map((bytes) => new Float32Array(bytes.slice().buffer));
  return a.every((value, i) => Math.abs(value - b[i]) <= tolerance * Math.max(1, Math.abs(value)));
}

import type { Bytes } from "../core/bytes.ts";
import { mix, PROBABILITY_ONE } from "../core/mixing.ts";
import type { Hashing } from "../core/ports.ts";
import type { Reading } from "../core/reading.ts";
import { drawThreshold, type Request } from "../core/request.ts";
import type { Logits } from "../inference/engine.ts";
import { distribution, draw } from "../inference/sampling.ts";

/** The temperature whose distribution a memory is mixed into when the likeliest token is to be taken. */
export const PLAIN = 100;

/**
 * Probabilities of the next token, as integers that sum to 2^16: what the model says, and what the memory has seen in this
 * context. At temperature 0 the largest of the mixture (of equals the lowest id) gets everything.
 * @param temperature in hundredths
 * @param context the tokens up to, and without, the one that is to be drawn
 */
export function nextToken(
  logits: Logits,
  temperature: number,
  samplerK: number,
  reading: Reading | undefined,
  context: readonly number[],
): Uint32Array {
  if (!reading) return distribution(logits, temperature, samplerK);
  const mixed = mix(distribution(logits, temperature || PLAIN, samplerK), reading.memory, reading.gate, context);
  if (temperature > 0) return mixed;
  let largest = 0;
  for (const [id, probability] of mixed.entries()) if (probability > mixed[largest]) largest = id;
  return new Uint32Array(mixed.length).fill(PROBABILITY_ONE, largest, largest + 1);
}

/** A request with all that its tokens are drawn by, beside logits and context. */
export type Drawn = {
  request: Request;
  /** Of the request. */
  id: Bytes;
  samplerK: number;
  reading: Reading | undefined;
};

/**
 * The token that a request has after a context.
 * @param logits of the context's last position
 */
export function tokenAfter(
  h: Hashing,
  { request, id, samplerK, reading }: Drawn,
  logits: Logits,
  context: readonly number[],
): number {
  const probabilities = nextToken(logits, request.parameters.temperature, samplerK, reading, context);
  return draw(probabilities, drawThreshold(h, id, context.length));
}

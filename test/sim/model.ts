import { type Bytes, concat } from "../../offchain/core/bytes.ts";
import { LIMIT_ORDER } from "../../offchain/core/memory-definition.ts";
import { mix, PROBABILITY_ONE } from "../../offchain/core/mixing.ts";
import type { OrderModel } from "../../offchain/core/order.ts";
import type { Hashing } from "../../offchain/core/ports.ts";
import type { Reading } from "../../offchain/core/reading.ts";
import type { Computed } from "../../offchain/core/writing.ts";

/**
 * A model without weights: as with a real exact one, every token is a function of (request id, position) here; and of all
 * that a memory makes of the probabilities, where one is read.
 */
export const VOCAB = 250;
/** Ends an answer. */
export const END = 0;
export const MODEL_ID = new Uint8Array(32).fill(7);
/** Who reads a memory says the same words over and over: contexts come again, and counts grow. */
const FEW = 6;
const NOTHING = new Uint8Array(0);
export const ROW_BYTES = 4;
export const MODEL: OrderModel = { id: MODEL_ID, vocab: VOCAB, maxPositions: 2 ** 16 };

/** @param mixed the probabilities, of a request that reads a memory */
export function tokenAt(h: Hashing, requestId: Bytes, position: number, mixed?: Uint32Array): number {
  const at = Uint8Array.of(position >> 16, (position >> 8) & 255, position & 255);
  const seed = h.keccak256(requestId, at, mixed ? new Uint8Array(mixed.buffer as ArrayBuffer) : NOTHING);
  return seed[1] < 6 ? END : 1 + (seed[0] % (mixed ? FEW : VOCAB - 1));
}

/** What the model gives every token before a memory is heard. */
export function uniform(): Uint32Array {
  const probabilities = new Uint32Array(VOCAB).fill(Math.floor(PROBABILITY_ONE / VOCAB));
  probabilities[END] += PROBABILITY_ONE % VOCAB;
  return probabilities;
}

/** What a memory makes of them. @param context the tokens before the one that is to be drawn */
export function heeding(reading: Reading | undefined, context: readonly number[]): Uint32Array {
  return reading ? mix(uniform(), reading.memory, reading.gate, context.slice(-LIMIT_ORDER)) : uniform();
}

/** The whole answer to a request, as anybody computes it. */
export function answerTo(h: Hashing, requestId: Bytes, from: number, most: number): number[] {
  const ids: number[] = [];
  while (ids.length < most) {
    ids.push(tokenAt(h, requestId, from + ids.length));
    if (ids.at(-1) === END) break;
  }
  return ids;
}

/** Rows that follow from the tokens up to a position; here from the token alone. */
export function rowsOf(tokens: readonly number[], first: number, count: number): Bytes {
  return concat(...tokens.slice(first, first + count).map((id, i) => Uint8Array.of(id, first + i, 3, 5)));
}

/** Computed as far as the tokens go. */
export const computed = (tokens: readonly number[]): Computed => ({
  get length() {
    return tokens.length;
  },
  rows: (first, count) => rowsOf(tokens, first, count),
});

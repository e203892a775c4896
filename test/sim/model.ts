import { type Bytes, concat } from "../../offchain/core/bytes.ts";
import type { OrderModel } from "../../offchain/core/order.ts";
import type { Hashing } from "../../offchain/core/ports.ts";
import type { Computed } from "../../offchain/core/writing.ts";

/** A model without weights: as with a real exact one, every token is a function of (request id, position) here. */
export const VOCAB = 250;
/** Ends an answer. */
export const END = 0;
export const MODEL_ID = new Uint8Array(32).fill(7);
export const ROW_BYTES = 4;
export const MODEL: OrderModel = { id: MODEL_ID, vocab: VOCAB, maxPositions: 2 ** 16 };

export function tokenAt(h: Hashing, requestId: Bytes, position: number): number {
  const seed = h.keccak256(requestId, Uint8Array.of(position >> 16, (position >> 8) & 255, position & 255));
  return seed[1] < 6 ? END : 1 + (seed[0] % (VOCAB - 1));
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

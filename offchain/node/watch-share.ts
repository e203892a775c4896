import { type Bytes, utf8 } from "../core/bytes.ts";
import type { Hashing, Signer } from "../core/ports.ts";

export type WatchShares = {
  /** Of the turns of others, the part that is re-executed while nothing is out of the ordinary. */
  least: number;
  /** To which drift raises it. */
  most: number;
  /** How far memories may turn, of 2^16, before checkpoints are hurried. */
  drift: number;
};

/**
 * The part of an operator's turns that is re-executed. Up to the angle from which on checkpoints are hurried it is the least
 * one; from there it grows with the angle, and at twice that, or where the author's state was seen to differ, it is the most.
 * @param moved how far what was heard turned the memories away from a checkpoint's, of 2^16
 */
export function shareOf({ least, most, drift }: WatchShares, moved: number, isAlarmed: boolean): number {
  const highest = Math.max(least, most);
  if (least === 0) return 0;
  if (isAlarmed) return highest;
  if (moved <= drift) return least;
  // What a cosine lacks to 1 grows with the square of the angle.
  const angles = drift === 0 ? 2 : Math.sqrt(moved / drift);
  return least + (highest - least) * Math.min(1, angles - 1);
}

/**
 * Draws lots for turns, from 0 to below 1: always the same, also after a restart, and by nobody foreseen who has not the key.
 */
export function lotteryOf(h: Hashing, separator: Bytes, signer: Signer): (turn: Bytes) => number {
  const secret = signer.sign(h.keccak256(utf8("Weft watch"), separator));
  return (turn) => new DataView(h.sha256(secret, turn).slice().buffer).getUint32(0) / 2 ** 32;
}

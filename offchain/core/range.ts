import { type Bytes, equal } from "./bytes.ts";
import type { Replica } from "./replica.ts";
import type { Segment } from "./segment.ts";

/** A segment as a peer sent it, with the hash of its header. */
export type Held = { segment: Segment; hash: Bytes };

/** Does each follow the one before it? */
export function isChain(segments: readonly Held[]): boolean {
  return segments.every(
    ({ segment: { header } }, i) =>
      i === 0 ||
      (equal(header.previous, segments[i - 1].hash) && header.sequence === segments[i - 1].segment.header.sequence + 1),
  );
}

/** Hashes do not cover signatures: what is stored must still prove who wrote it. */
export function areSigned({ crypto, registry }: Replica, segments: readonly Held[]): boolean {
  return segments.every(({ segment: { header, signature }, hash }) => {
    const signer = crypto.recover(hash, signature);
    const owner = signer && registry.operatorOf(signer);
    return owner !== undefined && equal(owner, header.operator);
  });
}

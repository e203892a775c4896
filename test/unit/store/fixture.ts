import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Bytes, concat, Writer } from "../../../offchain/core/bytes.ts";
import type { TrackKey } from "../../../offchain/core/segment.ts";
import { Store, type StoredSegment, type StoreOptions } from "../../../offchain/store/store.ts";

export const IDENTITY = {
  operator: new Uint8Array(20).fill(0x11),
  chainId: 31337,
  ledger: new Uint8Array(20).fill(0x22),
};

const sha256 = (...parts: Bytes[]): Bytes =>
  new Uint8Array(
    createHash("sha256")
      .update(concat(...parts))
      .digest(),
  );

export function trackOf(incarnation: number): TrackKey {
  return { operator: IDENTITY.operator, incarnation: new Uint8Array(16).fill(incarnation) };
}

/** A stand-in whose bytes begin with the hash before it, so that a reader can check the chain. */
export function segmentOf(track: TrackKey, sequence: number, fork = 0): StoredSegment {
  const hashAt = (at: number) => sha256(track.operator, track.incarnation, new Writer().u64(at).u8(fork).done());
  const bytes = concat(hashAt(sequence - 1), new Uint8Array(200 + (sequence % 100)).fill(sequence % 251));
  return { ...track, sequence, hash: hashAt(sequence), bytes };
}

export function place(sequence: number, index = 1) {
  return { sequence, index };
}

export function rowsOf(seed: number, length = 500 + (seed % 700)): Bytes {
  return Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7) & 0xff);
}

export function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "weft-store-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function openStore(folder: string, options: Partial<StoreOptions> = {}): Store {
  return Store.open(folder, { identity: IDENTITY, ...options });
}

/** A generator of numbers below 2^32 that a seed fixes. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
}

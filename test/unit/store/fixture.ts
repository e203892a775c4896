import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Bytes, concat, Writer } from "../../../offchain/core/bytes.ts";
import { genesisCheckpoint } from "../../../offchain/core/checkpoint.ts";
import { type Advance, Cut, type CutEntry } from "../../../offchain/core/cut.ts";
import type { StoreRecord } from "../../../offchain/core/events.ts";
import { encodeSegment, type TrackKey } from "../../../offchain/core/segment.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
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

const hashOf = ({ operator, incarnation }: TrackKey, sequence: number, fork = 0) =>
  sha256(operator, incarnation, new Writer().u64(sequence).u8(fork).done());

/** A record of a real segment, as far as its form goes; its hash is that of `segmentOf`. */
export function segmentRecord(track: TrackKey, sequence: number, fork = 0): StoreRecord & { type: "segment" } {
  const previous = hashOf(track, sequence - 1);
  const header = { ...track, sequence, previous, snapshotsRoot: hashOf(track, sequence, 7), snapshotCount: 1 };
  const snapshots = [{ salt: new Uint8Array(16).fill(fork + 1), body: rowsOf(sequence) }];
  const segment = { header, signature: new Uint8Array(65).fill(sequence % 251), snapshots };
  return { type: "segment", segment, hash: hashOf(track, sequence, fork) };
}

/** What the store holds of `segmentRecord`. */
export function segmentOf(track: TrackKey, sequence: number, fork = 0): StoredSegment {
  const { segment } = segmentRecord(track, sequence, fork);
  return { ...track, sequence, hash: hashOf(track, sequence, fork), bytes: encodeSegment(segment) };
}

/** Two signed headers for the first place of a track; the fork of the second is `fork`. */
export function evidenceOf(track: TrackKey, fork = 1): StoreRecord & { type: "evidence" } {
  const signed = (of: number) => {
    const { header, signature } = segmentRecord(track, 1, of).segment;
    return { header: { ...header, snapshotsRoot: hashOf(track, 1, of) }, signature };
  };
  return { type: "evidence", operator: track.operator, evidence: { a: signed(0), b: signed(fork) } };
}

export function advanceOf(track: TrackKey, sequence: number): Advance {
  return { ...track, sequence, head: hashOf(track, sequence) };
}

export function checkpointRecord(number: number, cut: Cut, fork = 0): StoreRecord & { type: "checkpoint" } {
  const hash = sha256(Uint8Array.of(number & 255, number >> 8, fork));
  const genesis = genesisCheckpoint(crypto, hash);
  return { type: "checkpoint", number, hash, checkpoint: { ...genesis, number, cutRoot: cut.root }, cut };
}

/** The cut of checkpoint `number` over one track that goes 3 segments further each time. */
function cutAt(track: TrackKey, number: number): Cut {
  const entry: CutEntry = { ...advanceOf(track, number * 3), ended: false, first: 0 };
  return Cut.of(crypto, [entry]);
}

/** The n-th batch (from 1) of a life in which everything is written that there is, and some of it taken back again. */
export function batchOf(track: TrackKey, n: number): StoreRecord[] {
  const last = 3 * n;
  const records: StoreRecord[] = [last - 2, last - 1, last].map((sequence) => segmentRecord(track, sequence));
  records.push({ type: "attested", number: n, hash: hashOf(track, last) });
  if (n % 4 === 0) records.push({ type: "rewind", track, to: last - 1 }, segmentRecord(track, last, 1));
  records.push(checkpointRecord(n, cutAt(track, n)));
  if (n % 5 === 0)
    records.push({ type: "drop-checkpoints", from: n - 1 }, checkpointRecord(n - 1, cutAt(track, n - 1), 1));
  if (n % 4 === 0) records.push({ type: "prune-checkpoints", before: n - 2 });
  if (n % 3 === 0) records.push({ type: "base", base: advanceOf(track, last - 5) });
  return records;
}

/** Everything that a worker that starts would read. */
export function contents(store: Store) {
  const disk = store.disk();
  return {
    bases: [...disk.bases()],
    segments: [...disk.segments()],
    checkpoints: [...disk.checkpoints()],
    evidence: [...disk.evidence()],
    chain: disk.chain(),
  };
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

import { type Bytes, isZero, type Reader, type Writer } from "./bytes.ts";
import { structHash, typedDigest, word } from "./hash.ts";
import type { Hashing } from "./ports.ts";
import type { Place } from "./snapshot.ts";
import { TREE } from "./tree.ts";

export type TrackKey = { operator: Bytes; incarnation: Bytes };

export type Header = TrackKey & {
  /** 1 for the first segment of a track. */
  sequence: number;
  /** Hash of the header before this one; the track's id for the first. */
  previous: Bytes;
  snapshotsRoot: Bytes;
  snapshotCount: number;
};

export type SignedHeader = { header: Header; signature: Bytes };

export const LIMIT_SNAPSHOTS = 2 ** TREE.snapshots.depth;
export const HEADER_BYTES = 20 + 16 + 8 + 32 + 32 + 4;
export const SIGNATURE_BYTES = 65;

export function trackId(h: Hashing, track: TrackKey): Bytes {
  return structHash(h, "Track(address operator,bytes16 incarnation)", [
    word.address(track.operator),
    word.left(track.incarnation),
  ]);
}

/** A turn is named by where it was opened. */
export function turnId(h: Hashing, track: Bytes, opened: Place): Bytes {
  return structHash(h, "Turn(bytes32 track,uint64 sequence,uint32 index)", [
    track,
    word.uint(opened.sequence),
    word.uint(opened.index),
  ]);
}

/** The EIP-712 digest: what is signed is what is chained. Also of a header whose counter is beyond any that is counted. */
export function headerHash(
  h: Hashing,
  separator: Bytes,
  header: Omit<Header, "sequence"> & { sequence: number | bigint },
): Bytes {
  const struct = structHash(
    h,
    "Segment(address operator,bytes16 incarnation,uint64 sequence,bytes32 previous,bytes32 snapshotsRoot,uint32 snapshotCount)",
    [
      word.address(header.operator),
      word.left(header.incarnation),
      word.uint(header.sequence),
      header.previous,
      header.snapshotsRoot,
      word.uint(header.snapshotCount),
    ],
  );
  return typedDigest(h, separator, struct);
}

export function writeHeader(out: Writer, header: Header): Writer {
  return out
    .fixed(header.operator, 20)
    .fixed(header.incarnation, 16)
    .u64(header.sequence)
    .fixed(header.previous, 32)
    .fixed(header.snapshotsRoot, 32)
    .u32(header.snapshotCount);
}

export function readHeader(from: Reader): Header {
  const header: Header = {
    operator: from.fixed(20),
    incarnation: from.fixed(16),
    sequence: from.u64(),
    previous: from.fixed(32),
    snapshotsRoot: from.fixed(32),
    snapshotCount: from.u32(),
  };
  if (header.sequence === 0) throw from.malformed("has sequence 0; the first is 1");
  if (header.snapshotCount === 0 || header.snapshotCount > LIMIT_SNAPSHOTS)
    throw from.malformed(`counts ${header.snapshotCount} snapshots`);
  if (isZero(header.previous) || isZero(header.snapshotsRoot)) throw from.malformed("has a zero hash");
  return header;
}

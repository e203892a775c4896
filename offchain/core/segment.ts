import { type Bytes, isZero, Reader, Writer } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import { structHash, typedDigest, word } from "./hash.ts";
import type { Hashing, Signer } from "./ports.ts";
import { LIMIT_SNAPSHOT_BYTES, type Place, SALT_BYTES, type SaltedSnapshot, snapshotLeaf } from "./snapshot.ts";
import { ListTree, TREE } from "./tree.ts";

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

export type Segment = SignedHeader & { snapshots: readonly SaltedSnapshot[] };

export const LIMIT_SNAPSHOTS = 2 ** TREE.snapshots.depth;
export const LIMIT_SEGMENT_BYTES = 512 * 1024;
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

/** The EIP-712 digest: what is signed is what is chained. */
export function headerHash(h: Hashing, separator: Bytes, header: Header): Bytes {
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

export function snapshotTree(h: Hashing, snapshots: readonly SaltedSnapshot[]): ListTree {
  return new ListTree(
    h,
    TREE.snapshots,
    snapshots.map((snapshot) => snapshotLeaf(h, snapshot)),
  );
}

/** Signs the next segment of a track. One signature per segment, never per token. */
export function sealSegment(
  h: Hashing,
  separator: Bytes,
  signer: Signer,
  track: TrackKey,
  at: { sequence: number; previous: Bytes },
  snapshots: readonly SaltedSnapshot[],
): Segment & { hash: Bytes } {
  if (snapshots.length === 0 || snapshots.length > LIMIT_SNAPSHOTS)
    throw new WeftError("out_of_range", `a segment has 1..${LIMIT_SNAPSHOTS} snapshots`, { field: "snapshots" });
  const header: Header = {
    operator: track.operator,
    incarnation: track.incarnation,
    sequence: at.sequence,
    previous: at.previous,
    snapshotsRoot: snapshotTree(h, snapshots).root,
    snapshotCount: snapshots.length,
  };
  const hash = headerHash(h, separator, header);
  return { header, signature: signer.sign(hash), snapshots, hash };
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

/** A segment is stored, shown and relayed as the same bytes: they are made once. */
const encodings = new WeakMap<Segment, Bytes>();

export function encodeSegment(segment: Segment): Bytes {
  const known = encodings.get(segment);
  if (known) return known;
  const out = writeHeader(new Writer(), segment.header).fixed(segment.signature, SIGNATURE_BYTES);
  for (const snapshot of segment.snapshots) out.fixed(snapshot.salt, SALT_BYTES).bytes(snapshot.body);
  const bytes = out.done();
  encodings.set(segment, bytes);
  return bytes;
}

/** @throws WeftError `malformed` for anything but the canonical encoding. Says nothing about signature or root. */
export function decodeSegment(bytes: Bytes): Segment {
  const from = new Reader(bytes, "segment");
  if (bytes.length > LIMIT_SEGMENT_BYTES) throw from.malformed(`is larger than ${LIMIT_SEGMENT_BYTES} bytes`);
  const header = readHeader(from);
  const signature = from.fixed(SIGNATURE_BYTES);
  const snapshots = Array.from({ length: header.snapshotCount }, () => ({
    salt: from.fixed(SALT_BYTES),
    body: from.bytes(LIMIT_SNAPSHOT_BYTES),
  }));
  from.end();
  const segment: Segment = { header, signature, snapshots };
  encodings.set(segment, bytes);
  return segment;
}

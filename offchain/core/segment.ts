import { type Bytes, Reader, Writer } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import {
  type Header,
  headerHash,
  LIMIT_SNAPSHOTS,
  readHeader,
  SIGNATURE_BYTES,
  type SignedHeader,
  type TrackKey,
  writeHeader,
} from "./header.ts";
import { ListTree } from "./list-tree.ts";
import type { Hashing, Signer } from "./ports.ts";
import { LIMIT_SNAPSHOT_BYTES, SALT_BYTES, type SaltedSnapshot, snapshotLeaf } from "./snapshot.ts";
import { TREE } from "./tree.ts";

/** A header is a segment's as well; whoever checks proofs needs no more than that module. */
export * from "./header.ts";

export type Segment = SignedHeader & { snapshots: readonly SaltedSnapshot[] };

export const LIMIT_SEGMENT_BYTES = 512 * 1024;
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

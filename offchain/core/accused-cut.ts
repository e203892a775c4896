import { type Bytes, equal, Reader, Writer } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type Cut, type CutEntry, ENTRY_BYTES, encodeEntry } from "./cut.ts";
import type { CutProof, EntryAt, HeaderAt, StatedEntry, StatedHeader } from "./cut-proof.ts";
import { undefinedOn } from "./errors.ts";
import { type Header, headerHash, readHeader, type TrackKey, trackId, writeHeader } from "./header.ts";
import type { OpenedTree } from "./opened-tree.ts";
import type { Hashing } from "./ports.ts";
import type { RegistryEvent } from "./registry.ts";
import type { SaltedSnapshot } from "./snapshot.ts";
import type { ToldTree } from "./told-tree.ts";

/** A segment as it was served; of what only its header is known, without its snapshots. */
export type StatedSegment = { header: StatedHeader; snapshots?: readonly SaltedSnapshot[] };

/** Where a segment stands in a checkpoint that stands. */
export type StandingSegment = { number: number; index: number; segment: StatedSegment; proof(): readonly Bytes[] };

/** A committed checkpoint that may be false, with what it states and what whoever looks at it knows. */
export type Accusation = {
  checkpoint: Checkpoint;
  hash: Bytes;
  separator: Bytes;
  parent: { checkpoint: Checkpoint; cut: Cut };
  /** Position after position from 1 on: up to the one that the checkpoint names, and later ones that are known. */
  registry: readonly RegistryEvent[];
  /** What the leaves of the two trees are the hashes of, where that was served; of the segments, as far as it was. */
  cut?: ToldTree;
  segments?: ToldTree | OpenedTree;
  /** The segment whose header has this hash, held or served. */
  segmentOf(hash: Bytes): StatedSegment | undefined;
  /** The hash of the valid segment that is held in this place of a track. */
  heldAt(track: TrackKey, sequence: number): Bytes | undefined;
  /** A segment of the parent or of a checkpoint before it. */
  earlier(track: TrackKey, sequence: number): StandingSegment | undefined;
  /** Of a segment that is held, where they do not stand with it. */
  snapshotsAt(track: TrackKey, sequence: number): readonly SaltedSnapshot[] | undefined;
};

/** Why nothing was found, or what might still be: nothing of it is the business of the court about cuts. */
export type Doubt =
  /** It has to be served before anything can be said: whoever keeps it back is challenged for it. */
  | { type: "unserved"; what: "cut" | "segments" }
  | { type: "unserved"; what: "header" | "snapshots"; index: number }
  | { type: "unserved"; what: "earlier"; track: TrackKey; sequence: number }
  /** Another segment is held here in this place: whoever signed both has contradicted itself. */
  | { type: "fork"; index: number; track: TrackKey; sequence: number }
  /** A rule is broken that the court does not judge. */
  | { type: "unjudged"; rule: string };

export type Finding = { type: "proof"; proof: CutProof } | Doubt;

export const found = (proof: CutProof): Finding => ({ type: "proof", proof });

/** Where a track stood in the parent; a new one before its first segment. */
export type Standing = { isNew: boolean; sequence: bigint; head: Bytes; ended: boolean };

/** Where the counter of an entry stands, and of a header: both begin with their track. */
const SEQUENCE_AT = 20 + 16;
const HEAD_AT = SEQUENCE_AT + 8;
/** Where an entry says that its track has ended. */
export const ENDED_AT = HEAD_AT + 32;

/** What a leaf of the cut says; undefined for what is no entry. */
export function readEntry(data: Bytes): StatedEntry | undefined {
  if (data.length !== ENTRY_BYTES || data[ENDED_AT] > 1) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return {
    operator: data.slice(0, 20),
    incarnation: data.slice(20, 36),
    sequence: view.getBigUint64(SEQUENCE_AT),
    head: data.slice(HEAD_AT, ENDED_AT),
    ended: data[ENDED_AT] === 1,
    first: view.getUint32(ENDED_AT + 1),
  };
}

/** The leaf of the cut that says this. */
export function writeEntry({ sequence, ...entry }: StatedEntry): Bytes {
  return counting(encodeEntry({ ...entry, sequence: 0 }), sequence);
}

/** These bytes of an entry or a header, with this counter. */
function counting(bytes: Bytes, sequence: bigint): Bytes {
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(SEQUENCE_AT, sequence);
  return bytes;
}

/** What 112 bytes say as a header, whatever that is. */
export function readStatedHeader(bytes: Bytes): StatedHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    operator: bytes.slice(0, 20),
    incarnation: bytes.slice(20, 36),
    sequence: view.getBigUint64(SEQUENCE_AT),
    previous: bytes.slice(44, 76),
    snapshotsRoot: bytes.slice(76, 108),
    snapshotCount: view.getUint32(108),
  };
}

/** The bytes of a header, whatever it says. */
export function writeStatedHeader({ sequence, ...header }: StatedHeader): Bytes {
  return counting(writeHeader(new Writer(), { ...header, sequence: 0 }).done(), sequence);
}

/** The header as one of a segment; undefined where no segment can have it. */
export function headerOfSegment(header: StatedHeader): Header | undefined {
  return undefinedOn("malformed", () => readHeader(new Reader(writeStatedHeader(header), "header")));
}

export const stated = <Counted extends { sequence: number }>(value: Counted) => ({
  ...value,
  sequence: BigInt(value.sequence),
});

export const isSameTrack = (a: TrackKey, b: TrackKey) =>
  equal(a.operator, b.operator) && equal(a.incarnation, b.incarnation);

/** What is accused, place by place: for whoever has seen that every slot below the count holds an entry. */
export class AccusedCut {
  readonly of: Accusation;
  readonly both: { checkpoint: Checkpoint; parent: Checkpoint };
  readonly #h: Hashing;
  readonly #cut: ToldTree;
  readonly #entries: StatedEntry[] = [];

  constructor(h: Hashing, of: Accusation, cut: ToldTree) {
    this.of = of;
    this.both = { checkpoint: of.checkpoint, parent: of.parent.checkpoint };
    this.#h = h;
    this.#cut = cut;
    for (let slot = 0; slot < of.checkpoint.entryCount; slot++)
      this.#entries.push(readEntry(cut.get(slot) as Bytes) as StatedEntry);
  }

  get entries(): readonly StatedEntry[] {
    return this.#entries;
  }

  entryAt(slot: number): EntryAt {
    const { cut } = this.of.parent;
    const before = cut.entries[slot];
    return {
      slot,
      entry: this.#entries[slot],
      proof: this.#cut.proof(slot),
      ...(before && { before: { entry: stated<CutEntry>(before), proof: cut.proof(slot) } }),
    };
  }

  before(slot: number): Standing {
    const before = this.of.parent.cut.entries[slot];
    if (before) return { isNew: false, sequence: BigInt(before.sequence), head: before.head, ended: before.ended };
    return { isNew: true, sequence: 0n, head: trackId(this.#h, this.#entries[slot]), ended: false };
  }

  /** Segments that a track adds. */
  advance(slot: number): bigint {
    return this.#entries[slot].sequence - this.before(slot).sequence;
  }

  /** The segment at an index, where its header is known. */
  segmentAt(index: number): (StatedSegment & { hash: Bytes }) | undefined {
    const hash = this.of.segments?.get(index);
    const segment = hash && this.of.segmentOf(hash);
    if (!segment || !equal(headerHash(this.#h, this.of.separator, segment.header), hash)) return undefined;
    return { ...segment, hash };
  }

  headerAt(index: number, header: StatedHeader): HeaderAt {
    return { index, header, proof: (this.of.segments as ToldTree | OpenedTree).proof(index) };
  }
}

import { type Bytes, compare, equal, Reader, toHex, Writer } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { WeftError } from "./errors.ts";
import { type Lesson, learn } from "./fold.ts";
import { ListTree } from "./list-tree.ts";
import type { Memories } from "./memories.ts";
import type { Hashing } from "./ports.ts";
import type { TrackKey } from "./segment.ts";
import { type LeafKind, SparseTree } from "./sparse-tree.ts";
import { leafHash, TREE } from "./tree.ts";

export type CutEntry = TrackKey & {
  sequence: number;
  head: Bytes;
  ended: boolean;
  /** Index of this track's first new segment in the checkpoint's segments tree, also when it has none. */
  first: number;
};

/** How far a checkpoint goes in one track. */
export type Advance = TrackKey & { sequence: number; head: Bytes };

export function trackName(track: TrackKey): string {
  return `${toHex(track.operator)}:${toHex(track.incarnation)}`;
}

export const ENTRY_BYTES = 20 + 16 + 8 + 32 + 1 + 4;

export function encodeEntry(entry: CutEntry): Bytes {
  return new Writer()
    .fixed(entry.operator, 20)
    .fixed(entry.incarnation, 16)
    .u64(entry.sequence)
    .fixed(entry.head, 32)
    .u8(entry.ended ? 1 : 0)
    .u32(entry.first)
    .done();
}

const ENTRIES: LeafKind<CutEntry> = {
  tree: TREE.cut,
  hash: (h, entry) => leafHash(h, TREE.cut, encodeEntry(entry)),
};

/** One entry per track, each in the slot that it was given when it first appeared. */
export class Cut {
  readonly entries: readonly CutEntry[];
  readonly #h: Hashing;
  /** In the order of the slots. */
  readonly #slots: Map<string, number>;
  readonly #tree: SparseTree<CutEntry>;

  private constructor(
    h: Hashing,
    entries: readonly CutEntry[],
    slots: Map<string, number>,
    tree: SparseTree<CutEntry>,
  ) {
    this.#h = h;
    this.entries = entries;
    this.#slots = slots;
    this.#tree = tree;
  }

  static empty(h: Hashing): Cut {
    return new Cut(h, [], new Map(), SparseTree.empty(ENTRIES));
  }

  /** @param like another cut: what both have is kept once, and hashed once */
  static of(h: Hashing, entries: readonly CutEntry[], like = Cut.empty(h)): Cut {
    return like.#with(h, entries);
  }

  #with(h: Hashing, entries: readonly CutEntry[]): Cut {
    const names = [...this.#slots.keys()];
    const slots = new Map<string, number>();
    const shared = entries.map((entry, slot) => {
      const ours = this.entries[slot];
      const isOurs = ours !== undefined && isSameTrack(ours, entry);
      slots.set(isOurs ? names[slot] : trackName(entry), slot);
      return isOurs ? sharing(ours, entry) : entry;
    });
    if (slots.size !== entries.length) throw new WeftError("malformed", "a track has two entries", { field: "cut" });
    const moved: number[] = [];
    for (let slot = 0; slot < Math.max(this.entries.length, shared.length); slot++)
      if (this.entries[slot] !== shared[slot]) moved.push(slot);
    return new Cut(
      h,
      shared,
      slots,
      this.#tree.update(moved, (_, n) => shared[moved[n]]),
    );
  }

  get root(): Bytes {
    return this.#tree.root(this.#h);
  }

  slot(track: TrackKey): number | undefined {
    return this.#slots.get(trackName(track));
  }

  entry(track: TrackKey): CutEntry | undefined {
    return this.named(trackName(track));
  }

  /** @param name as `trackName` makes it: who holds the track need not make it anew */
  named(name: string): CutEntry | undefined {
    const slot = this.#slots.get(name);
    return slot === undefined ? undefined : this.entries[slot];
  }

  /** The entries, in their order, with the names of their tracks. */
  *byName(): Generator<[string, CutEntry]> {
    for (const [name, slot] of this.#slots) yield [name, this.entries[slot]];
  }

  /** Do we hold the track as this cut has it, or beyond? After it took another fork, not until ours is dropped. */
  agrees(track: { name: string; hashAt(sequence: number): Bytes | undefined }): boolean {
    const entry = this.named(track.name);
    const ours = entry && track.hashAt(entry.sequence);
    return !entry || (ours !== undefined && equal(ours, entry.head));
  }

  proof(slot: number): Bytes[] {
    return this.#tree.proof(this.#h, slot);
  }

  /**
   * The next cut. Known tracks keep their slots; new ones take the next slots, ascending by operator and incarnation.
   * An entry is ended exactly when `isEnded` says so of its operator, and then stays where the parent left it.
   */
  extend(h: Hashing, advances: readonly Advance[], isEnded: (operator: Bytes) => boolean): Cut {
    const named = advances.map((advance): [string, Advance] => [trackName(advance), advance]);
    const byTrack = new Map(named);
    const fresh = named
      .filter(([name, { operator }]) => !this.#slots.has(name) && !isEnded(operator))
      .map(([, advance]) => advance)
      .sort((a, b) => compare(a.operator, b.operator) || compare(a.incarnation, b.incarnation));
    const entries: CutEntry[] = [];
    let first = 0;
    for (const [name, known] of this.byName()) {
      const ended = known.ended || isEnded(known.operator);
      const to = (!ended && byTrack.get(name)) || known;
      if (to.sequence < known.sequence || (to.sequence === known.sequence && compare(to.head, known.head) !== 0))
        throw new WeftError("cut_goes_back", "a track never goes back", { field: "sequence" });
      entries.push({ ...known, sequence: to.sequence, head: to.head, ended, first });
      first += to.sequence - known.sequence;
    }
    for (const { operator, incarnation, sequence, head } of fresh) {
      entries.push({ operator, incarnation, sequence, head, ended: false, first });
      first += sequence;
    }
    return this.#with(h, entries);
  }

  /** How many segments are between the parent and this cut. Entries may be false: this may be more than could be walked. */
  countSince(parent: Cut): number {
    return this.entries.reduce(
      (sum, { sequence }, slot) => sum + Math.max(0, sequence - (parent.entries[slot]?.sequence ?? 0)),
      0,
    );
  }

  /** Every segment between the parent and this cut, in the order of the segments tree: as many as `countSince` says. */
  *segmentsSince(parent: Cut): Generator<TrackKey & { sequence: number }> {
    for (const [slot, entry] of this.entries.entries()) {
      const from = parent.entries[slot]?.sequence ?? 0;
      for (let sequence = from + 1; sequence <= entry.sequence; sequence++)
        yield { operator: entry.operator, incarnation: entry.incarnation, sequence };
    }
  }

  /** Where in the segments tree a segment stands that is in this cut and not in the parent. */
  segmentIndex(parent: Cut, track: TrackKey, sequence: number): number {
    const { first } = this.entry(track) as CutEntry;
    return first + sequence - (parent.entry(track)?.sequence ?? 0) - 1;
  }
}

const isSameTrack = (a: TrackKey, b: TrackKey): boolean =>
  equal(a.operator, b.operator) && equal(a.incarnation, b.incarnation);

/** The entry of a track that we have one of: ours, where both say the same, or else with what is the same taken from ours. */
function sharing(ours: CutEntry, entry: CutEntry): CutEntry {
  const { operator, incarnation, sequence, ended, first } = ours;
  const head = equal(ours.head, entry.head) ? ours.head : entry.head;
  const isSame = head === ours.head && sequence === entry.sequence && ended === entry.ended && first === entry.first;
  return isSame ? ours : { ...entry, operator, incarnation, head };
}

/** What a checkpoint is made of: header hashes of segments, and what they teach. */
export type Segments = {
  hashAt(track: TrackKey, sequence: number): Bytes;
  lessonAt(track: TrackKey, sequence: number): Lesson | undefined;
};

/** The segments tree of what a cut adds. @throws WeftError `too_large` when it covers more segments than fit. */
export function segmentsTree(h: Hashing, parent: Cut, cut: Cut, { hashAt }: Pick<Segments, "hashAt">): ListTree {
  if (cut.countSince(parent) > 2 ** TREE.segments.depth)
    throw new WeftError("too_large", "the cut covers more segments than fit", { field: "cut" });
  const leaves: Bytes[] = [];
  for (const segment of cut.segmentsSince(parent))
    leaves.push(leafHash(h, TREE.segments, hashAt(segment, segment.sequence)));
  return new ListTree(h, TREE.segments, leaves);
}

/** The memories after each segment that a cut adds, in the order of the segments tree. */
export function* memoriesAfter(
  parent: { cut: Cut; memories: Memories },
  cut: Cut,
  { lessonAt }: Pick<Segments, "lessonAt">,
) {
  let { memories } = parent;
  for (const segment of cut.segmentsSince(parent.cut)) {
    const lesson = lessonAt(segment, segment.sequence);
    if (lesson) memories = learn(memories, lesson);
    yield memories;
  }
}

/** What a cut adds up to; `trace` is the memory root after each segment. */
export type Sum = { checkpoint: Checkpoint; segments: ListTree; memories: Memories; trace: readonly Bytes[] };

/**
 * The checkpoint that a cut is; its number is the one after its parent's unless fallen ones used that.
 * @throws WeftError `too_large` when the cut covers more segments than fit.
 */
export function checkpointOf(
  h: Hashing,
  parent: { checkpoint: Checkpoint; hash: Bytes; cut: Cut; memories: Memories; next?: number },
  cut: Cut,
  registry: { position: number; hash: Bytes },
  of: Segments,
): Sum {
  const segments = segmentsTree(h, parent.cut, cut, of);
  let { memories } = parent;
  const trace: Bytes[] = [];
  for (memories of memoriesAfter(parent, cut, of)) trace.push(memories.root);
  const leaves = trace.map((root) => leafHash(h, TREE.memoryTrace, root));
  const checkpoint: Checkpoint = {
    number: parent.next ?? parent.checkpoint.number + 1,
    parent: parent.hash,
    registryPosition: registry.position,
    registryHash: registry.hash,
    cutRoot: cut.root,
    entryCount: cut.entries.length,
    segmentsRoot: segments.root,
    segmentCount: trace.length,
    memoryRoot: memories.root,
    memoryTraceRoot: new ListTree(h, TREE.memoryTrace, leaves).root,
  };
  return { checkpoint, segments, memories, trace };
}

export function writeAdvance(out: Writer, { operator, incarnation, sequence, head }: Advance): Writer {
  return out.fixed(operator, 20).fixed(incarnation, 16).u64(sequence).fixed(head, 32);
}

export function readAdvance(from: Reader): Advance {
  return { operator: from.fixed(20), incarnation: from.fixed(16), sequence: from.u64(), head: from.fixed(32) };
}

/** @param most bound on the number of entries, checked before anything is allocated for them. */
export function decodeEntries(bytes: Bytes, most: number): CutEntry[] {
  const from = new Reader(bytes, "cut");
  const entries = Array.from({ length: from.count(most) }, () => ({
    ...readAdvance(from),
    ended: from.bool(),
    first: from.u32(),
  }));
  from.end();
  return entries;
}

export function encodeEntries(entries: readonly CutEntry[]): Bytes {
  const out = new Writer().u32(entries.length);
  for (const entry of entries) out.raw(encodeEntry(entry));
  return out.done();
}

import type { AccusedCut, Doubt, StatedSegment } from "./accused-cut.ts";
import type { Bytes } from "./bytes.ts";
import { Context } from "./context.ts";
import type { SnapshotAt } from "./cut-proof.ts";
import { WeftError } from "./errors.ts";
import { snapshotsOf } from "./false-segments.ts";
import { type TrackKey, trackId, turnId } from "./header.ts";
import type { Hashing } from "./ports.ts";
import { decodeSnapshot, type Place, type SaltedSnapshot, type Snapshot, type TurnOpen } from "./snapshot.ts";
import type { SparseTree } from "./sparse-tree.ts";
import { isBefore, type Later } from "./succession.ts";

const placeName = ({ sequence, index }: Place) => `${sequence}:${index}`;

/** A turn as it is told up to some snapshot. */
type State = { opened: Place; open: TurnOpen; context: Context };

type Standing = {
  number: number;
  index: number;
  segment: StatedSegment;
  proof: () => readonly Bytes[];
  tree: SparseTree<SaltedSnapshot> | undefined;
};

/** What one track says up to where an accused checkpoint has it, each snapshot with the proof of its place. */
export class ToldTrack {
  readonly track: TrackKey;
  readonly #h: Hashing;
  readonly #accused: AccusedCut;
  readonly #slot: number;
  readonly #id: Bytes;
  /** Up to here it stands in the parent. */
  readonly #from: number;
  readonly #missing = new Set<number>();
  readonly #segments = new Map<number, Standing | undefined>();
  readonly #snapshots = new Map<string, Snapshot | WeftError | undefined>();
  readonly #states = new Map<string, State>();

  constructor(h: Hashing, accused: AccusedCut, slot: number) {
    this.#h = h;
    this.#accused = accused;
    this.#slot = slot;
    const { operator, incarnation } = accused.entries[slot];
    this.track = { operator, incarnation };
    this.#id = trackId(h, this.track);
    this.#from = Number(accused.before(slot).sequence);
  }

  #standingAt(sequence: number): Standing | undefined {
    if (!this.#segments.has(sequence)) this.#segments.set(sequence, this.#find(sequence));
    return this.#segments.get(sequence);
  }

  #find(sequence: number): Standing | undefined {
    const { of } = this.#accused;
    if (sequence <= this.#from) {
      const stood = of.earlier(this.track, sequence);
      return stood && { ...stood, proof: () => stood.proof(), tree: this.#treeOf(stood.segment, sequence) };
    }
    const index = this.#accused.entries[this.#slot].first + sequence - this.#from - 1;
    const segment = this.#accused.segmentAt(index);
    if (!segment) return undefined;
    const proof = () => this.#accused.headerAt(index, segment.header).proof;
    return { number: of.checkpoint.number, index, segment, proof, tree: this.#treeOf(segment, sequence) };
  }

  #treeOf({ header, snapshots: served }: StatedSegment, sequence: number) {
    const snapshots = served ?? this.#accused.of.snapshotsAt(this.track, sequence);
    return snapshots && snapshotsOf(this.#h, header, snapshots);
  }

  /** How many snapshots a segment has. */
  countAt(sequence: number): number | undefined {
    return this.#standingAt(sequence)?.segment.header.snapshotCount;
  }

  /** The snapshot in a place; undefined when it is not known, or is none. */
  snapshotAt(place: Place): Snapshot | undefined {
    const read = this.readAt(place);
    return read instanceof WeftError ? undefined : read;
  }

  /** The snapshot in a place, or why it is none; undefined when it is not known. */
  readAt(place: Place): Snapshot | WeftError | undefined {
    const name = placeName(place);
    if (!this.#snapshots.has(name)) this.#snapshots.set(name, this.#read(place));
    return this.#snapshots.get(name);
  }

  #read({ sequence, index }: Place): Snapshot | WeftError | undefined {
    const salted = this.#standingAt(sequence)?.tree?.get(index);
    try {
      return salted && decodeSnapshot(salted.body);
    } catch (error) {
      if (error instanceof WeftError) return error;
      throw error;
    }
  }

  /** For a place whose snapshot is served. */
  proofAt({ sequence, index }: Place): SnapshotAt {
    const standing = this.#standingAt(sequence) as Standing;
    const tree = standing.tree as SparseTree<SaltedSnapshot>;
    return {
      number: standing.number,
      segmentIndex: standing.index,
      header: standing.segment.header,
      segmentProof: standing.proof(),
      snapshotIndex: index,
      ...(tree.get(index) as SaltedSnapshot),
      snapshotProof: tree.proof(this.#h, index),
    };
  }

  /** The turn that is opened in a place. */
  turnAt(place: Place): Bytes {
    return turnId(this.#h, this.#id, place);
  }

  /** Another snapshot, before `place`, that names the same one as its turn's latest. */
  twinOf({ previous }: Later, place: Place): Place | undefined {
    for (let { sequence, index } = previous; sequence <= place.sequence; sequence++, index = -1) {
      const count = this.countAt(sequence) ?? 0;
      for (index++; index < count; index++) {
        const other = { sequence, index };
        if (!isBefore(other, place)) return undefined;
        const snapshot = this.snapshotAt(other);
        if (snapshot && snapshot.type !== "open" && placeName(snapshot.previous) === placeName(previous)) return other;
      }
    }
    return undefined;
  }

  /** What has to be served of the checkpoints before; what the accused one has was asked for where it stands. */
  *missing(sequence: number): Generator<Doubt> {
    if (sequence > this.#from || this.#missing.has(sequence)) return;
    this.#missing.add(sequence);
    yield { type: "unserved", what: "earlier", track: this.track, sequence };
  }

  /** The turn of the snapshot in a place, up to there; or the sequence of a segment that has to be known first. */
  stateAt(place: Place): State | number {
    const way: [Place, Snapshot][] = [];
    let at = place;
    while (!this.#states.has(placeName(at))) {
      const snapshot = this.snapshotAt(at);
      if (!snapshot) return at.sequence;
      way.push([at, snapshot]);
      if (snapshot.type === "open") break;
      if (!isBefore(snapshot.previous, at)) return at.sequence; // a false one of before, which nobody convicted in time
      at = snapshot.previous;
    }
    for (const [on, snapshot] of way.reverse()) this.#take(on, snapshot);
    return this.#states.get(placeName(place)) as State;
  }

  #take(place: Place, snapshot: Snapshot): void {
    if (snapshot.type === "open") {
      const { length, peaks } = snapshot.start;
      const context = Context.fromPeaks(this.#h, length, peaks);
      this.#states.set(placeName(place), { opened: place, open: snapshot, context });
      return;
    }
    const before = this.#states.get(placeName(snapshot.previous)) as State;
    const context = snapshot.type === "tokens" ? before.context.clone().append(snapshot.ids) : before.context;
    this.#states.set(placeName(place), { ...before, context });
  }
}

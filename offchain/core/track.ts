import { type Bytes, concat, equal, toHex, Writer } from "./bytes.ts";
import { trackName } from "./cut.ts";
import { WeftError } from "./errors.ts";
import { type Lesson, taughtBy } from "./fold.ts";
import { memoryId } from "./memory-definition.ts";
import type { Hashing } from "./ports.ts";
import {
  LIMIT_SNAPSHOTS,
  type Segment,
  type SignedHeader,
  snapshotTree,
  type TrackKey,
  trackId,
  turnId,
} from "./segment.ts";
import { decodeSnapshot, type Learn, type Place, type Snapshot } from "./snapshot.ts";
import { draftOf, extendTurn, lessonOf, openTurn, type Run, rewindTurn, type Turn } from "./turn.ts";

const placeName = (place: Place) => `${place.sequence}:${place.index}`;

/** Where a track begins here: nothing up to `sequence`, whose header hash is `head`, is held. */
export type Base = { readonly sequence: number; readonly head: Bytes };

/** What one segment changes, worked out before anything is changed. */
export type Change = {
  sequence: number;
  hash: Bytes;
  signed: SignedHeader;
  turns: readonly Turn[];
  /** What this segment adds to the drift: 64 bits. */
  drift: bigint;
};

/**
 * Did the author of a refused segment sign what is wrong with it? Other snapshots than its header's, or another place than
 * the next, are the doing of whoever sent it.
 */
export function isAuthorsFault({ code }: WeftError): boolean {
  return code !== "bad_root" && code !== "out_of_order";
}

/**
 * One process run's hash chain of segments, and the turns that it tells. Single writer, append only: what it loses, it
 * loses here and not at its author, at its beginning (`prune`) or because the chain took another fork (`rewind`).
 */
export class Track {
  readonly key: TrackKey;
  readonly name: string;
  /** Its operator in hexadecimal. */
  readonly owner: string;
  readonly id: Bytes;
  /** Why the track can never go on: a signed segment in its next place breaks a rule. */
  stopped?: WeftError;
  /** What stands signed in that place: another header there is a contradiction all the same. */
  stoppedBy?: { signed: SignedHeader; hash: Bytes };
  /** In the order in which they were opened. */
  readonly turns = new Map<string, Turn>();
  #base: Base;
  /** Of the segments after the base. */
  readonly #hashes: Bytes[] = [];
  readonly #signed: SignedHeader[] = [];
  /** Sums of what the segments add to the drift, from anywhere up to the base, and then up to each segment after it. */
  readonly #sums = [0n];
  readonly #runs = new Map<string, { turn: Turn; run: Run }>();
  /** What is learnt, by the segment that says so. */
  readonly #learns = new Map<number, { turn: Turn; learn: Learn }>();
  readonly #h: Hashing;

  /** @param base where the track begins here, if not at its first segment. */
  constructor(h: Hashing, key: TrackKey, base?: Base) {
    this.#h = h;
    this.key = { operator: key.operator, incarnation: key.incarnation };
    this.name = trackName(key);
    this.owner = toHex(key.operator);
    this.id = trackId(h, key);
    this.#base = base ? { sequence: base.sequence, head: base.head } : { sequence: 0, head: this.id };
  }

  get base(): Base {
    return this.#base;
  }

  get sequence(): number {
    return this.#base.sequence + this.#hashes.length;
  }

  get head(): Bytes {
    return this.#hashes.at(-1) ?? this.#base.head;
  }

  /** The header hash at `sequence`, from the base to the head. */
  hashAt(sequence: number): Bytes | undefined {
    return sequence === this.#base.sequence ? this.#base.head : this.#hashes[sequence - this.#base.sequence - 1];
  }

  /** What the author signed at `sequence`: one half of any evidence against it. */
  signedAt(sequence: number): SignedHeader | undefined {
    return this.#signed[sequence - this.#base.sequence - 1];
  }

  turn(id: Bytes): Turn | undefined {
    return this.turns.get(toHex(id));
  }

  /** The tokens that the snapshot at `place` signed, and the turn that they are of. */
  runAt(place: Place): { turn: Turn; run: Run } | undefined {
    return this.#runs.get(placeName(place));
  }

  /** What a segment teaches, if anything. */
  lessonAt(sequence: number): Lesson | undefined {
    const learnt = this.#learns.get(sequence);
    return learnt && lessonOf(learnt.turn, learnt.learn);
  }

  /** The turn that a segment learns of, if any. */
  turnTaughtAt(sequence: number): Turn | undefined {
    return this.#learns.get(sequence)?.turn;
  }

  /**
   * A 64-bit sum over everything derived from the segments after `from`, wherever the track begins here: equal segments
   * have equal sums, or somebody is broken. Undefined when not all of them are held.
   */
  drift(from: number): bigint | undefined {
    const before = this.#sums[from - this.#base.sequence];
    return before === undefined ? undefined : BigInt.asUintN(64, this.#sums[this.#hashes.length] - before);
  }

  /**
   * What the next segment would change. `hash` is its header's, whose signature has been checked.
   * @throws WeftError `out_of_order` unless it follows the head, `invalid_*` when it breaks a rule, `needs_history` when
   * only what is before the base can tell.
   */
  examine(segment: Segment, hash: Bytes): Change {
    const { header, snapshots } = segment;
    if (header.sequence !== this.sequence + 1 || !equal(header.previous, this.head))
      throw new WeftError("out_of_order", `segment ${header.sequence} does not follow ${this.sequence}`);
    const count = snapshots.length;
    if (count !== header.snapshotCount || count === 0 || count > LIMIT_SNAPSHOTS)
      throw new WeftError("malformed", "the header counts no snapshots, or others than there are", {
        field: "snapshotCount",
      });
    if (!equal(snapshotTree(this.#h, snapshots).root, header.snapshotsRoot))
      throw new WeftError("bad_root", "the snapshots are not those that the header signs", { field: "snapshotsRoot" });
    const drafts = new Map<string, Turn>();
    for (const [index, { body }] of snapshots.entries()) {
      const snapshot = decodeSnapshot(body);
      this.#fold(drafts, { sequence: header.sequence, index }, snapshot);
      // A court that is shown the last one knows all that the segment learns.
      if (snapshot.type === "learn" && index < count - 1)
        throw new WeftError("invalid_snapshot", "learning is the last of its segment", { field: "snapshot" });
    }
    const turns = [...drafts.values()];
    const signed = { header, signature: segment.signature };
    return { sequence: header.sequence, hash, signed, turns, drift: this.#driftOf(hash, turns) };
  }

  #driftOf(hash: Bytes, turns: readonly Turn[]): bigint {
    const derived = turns.map((turn) =>
      new Writer()
        .raw(turn.id)
        .u32(turn.context.length)
        .raw(turn.context.root)
        .u8(turn.close ? 1 : 0)
        .raw(this.#taught(turn))
        .done(),
    );
    const digest = this.#h.keccak256(hash, concat(...derived));
    return new DataView(digest.buffer, digest.byteOffset).getBigUint64(0);
  }

  /** What a draft adds to memories, cell by cell. */
  #taught(draft: Turn): Bytes {
    const out = new Writer();
    for (const { learn } of draft.learns) {
      const runs = [...(this.turn(draft.id)?.runs ?? []), ...draft.runs];
      out.raw(memoryId(this.#h, learn.memory));
      for (const { order, row, column, count } of taughtBy(lessonOf({ ...draft, runs }, learn)))
        out.u8(order).u16(row).u32(column).u32(count);
    }
    return out.done();
  }

  #fold(drafts: Map<string, Turn>, place: Place, snapshot: Snapshot): void {
    if (snapshot.type === "open") {
      const id = turnId(this.#h, this.id, place);
      drafts.set(toHex(id), openTurn(this.#h, id, this.key, place, snapshot));
      return;
    }
    const known = this.turn(snapshot.turn);
    let draft = drafts.get(toHex(snapshot.turn));
    if (!draft) {
      if (!known) throw this.#unknownTurn();
      draft = draftOf(known);
      drafts.set(toHex(snapshot.turn), draft);
    }
    extendTurn(draft, known?.runs ?? [], place, snapshot);
  }

  #unknownTurn(): WeftError {
    if (this.#base.sequence === 0)
      return new WeftError("invalid_snapshot", "the snapshot is of a turn that this track has not opened", {
        field: "turn",
      });
    return new WeftError("needs_history", `the snapshot is of a turn not opened after ${this.#base.sequence}`, {
      field: "turn",
      remedy: "fetch what is before",
    });
  }

  /** Takes a change that `examine` worked out for this very head. */
  apply(change: Change): void {
    if (change.sequence !== this.sequence + 1 || !equal(change.signed.header.previous, this.head))
      throw new WeftError("out_of_order", "the change is of another head");
    this.#sums.push(BigInt.asUintN(64, this.#sums[this.#hashes.length] + change.drift));
    this.#hashes.push(change.hash);
    this.#signed.push(change.signed);
    for (const draft of change.turns) {
      const known = this.turn(draft.id);
      if (!known) this.turns.set(toHex(draft.id), draft);
      else {
        known.runs.push(...draft.runs);
        known.learns.push(...draft.learns);
        known.latest = draft.latest;
        known.context = draft.context;
        if (draft.close) known.close = draft.close;
      }
      const turn = known ?? draft;
      for (const run of draft.runs) this.#runs.set(placeName(run.place), { turn, run });
      for (const { place, learn } of draft.learns) this.#learns.set(place.sequence, { turn, learn });
    }
  }

  /**
   * Forgets every segment after `to`, as if they had never come, and why the track was stopped.
   * @throws WeftError `out_of_range` when `to` is before the base.
   */
  rewind(to: number): void {
    const { sequence } = this.#base;
    if (to < sequence) throw new WeftError("out_of_range", `nothing before ${sequence} is held`, { field: "to" });
    this.stopped = undefined;
    this.stoppedBy = undefined;
    if (to >= this.sequence) return;
    for (const [id, turn] of this.turns) {
      if (turn.latest.sequence <= to) continue;
      for (const { place } of turn.runs) if (place.sequence > to) this.#runs.delete(placeName(place));
      for (const { place } of turn.learns) if (place.sequence > to) this.#learns.delete(place.sequence);
      if (turn.opened.sequence > to) this.turns.delete(id);
      else rewindTurn(this.#h, turn, to);
    }
    this.#hashes.length = to - sequence;
    this.#signed.length = to - sequence;
    this.#sums.length = to - sequence + 1;
  }

  /**
   * Raises the base towards `to`, and forgets everything up to it. No turn is cut in two, so that what is left can be
   * read again from the base on: the base stays before any turn that goes on after it or may still, or is in `keep`.
   * @param keep ids in hexadecimal.
   * @param over the author will never write on: a turn that is not closed has ended where it is.
   * @returns the sequence of the base now.
   */
  prune(to: number, keep: ReadonlySet<string> = new Set(), over = false): number {
    if (to <= this.#base.sequence) return this.#base.sequence;
    let base = Math.min(to, this.sequence);
    for (const [id, turn] of [...this.turns].reverse()) {
      const ended = (turn.close !== undefined || over) && !keep.has(id);
      const within = ended && turn.latest.sequence <= base;
      if (turn.opened.sequence <= base && !within) base = turn.opened.sequence - 1;
    }
    const head = this.hashAt(base) ?? this.#base.head;
    for (const [id, turn] of this.turns) {
      if (turn.opened.sequence > base) break;
      for (const { place } of turn.runs) this.#runs.delete(placeName(place));
      for (const { place } of turn.learns) this.#learns.delete(place.sequence);
      this.turns.delete(id);
    }
    for (const list of [this.#hashes, this.#signed, this.#sums]) list.splice(0, base - this.#base.sequence);
    this.#base = { sequence: base, head };
    return base;
  }
}

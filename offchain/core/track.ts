import { type Bytes, concat, equal, toHex, Writer } from "./bytes.ts";
import { trackName } from "./cut.ts";
import { WeftError } from "./errors.ts";
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
import { decodeSnapshot, type Place } from "./snapshot.ts";
import { draftOf, extendTurn, LIMIT_LEARNT, openTurn, type Run, type Turn } from "./turn.ts";

const placeName = (place: Place) => `${place.sequence}:${place.index}`;

/** What one segment changes, worked out before anything is changed. */
export type Change = {
  sequence: number;
  hash: Bytes;
  signed: SignedHeader;
  turns: readonly Turn[];
  digest: Bytes;
};

/** One process run's hash chain of segments, and the turns that it tells. Single writer, append only. */
export class Track {
  readonly key: TrackKey;
  readonly name: string;
  readonly id: Bytes;
  /** Why the track can never go on: a signed segment in its next place breaks a rule. */
  stopped?: WeftError;
  /** What stands signed in that place: another header there is a contradiction all the same. */
  stoppedBy?: { signed: SignedHeader; hash: Bytes };
  /** Header hashes; `hashes[0]` is of sequence 1. */
  readonly hashes: Bytes[] = [];
  /** What the author signed, place by place: one half of any evidence against it. */
  readonly signed: SignedHeader[] = [];
  readonly turns = new Map<string, Turn>();
  readonly #runs = new Map<string, { turn: Turn; run: Run }>();
  /** Digest of everything derived from the track: equal heads have equal digests, or somebody is broken. */
  digest: Bytes;
  readonly #h: Hashing;

  constructor(h: Hashing, key: TrackKey) {
    this.#h = h;
    this.key = { operator: key.operator, incarnation: key.incarnation };
    this.name = trackName(key);
    this.id = trackId(h, key);
    this.digest = this.id;
  }

  get sequence(): number {
    return this.hashes.length;
  }

  get head(): Bytes {
    return this.hashes.at(-1) ?? this.id;
  }

  /** The header hash at `sequence`, if the track is that long. */
  hashAt(sequence: number): Bytes | undefined {
    return sequence === 0 ? this.id : this.hashes[sequence - 1];
  }

  turn(id: Bytes): Turn | undefined {
    return this.turns.get(toHex(id));
  }

  /** The tokens that the snapshot at `place` signed, and the turn that they are of. */
  runAt(place: Place): { turn: Turn; run: Run } | undefined {
    return this.#runs.get(placeName(place));
  }

  /**
   * What the next segment would change. `hash` is its header's, whose signature has been checked.
   * @throws WeftError `out_of_order` unless it follows the head, `invalid_*` when it breaks a rule.
   */
  examine(segment: Segment, hash: Bytes): Change {
    const { header, snapshots } = segment;
    if (header.sequence !== this.sequence + 1 || !equal(header.previous, this.head))
      throw new WeftError("out_of_order", `segment ${header.sequence} does not follow ${this.sequence}`);
    if (snapshots.length !== header.snapshotCount || snapshots.length > LIMIT_SNAPSHOTS)
      throw new WeftError("malformed", "the header counts other snapshots than there are", { field: "snapshotCount" });
    if (!equal(snapshotTree(this.#h, snapshots).root, header.snapshotsRoot))
      throw new WeftError("bad_root", "the snapshots are not those that the header signs", { field: "snapshotsRoot" });
    const drafts = new Map<string, Turn>();
    let learnt = 0;
    for (const [index, { body }] of snapshots.entries())
      learnt += this.#fold(drafts, { sequence: header.sequence, index }, body);
    if (learnt > LIMIT_LEARNT)
      throw new WeftError("invalid_snapshot", `a segment learns at most ${LIMIT_LEARNT} positions`, { field: "count" });
    const turns = [...drafts.values()];
    const derived = turns.map((turn) =>
      new Writer()
        .raw(turn.id)
        .u32(turn.context.length)
        .raw(turn.context.root)
        .u8(turn.close ? 1 : 0)
        .done(),
    );
    return {
      sequence: header.sequence,
      hash,
      signed: { header, signature: segment.signature },
      turns,
      digest: this.#h.keccak256(this.digest, hash, concat(...derived)),
    };
  }

  /** Returns how many positions the snapshot learns. */
  #fold(drafts: Map<string, Turn>, place: Place, body: Bytes): number {
    const snapshot = decodeSnapshot(body);
    if (snapshot.type === "open") {
      const id = turnId(this.#h, this.id, place);
      drafts.set(toHex(id), openTurn(this.#h, id, this.key, place, snapshot));
      return 0;
    }
    const known = this.turn(snapshot.turn);
    let draft = drafts.get(toHex(snapshot.turn));
    if (!draft) {
      if (!known)
        throw new WeftError("invalid_snapshot", "the snapshot is of a turn that this track has not opened", {
          field: "turn",
        });
      draft = draftOf(known);
      drafts.set(toHex(snapshot.turn), draft);
    }
    extendTurn(draft, known?.runs ?? [], place, snapshot);
    return snapshot.type === "learn" ? snapshot.count : 0;
  }

  /** Takes a change that `examine` worked out for this very head. */
  apply(change: Change): void {
    if (change.sequence !== this.sequence + 1) throw new WeftError("out_of_order", "the change is of another head");
    this.hashes.push(change.hash);
    this.signed.push(change.signed);
    this.digest = change.digest;
    for (const draft of change.turns) {
      const known = this.turn(draft.id);
      if (!known) this.turns.set(toHex(draft.id), draft);
      else {
        known.runs.push(...draft.runs);
        known.latest = draft.latest;
        known.context = draft.context;
        if (draft.close) known.close = draft.close;
      }
      const turn = known ?? draft;
      for (const run of draft.runs) this.#runs.set(placeName(run.place), { turn, run });
    }
  }
}

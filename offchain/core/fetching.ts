import type { Budgets } from "./budgets.ts";
import { type Bytes, toHex } from "./bytes.ts";
import type { CommittedPlace } from "./checkpoints.ts";
import type { Consensus } from "./consensus.ts";
import { type CutEntry, trackName } from "./cut.ts";
import { CutWitness } from "./cut-witness.ts";
import { type Errand, Errands, FETCH_SPAN, keyOf } from "./errands.ts";
import { WeftError } from "./errors.ts";
import type { Answer, Effect, Shown, SizedSegment } from "./events.ts";
import type { Following } from "./following.ts";
import { History } from "./history.ts";
import { MemoryFetch } from "./memory-fetch.ts";
import { RefusedSegments } from "./refused.ts";
import { Repairing } from "./repairing.ts";
import type { Replica, ReplicaEvent } from "./replica.ts";
import type { Retention } from "./retention.ts";
import { decodeSegment, encodeSegment, headerHash, type Segment, type TrackKey } from "./segment.ts";
import { UnreadCuts } from "./unread-cuts.ts";
import { Witness } from "./witness.ts";

/** How long a track may lag behind what a peer's beats say before it is fetched. */
const LAG_MS = 400;

export type FetchingOptions = {
  replica: Replica;
  consensus: Consensus;
  following: Following;
  retention: Pick<Retention, "advance" | "owed" | "unshown" | "show" | "isOver">;
  budgets: Budgets;
  nextId(): number;
  /** Steps the replica, and turns its effects into the protocol's. */
  step(event: ReplicaEvent, now: number): Effect[];
  /** The same with a segment that a peer sent, for which somebody pays. */
  take(from: Bytes, sized: SizedSegment, now: number): Effect[];
};

/** Asks peers for what is missing: what beats speak of, the other side of a fork, cuts, and what is committed. */
export class Fetching {
  readonly #o: FetchingOptions;
  readonly #errands: Errands;
  readonly #repairing: Repairing;
  readonly #history: History;
  readonly #memory: MemoryFetch;
  readonly #witness: Witness;
  readonly #cutWitness: CutWitness;
  readonly #unreadCuts: UnreadCuts;
  /** Tracks that some peer held more of than we, and since when we have held no more than `sequence`. */
  readonly #behind = new Map<string, { key: TrackKey; sequence: number; since: number }>();
  /** Peers that hold another header at a place that we hold. */
  readonly #forks = new Map<string, { key: TrackKey; peer: Bytes; sequence: number }>();

  constructor(options: FetchingOptions) {
    this.#o = options;
    const { replica, consensus, following, retention, nextId, step } = options;
    const errands = new Errands(replica, nextId);
    this.#errands = errands;
    const refused = new RefusedSegments();
    this.#repairing = new Repairing({ replica, consensus, following, retention, errands, refused, step });
    this.#history = new History(replica, errands);
    this.#memory = new MemoryFetch(replica.crypto, consensus, errands, retention);
    this.#witness = new Witness(replica, consensus, following, errands);
    this.#cutWitness = new CutWitness(replica, consensus, following, errands, refused);
    this.#unreadCuts = new UnreadCuts(replica, consensus, following, errands);
  }

  /** The chain was read anew: what it says of checkpoints is looked at again. */
  reread(): void {
    this.#witness.reset();
    this.#cutWitness.reset();
    this.#unreadCuts.reset();
  }

  /** What is shown on the chain is as good as what a peer sends. */
  shown(at: CommittedPlace, shown: Shown, now: number): Effect[] {
    if (shown.type === "trace") return this.#witness.show(at, shown.entry);
    if (shown.type === "header") return this.#cutWitness.show(at, shown.header, shown.proof);
    if (shown.type === "entry") return this.#unreadCuts.show(at, shown.entry, shown.proof);
    const segment = readable(shown.segment);
    if (segment instanceof WeftError)
      return [{ type: "fault", kind: "fetch", operator: shown.segment.header.operator, error: segment }];
    const effects = this.#o.take(segment.header.operator, { segment, size: encodeSegment(segment).length }, now);
    this.#repairing.shown(segment);
    return effects;
  }

  peer(peer: Bytes, up: boolean): Effect[] {
    return this.#errands.peer(peer, up);
  }

  /** A beat named these heads. */
  heard(heads: readonly (TrackKey & { sequence: number })[], now: number): void {
    for (const { operator, incarnation, sequence } of heads) {
      const name = trackName({ operator, incarnation });
      const have = this.#o.replica.tracks.get(name)?.sequence ?? 0;
      if (have < sequence && !this.#behind.has(name))
        this.#behind.set(name, { key: { operator, incarnation }, sequence: have, since: now });
    }
  }

  /** Segments are missing between what we hold and what this peer sent. */
  gap(peer: Bytes, key: TrackKey, from: number, to: number, now: number): Effect[] {
    const have = this.#o.replica.track(key)?.sequence ?? 0;
    if (from <= have) {
      this.#forks.set(trackName(key), { key, peer, sequence: from });
      return this.#chaseForks(now);
    }
    this.heard([{ ...key, sequence: to }], now);
    return this.#fetch(peer, key, from, to, now);
  }

  /** A segment is of a turn that was opened before our base. */
  needsHistory(key: TrackKey, now: number): Effect[] {
    return this.#history.needed(key, now);
  }

  #isOver(operator: Bytes): boolean {
    const { replica } = this.#o;
    return replica.evidence.has(toHex(operator)) || replica.registry.isEnded(operator);
  }

  #fetch(peer: Bytes, key: TrackKey, from: number, to: number, now: number): Effect[] {
    if (!this.#o.budgets.authors.has(key.operator, now)) return [];
    const most = Math.min(to, from + FETCH_SPAN - 1);
    return this.#errands.send({ kind: "segments", peer, track: key, from, to: most }, trackName(key), now);
  }

  tick(now: number): Effect[] {
    return [
      ...this.#errands.tick(now),
      ...this.#chaseForks(now),
      ...this.#catchUp(now),
      ...this.#repairing.tick(now),
      ...this.#seekCut(now),
      ...this.#history.tick(now),
      ...this.#memory.tick(now),
      ...this.#witness.tick(now),
      ...this.#cutWitness.tick(now),
      ...this.#unreadCuts.tick(now),
    ];
  }

  #chaseForks(now: number): Effect[] {
    const effects: Effect[] = [];
    for (const [name, { key, peer, sequence }] of this.#forks) {
      const track = this.#o.replica.tracks.get(name);
      if (!track || this.#isOver(key.operator) || sequence > track.sequence || sequence <= track.base.sequence)
        this.#forks.delete(name);
      else if (this.#errands.isBusy(name)) continue;
      else {
        effects.push(...this.#fetch(peer, key, sequence, sequence, now));
        this.#forks.delete(name);
      }
    }
    return effects;
  }

  #catchUp(now: number): Effect[] {
    const effects: Effect[] = [];
    for (const [name, lag] of this.#behind) {
      const have = this.#o.replica.tracks.get(name)?.sequence ?? 0;
      const holders = this.#errands.holders(name, have + 1);
      if (holders.length === 0 || this.#isOver(lag.key.operator)) {
        this.#behind.delete(name);
        continue;
      }
      // What would be refused for want of room is not asked for: it would cost its author's budget as well.
      if (!this.#o.replica.room.has(lag.key, "held")) continue;
      if (lag.sequence !== have) {
        lag.sequence = have;
        lag.since = now;
      } else if (now - lag.since > LAG_MS) {
        lag.since = now;
        const peer = holders[0];
        const head = this.#o.replica.peers.get(toHex(peer))?.heads.get(name)?.sequence ?? have + 1;
        effects.push(...this.#fetch(peer, lag.key, have + 1, head, now));
      }
    }
    return effects;
  }

  #seekCut(now: number): Effect[] {
    const [number] = this.#o.following.unknownCuts();
    const [peer] = this.#errands.anybody("cut");
    if (number === undefined || !peer) return [];
    return this.#errands.send({ kind: "cut", peer, number }, "cut", now);
  }

  answered(id: number, answer: Answer, now: number): Effect[] {
    const errand = this.#errands.get(id);
    if (!errand) return [];
    if (answer.type === "failed") {
      this.#errands.done(errand);
      return [{ type: "fault", kind: "fetch", operator: errand.peer, error: answer.error }];
    }
    if (errand.kind === "cut") {
      this.#errands.done(errand);
      if (answer.type !== "cut" || !answer.entries) return [];
      // What it says is over need not wait for the next block.
      return [...this.#learnCut(errand, answer.entries), ...this.#o.retention.advance()];
    }
    if (errand.kind === "over") {
      this.#errands.done(errand);
      return answer.type === "cut" && answer.entries ? this.#repairing.over(errand, answer.entries) : [];
    }
    if (errand.kind === "memory") {
      if (answer.type !== "memory") return this.#wrong(errand, "another answer than was asked for");
      this.#errands.done(errand);
      return [...this.#memory.take(errand, answer.page, answer.size, now), ...this.#o.retention.advance()];
    }
    if (errand.kind === "tree") {
      if (answer.type !== "tree") return this.#wrong(errand, "another answer than was asked for");
      this.#errands.done(errand);
      const asker = { trace: this.#witness, segments: this.#cutWitness, entries: this.#unreadCuts }[errand.tree];
      return asker.take(errand, answer.page, now);
    }
    if (answer.type !== "segments") return this.#wrong(errand, "another answer than was asked for");
    const { track, from, to } = { track: keyOf(errand), ...errand };
    for (const { segment } of answer.segments)
      if (
        trackName(segment.header) !== trackName(track) ||
        segment.header.sequence < from ||
        segment.header.sequence > to
      )
        return this.#wrong(errand, "segments that were not asked for");
    if (errand.kind === "segments") {
      if (answer.last) this.#errands.done(errand);
      const [first] = answer.segments;
      const have = this.#o.replica.track(track)?.sequence ?? 0;
      // Also who has nothing to say any more has no beginning: questions of both kinds take turns with the peers.
      if (first ? first.segment.header.sequence > have + 1 : answer.last && have < from) {
        const forgotten = this.#repairing.unserved(errand.peer, track, from, now);
        return answer.last ? forgotten : [...this.#errands.giveUp(errand), ...forgotten];
      }
      const { peer } = errand;
      return answer.segments.flatMap((sized) =>
        // Whose answers told nothing for long is not heard, and next time it is another's turn.
        this.#o.budgets.senders.has(peer, now) ? this.#o.take(peer, sized, now) : [],
      );
    }
    const { crypto, separator } = this.#o.replica;
    for (const { segment } of answer.segments)
      errand.got.push({ segment, hash: headerHash(crypto, separator, segment.header) });
    if (!answer.last) return [];
    this.#errands.done(errand);
    return errand.kind === "history" ? this.#history.take(errand, now) : this.#repairing.take(errand, now);
  }

  #wrong(errand: Errand, what: string): Effect[] {
    const error = new WeftError("malformed", `the peer sent ${what}`);
    return [...this.#errands.giveUp(errand), { type: "fault", kind: "fetch", operator: errand.peer, error }];
  }

  #learnCut({ number, peer }: Errand & { kind: "cut" }, entries: readonly CutEntry[]): Effect[] {
    const { consensus, following } = this.#o;
    if (!consensus.committed(number) || consensus.committed(number)?.cut) return [];
    try {
      return following.learnCut(number, entries);
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      return [{ type: "fault", kind: "cut", operator: peer, error }];
    }
  }
}

/** As it would be read from disk again; or why it could not: a court takes more. */
function readable(segment: Segment): Segment | WeftError {
  try {
    return decodeSegment(encodeSegment(segment));
  } catch (error) {
    if (error instanceof WeftError) return error;
    throw error;
  }
}

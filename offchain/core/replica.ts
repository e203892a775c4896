import type { Beat } from "./beat.ts";
import { type Bytes, equal, fromHex, toHex } from "./bytes.ts";
import { type Advance, trackName } from "./cut.ts";
import { WeftError } from "./errors.ts";
import { type Evidence, verifyEvidence } from "./evidence.ts";
import type { Crypto } from "./ports.ts";
import { Registry, type RegistryEvent } from "./registry.ts";
import { headerHash, type Segment, type TrackKey } from "./segment.ts";
import { Track } from "./track.ts";
import type { Turn } from "./turn.ts";

/**
 * What one worker knows, and the rules by which it learns more: a deterministic function of the segments, the evidence
 * and the chain that it was shown. No I/O, no clock, no randomness; times come in with the events that need them.
 */

/** What a peer said of itself, beat after beat. */
export type PeerView = {
  heads: Map<string, Advance>;
  evidence: Set<string>;
  beat?: Beat;
};

export type ReplicaEvent =
  | { type: "segment"; segment: Segment; from?: Bytes }
  /** From our own disk, or part of a committed cut: judged before, by us or by a quorum. */
  | { type: "restore"; segment: Segment; hash: Bytes }
  | { type: "evidence"; evidence: Evidence }
  | { type: "beat"; from: Bytes; beat: Beat; now: number }
  | { type: "peer-lost"; peer: Bytes }
  | { type: "registry"; event: RegistryEvent };

export type Effect =
  /** To be durable before anything after it is done, and before anybody is told. */
  | { type: "persist"; segment: Segment; hash: Bytes }
  | { type: "persist-evidence"; operator: Bytes; evidence: Evidence }
  | { type: "announce" }
  /** Pass it on, and have a court see it. */
  | { type: "accuse"; operator: Bytes; evidence: Evidence }
  | { type: "fetch"; peer: Bytes; track: TrackKey; from: number; to: number }
  | { type: "fault"; kind: string; operator?: Bytes; error: WeftError };

/** How finely it is remembered since when segments are held. */
const HELD_STEP_MS = 1_000;
/** Tracks that are remembered of one peer's beats. */
const LIMIT_VIEW_HEADS = 65_536;

export class Replica {
  readonly crypto: Crypto;
  readonly separator: Bytes;
  /** Whose replica this is. */
  readonly self: Bytes;
  readonly tracks = new Map<string, Track>();
  readonly evidence = new Map<string, Evidence>();
  readonly peers = new Map<string, PeerView>();
  /** When > 2/3 of the stake was first seen to hold each track up to a sequence: what a proposal must not leave out. */
  readonly heldSince = new Map<string, { sequence: number; at: number }[]>();
  #registries: Registry[];

  constructor(options: { crypto: Crypto; separator: Bytes; self: Bytes; registryGenesis: Bytes }) {
    this.crypto = options.crypto;
    this.separator = options.separator;
    this.self = options.self;
    this.#registries = [Registry.genesis(options.registryGenesis)];
  }

  get registry(): Registry {
    return this.#registries[this.#registries.length - 1];
  }

  registryAt(position: number): Registry | undefined {
    return this.#registries[position];
  }

  /** Starts the registry's history anew, after a reorganisation of the chain. Segments and evidence stay. */
  resetRegistry(): void {
    this.#registries = [this.#registries[0]];
    this.#digest = undefined;
  }

  track(key: TrackKey): Track | undefined {
    return this.tracks.get(trackName(key));
  }

  /** A turn, the one that it extends, and so on: names may lead in circles, since an author knows them before it signs. */
  *ancestry(turn: Turn | undefined): Generator<Turn> {
    const seen = new Set<Turn>();
    for (let one = turn; one && !seen.has(one); one = one.open.parent && this.turn(one.open.parent.turn)) {
      seen.add(one);
      yield one;
    }
  }

  turn(id: Bytes): Turn | undefined {
    for (const track of this.tracks.values()) {
      const turn = track.turn(id);
      if (turn) return turn;
    }
    return undefined;
  }

  /** Forgets a track, to fetch the fork of it that the chain took. */
  dropTrack(key: TrackKey): void {
    this.tracks.delete(trackName(key));
    this.#digest = undefined;
    this.heldSince.delete(trackName(key));
  }

  heads(): Advance[] {
    return [...this.tracks.values()]
      .filter((track) => track.sequence > 0)
      .map((track) => ({ ...track.key, sequence: track.sequence, head: track.head }));
  }

  #digest?: Bytes;

  /** Digest of what is derived from heads, evidence and registry position: replicas that agree on those agree on it. */
  digest(): Bytes {
    this.#digest ??= this.#derive();
    return this.#digest;
  }

  #derive(): Bytes {
    const tracks = [...this.tracks.values()].filter((track) => track.sequence > 0 && this.#counts(track.key));
    tracks.sort((a, b) => (a.name < b.name ? -1 : 1));
    const accused = [...this.evidence.keys()].sort();
    return this.crypto.keccak256(
      this.registry.hash,
      ...tracks.map((track) => track.digest),
      ...accused.map((operator) => fromHex(operator)),
    );
  }

  /** Of tracks whose operator is accused or out, each holds what it heard before it knew: they are in no digest. */
  #counts({ operator }: TrackKey): boolean {
    return !this.evidence.has(toHex(operator)) && !this.registry.isEnded(operator);
  }

  step(event: ReplicaEvent): Effect[] {
    switch (event.type) {
      case "segment":
        return this.#segment(event.segment, event.from);
      case "restore":
        return this.#take(event.segment, event.hash, undefined);
      case "evidence":
        return this.#evidence(event.evidence);
      case "beat":
        return this.#beat(event.from, event.beat, event.now);
      case "peer-lost":
        this.peers.delete(toHex(event.peer));
        return [];
      case "registry":
        this.#registries.push(this.registry.apply(event.event));
        this.#digest = undefined;
        return [{ type: "announce" }];
    }
  }

  /** Checked in this order: who signed, whether it follows, whether it keeps the rules. */
  #segment(segment: Segment, from: Bytes | undefined): Effect[] {
    const { header } = segment;
    const hash = headerHash(this.crypto, this.separator, header);
    const name = trackName(header);
    const track = this.tracks.get(name) ?? new Track(this.crypto, header);
    const held = track.hashes[header.sequence - 1];
    if (held && equal(held, hash)) return [];
    const fault = (kind: string, error: WeftError): Effect[] => [{ type: "fault", kind, operator: from, error }];

    const signer = this.crypto.recover(hash, segment.signature);
    if (!signer || !this.registry.entitles(header.operator, signer))
      return fault(
        "unentitled",
        new WeftError("unentitled", "not signed by a key that may write here", { field: "signature" }),
      );
    if (held) return this.#evidence({ a: track.signed[header.sequence - 1], b: segment });
    if (this.evidence.has(toHex(header.operator)))
      return fault("accused", new WeftError("accused", "the operator contradicted itself; its tracks are held"));
    if (track.stopped && track.stoppedBy) {
      const { signed, hash: other } = track.stoppedBy;
      if (header.sequence === signed.header.sequence && !equal(other, hash))
        return this.#evidence({ a: signed, b: segment });
      return fault("stopped", track.stopped);
    }
    if (header.sequence > track.sequence + 1) return this.#gap(track, header.sequence, from);
    if (!equal(header.previous, track.head)) {
      // Another fork: whoever sent this holds another header at our head's place.
      return from && track.sequence > 0
        ? [{ type: "fetch", peer: from, track: track.key, from: track.sequence, to: track.sequence }]
        : fault("out_of_order", new WeftError("out_of_order", "the segment does not follow its track's beginning"));
    }
    return this.#take(segment, hash, from);
  }

  #take(segment: Segment, hash: Bytes, from: Bytes | undefined): Effect[] {
    const name = trackName(segment.header);
    const track = this.tracks.get(name) ?? new Track(this.crypto, segment.header);
    const held = track.hashAt(segment.header.sequence);
    if (held && equal(held, hash)) return [];
    try {
      track.apply(track.examine(segment, hash));
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      // A root that does not match is a damaged copy; everything else was signed as it is, and stops the track.
      if (error.code !== "bad_root" && error.code !== "out_of_order") {
        track.stopped = error;
        track.stoppedBy = { signed: { header: segment.header, signature: segment.signature }, hash };
        this.tracks.set(name, track);
      }
      return [{ type: "fault", kind: "invalid_segment", operator: from, error }];
    }
    this.tracks.set(name, track);
    this.#digest = undefined;
    return [{ type: "persist", segment, hash }, { type: "announce" }];
  }

  #gap(track: Track, sequence: number, from: Bytes | undefined): Effect[] {
    if (!from) return [];
    return [{ type: "fetch", peer: from, track: track.key, from: track.sequence + 1, to: sequence }];
  }

  #evidence(evidence: Evidence): Effect[] {
    const name = toHex(evidence.a.header.operator);
    if (this.evidence.has(name)) return [];
    try {
      const operator = verifyEvidence(this.crypto, this.separator, evidence, (signer) =>
        this.registry.operatorOf(signer),
      );
      this.evidence.set(name, evidence);
      this.#digest = undefined;
      return [
        { type: "persist-evidence", operator, evidence },
        { type: "announce" },
        { type: "accuse", operator, evidence },
      ];
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      return [{ type: "fault", kind: "bad_evidence", error }];
    }
  }

  #beat(from: Bytes, beat: Beat, now: number): Effect[] {
    let view = this.peers.get(toHex(from));
    if (!view) {
      view = { heads: new Map(), evidence: new Set() };
      this.peers.set(toHex(from), view);
    }
    view.beat = beat;
    for (const operator of beat.evidence) view.evidence.add(toHex(operator));
    const effects: Effect[] = [];
    for (const head of beat.heads) {
      const name = trackName(head);
      // A beat is a hint: what it says of too many tracks is not worth the memory. An operator that we do not know may
      // have joined where we have not read the chain yet, and a head that does not change is not said again.
      if (!view.heads.has(name) && view.heads.size >= LIMIT_VIEW_HEADS) continue;
      view.heads.set(name, head);
      const track = this.tracks.get(name);
      const ours = track?.hashAt(head.sequence);
      if (track && ours && head.sequence > 0 && !equal(ours, head.head) && !this.evidence.has(toHex(head.operator)))
        effects.push({ type: "fetch", peer: from, track: track.key, from: head.sequence, to: head.sequence });
    }
    // All of them: the segments may have come after the beat that named them.
    for (const track of this.tracks.values()) this.#noteHeld(track, now);
    if (this.#agreesWith(view) && !equal(beat.digest, this.digest()))
      effects.push({
        type: "fault",
        kind: "drift",
        operator: from,
        error: new WeftError("drift", "equal heads, evidence and registry position, but another state"),
      });
    return effects;
  }

  /** Do we and the peer know the same segments, evidence and registry position? */
  #agreesWith(view: PeerView): boolean {
    if (!view.beat || view.beat.registryPosition !== this.registry.position) return false;
    if (!equal(view.beat.registryMark, this.registry.hash.subarray(0, 8))) return false;
    if (view.evidence.size !== this.evidence.size) return false;
    for (const operator of this.evidence.keys()) if (!view.evidence.has(operator)) return false;
    const ours = this.heads().filter((head) => this.#counts(head));
    const counted = [...view.heads.values()].filter((head) => this.#counts(head));
    return (
      ours.length === counted.length &&
      ours.every((head) => {
        const theirs = view.heads.get(trackName(head));
        return theirs !== undefined && theirs.sequence === head.sequence && equal(theirs.head, head.head);
      })
    );
  }

  /** The longest prefix of our track that, by the beats, > 2/3 of the stake holds; we count as holding all of it. */
  heldByQuorum(track: Track): number {
    const held: { sequence: number; stake: bigint }[] = [
      { sequence: track.sequence, stake: this.registry.stakeOfOperator(this.self) },
    ];
    for (const [peer, view] of this.peers) {
      const head = view.heads.get(track.name);
      if (!head || peer === toHex(this.self)) continue;
      const ours = track.hashAt(head.sequence);
      if (ours && !equal(ours, head.head)) continue; // holds another fork
      const stake = this.registry.stakeOfOperator(fromHex(peer));
      held.push({ sequence: Math.min(head.sequence, track.sequence), stake });
    }
    held.sort((a, b) => b.sequence - a.sequence);
    let stake = 0n;
    for (const { sequence, stake: more } of held) {
      stake += more;
      if (this.registry.isQuorum(stake)) return sequence;
    }
    return 0;
  }

  #noteHeld(track: Track, now: number): void {
    const log = this.heldSince.get(track.name) ?? [];
    const noted = log.at(-1)?.sequence ?? 0;
    if (noted >= track.sequence) return;
    const sequence = this.heldByQuorum(track);
    if (sequence <= noted) return;
    const last = log.at(-1);
    if (last && now - last.at < HELD_STEP_MS) last.sequence = sequence;
    else log.push({ sequence, at: now });
    this.heldSince.set(track.name, log);
  }
}

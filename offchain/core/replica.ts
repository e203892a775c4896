import type { Beat } from "./beat.ts";
import { type Bytes, equal, toHex } from "./bytes.ts";
import { type Cut, trackName } from "./cut.ts";
import { type Anchor, Drift } from "./drift.ts";
import { WeftError } from "./errors.ts";
import { type Evidence, verifyEvidence } from "./evidence.ts";
import { Heads } from "./heads.ts";
import { Holdings, type PeerView } from "./holdings.ts";
import { LiveMemory } from "./live-memory.ts";
import type { Crypto } from "./ports.ts";
import { Registry, type RegistryEvent } from "./registry.ts";
import { Room } from "./room.ts";
import { headerHash, type Segment, type TrackKey } from "./segment.ts";
import { Signers } from "./signers.ts";
import { type Change, isAuthorsFault, Track } from "./track.ts";
import type { Turn } from "./turn.ts";

export type ReplicaEvent =
  | { type: "segment"; segment: Segment; from?: Bytes }
  /** From our own disk, or part of a committed cut: judged before, by us or by a quorum. */
  | { type: "restore"; segment: Segment; hash: Bytes }
  | { type: "evidence"; evidence: Evidence }
  | { type: "beat"; from: Bytes; beat: Beat; now: number }
  | { type: "registry"; event: RegistryEvent };

export type Effect =
  /** To be durable before anything after it is done, and before anybody is told. */
  | { type: "persist"; segment: Segment; hash: Bytes }
  | { type: "persist-evidence"; operator: Bytes; evidence: Evidence }
  | { type: "announce" }
  /** Pass it on, and have a court see it. */
  | { type: "accuse"; operator: Bytes; evidence: Evidence }
  | { type: "fetch"; peer: Bytes; track: TrackKey; from: number; to: number }
  /** The segment is of a turn that was opened before our base of the track: what is before it is needed first. */
  | { type: "history"; track: TrackKey }
  | { type: "fault"; kind: string; operator?: Bytes; error: WeftError };

/**
 * What one worker knows, and the rules by which it learns more: a deterministic function of the segments, the evidence
 * and the chain that it was shown. No I/O, no clock, no randomness; times come in with the events that need them.
 */
export class Replica {
  readonly crypto: Crypto;
  readonly separator: Bytes;
  /** Whose replica this is. */
  readonly self: Bytes;
  readonly tracks = new Map<string, Track>();
  /** How far each is held. */
  readonly heads = new Heads();
  /** How often one of them became another one. */
  replaced = 0;
  readonly evidence = new Map<string, Evidence>();
  readonly room = new Room(this.tracks);
  readonly #holdings = new Holdings(this);
  /** What peers said of themselves, by operator in hexadecimal. */
  readonly peers: ReadonlyMap<string, PeerView> = this.#holdings.peers;
  /** When > 2/3 of the stake was first seen to hold each track up to a sequence: what a proposal must not leave out. */
  readonly heldSince = this.#holdings.since;
  readonly drift: Drift;
  /** What memories will be, beyond the latest checkpoint. */
  readonly live: LiveMemory;
  readonly signers: Signers;
  #registries: Registry[];

  constructor(options: { crypto: Crypto; separator: Bytes; self: Bytes; registryGenesis: Bytes }) {
    this.crypto = options.crypto;
    this.separator = options.separator;
    this.self = options.self;
    this.#registries = [Registry.genesis(options.registryGenesis)];
    this.drift = new Drift(this);
    this.live = new LiveMemory(this);
    this.signers = new Signers(options.crypto);
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
    this.#registryMoved();
  }

  #registryMoved(): void {
    this.#touchAll();
    for (const name of this.tracks.keys()) this.#holdings.touch(name);
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
    return this.#homes.get(toHex(id))?.turn(id);
  }

  /** In which track each turn is. */
  readonly #homes = new Map<string, Track>();

  #settle(track: Track, change: Change): void {
    track.apply(change);
    for (const { id } of change.turns) this.#homes.set(toHex(id), track);
    this.#touch(track.name);
  }

  /** The track is another one now: rewound, pruned, or begun anew. */
  replace(track: Track): void {
    const { name } = track;
    this.replaced += 1;
    for (const [turn, home] of this.#homes) if (home.name === name && !track.turns.has(turn)) this.#homes.delete(turn);
    for (const turn of track.turns.keys()) this.#homes.set(turn, track);
    this.tracks.set(name, track);
    this.room.changed();
    this.#touch(name);
  }

  /** Forgets what comes after `to`, to take the fork that the chain took. */
  rewind(key: TrackKey, to: number): void {
    const track = this.track(key);
    if (!track) return;
    track.rewind(to);
    this.replace(track);
    this.heldSince.delete(track.name);
  }

  /** @param anchor the latest final checkpoint: nothing before it need be held by anybody. */
  setCommitted(latest: Cut | undefined, anchor: Anchor | undefined): void {
    this.room.setCommitted(latest);
    this.drift.setAnchor(anchor);
  }

  #touch(name: string): void {
    const track = this.tracks.get(name);
    // Where we held more of a track once, beats say so also when nothing is left.
    if (track && (track.sequence > 0 || this.heads.has(name)))
      this.heads.set({ ...track.key, sequence: track.sequence, head: track.head });
    this.#holdings.touch(name);
    this.drift.touch(name);
    this.live.touch(name);
  }

  #touchAll(): void {
    this.drift.forget();
    this.live.touchAll();
  }

  /** Digest of what is derived from heads, evidence, registry position and checkpoint. Zero when too little is held to say. */
  digest(): Bytes {
    return this.drift.say().digest;
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
      case "registry":
        this.#registries.push(this.registry.apply(event.event));
        this.#registryMoved();
        return [{ type: "announce" }];
    }
  }

  /** Checked in this order: who signed, whether it follows, whether it keeps the rules. */
  #segment(segment: Segment, from: Bytes | undefined): Effect[] {
    const { header } = segment;
    const hash = headerHash(this.crypto, this.separator, header);
    const name = trackName(header);
    const track = this.tracks.get(name) ?? new Track(this.crypto, header);
    // What we no longer hold is final: nobody is accused of it here, and nothing new is said by it.
    if (header.sequence <= track.base.sequence) return [];
    const held = track.hashAt(header.sequence);
    if (held && equal(held, hash)) return [];
    const fault = (kind: string, error: WeftError): Effect[] => [{ type: "fault", kind, operator: from, error }];

    const signer = this.crypto.recover(hash, segment.signature);
    if (!signer || !this.registry.entitles(header.operator, signer))
      return fault(
        "unentitled",
        new WeftError("unentitled", "not signed by a key that may write here", { field: "signature" }),
      );
    const signed = held && track.signedAt(header.sequence);
    if (signed) return this.#evidence({ a: signed, b: segment });
    if (this.evidence.has(toHex(header.operator)))
      return fault("accused", new WeftError("accused", "the operator contradicted itself; its tracks are held"));
    if (track.stopped && track.stoppedBy) {
      const { signed, hash: other } = track.stoppedBy;
      if (header.sequence === signed.header.sequence && !equal(other, hash))
        return this.#evidence({ a: signed, b: segment });
      return fault("stopped", track.stopped);
    }
    if (!this.room.has(header, "held"))
      return fault("too_many_tracks", new WeftError("too_many_tracks", "the operator has too many uncommitted tracks"));
    if (header.sequence > track.sequence + 1) return this.#gap(track, header.sequence, from);
    if (!equal(header.previous, track.head)) {
      // Another fork: whoever sent this holds another header at our head's place.
      return from && track.sequence > track.base.sequence
        ? [{ type: "fetch", peer: from, track: track.key, from: track.sequence, to: track.sequence }]
        : fault("out_of_order", new WeftError("out_of_order", "the segment does not follow its track's beginning"));
    }
    const effects = this.#take(segment, hash, from);
    const taken = this.tracks.get(name)?.signedAt(header.sequence);
    if (taken?.signature === segment.signature) this.signers.note(taken, signer);
    return effects;
  }

  #take(segment: Segment, hash: Bytes, from: Bytes | undefined): Effect[] {
    const name = trackName(segment.header);
    const track = this.tracks.get(name) ?? new Track(this.crypto, segment.header);
    const held = track.hashAt(segment.header.sequence);
    if (held && equal(held, hash)) return [];
    let change: Change;
    try {
      change = track.examine(segment, hash);
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      if (error.code === "needs_history") return [{ type: "history", track: track.key }];
      if (isAuthorsFault(error) && this.room.has(track.key, "stopped")) {
        this.room.changed();
        track.stopped = error;
        track.stoppedBy = { signed: { header: segment.header, signature: segment.signature }, hash };
        this.tracks.set(name, track);
      }
      return [{ type: "fault", kind: "invalid_segment", operator: from, error }];
    }
    if (track.sequence === 0) this.room.changed();
    this.tracks.set(name, track);
    this.#settle(track, change);
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
      this.#touchAll();
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
    const forks = this.#holdings.hear(from, beat, now);
    if (!this.drift.differs(beat)) return forks;
    const what = "equal heads, evidence, registry position and checkpoint, but another state";
    return [...forks, { type: "fault", kind: "drift", operator: from, error: new WeftError("drift", what) }];
  }

  /** The longest prefix of our track that, by the beats, > 2/3 of the stake holds; we count as holding all of it. */
  heldByQuorum(track: Track): number {
    return this.#holdings.byQuorum(track);
  }

  /** Number of the latest checkpoint that we know to be committed. */
  checkpoint = 0;
}

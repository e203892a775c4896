import type { Beat } from "./beat.ts";
import { type Bytes, equal, toHex } from "./bytes.ts";
import { type Advance, type Cut, trackName } from "./cut.ts";
import { type Anchor, Drift } from "./drift.ts";
import { WeftError } from "./errors.ts";
import { type Evidence, verifyEvidence } from "./evidence.ts";
import type { Crypto } from "./ports.ts";
import { Registry, type RegistryEvent } from "./registry.ts";
import { headerHash, type Segment, type SignedHeader, type TrackKey } from "./segment.ts";
import { type Change, Track } from "./track.ts";
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

/** How finely it is remembered since when segments are held. */
const HELD_STEP_MS = 1_000;
/** How often it is looked at: in a large mesh beats that name many heads come hundreds of times a second. */
const NOTE_MS = 200;
/** Tracks that are remembered of one peer's beats. */
const LIMIT_VIEW_HEADS = 65_536;
/** Tracks of one operator that no checkpoint has yet. A checkpoint admits four: who restarts more often waits. */
export const LIMIT_NEW_TRACKS = 64;

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
  readonly drift: Drift;
  #registries: Registry[];

  constructor(options: { crypto: Crypto; separator: Bytes; self: Bytes; registryGenesis: Bytes }) {
    this.crypto = options.crypto;
    this.separator = options.separator;
    this.self = options.self;
    this.#registries = [Registry.genesis(options.registryGenesis)];
    this.drift = new Drift(this);
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
    this.drift.forget();
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
    for (const [turn, home] of this.#homes) if (home.name === name && !track.turns.has(turn)) this.#homes.delete(turn);
    for (const turn of track.turns.keys()) this.#homes.set(turn, track);
    this.tracks.set(name, track);
    this.#fresh = undefined;
    this.#touch(name);
  }

  /** Forgets what comes after `to`, to take the fork that the chain took. */
  rewind(key: TrackKey, to: number): void {
    const track = this.track(key);
    if (!track) return;
    track.rewind(to);
    this.replace(track);
    this.#rewound.add(track.name);
    this.heldSince.delete(track.name);
  }

  /** Tracks that we held more of once: beats say so, also when nothing is left. */
  readonly #rewound = new Set<string>();

  heads(): Advance[] {
    const out: Advance[] = [];
    for (const track of this.tracks.values())
      if (track.sequence > 0 || this.#rewound.has(track.name))
        out.push({ ...track.key, sequence: track.sequence, head: track.head });
    return out;
  }

  #cut?: Cut;

  /** @param anchor the latest final checkpoint: nothing before it need be held by anybody. */
  setCommitted(latest: Cut | undefined, anchor: Anchor | undefined): void {
    if (this.#cut !== latest) this.#fresh = undefined;
    this.#cut = latest;
    this.drift.setAnchor(anchor);
  }

  #touch(name: string): void {
    this.#unnoted.add(name);
    this.drift.touch(name);
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
        this.drift.forget();
        for (const name of this.tracks.keys()) this.#unnoted.add(name);
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
    if (!this.tracks.has(name) && this.#newTracksOf(header.operator, "held") >= LIMIT_NEW_TRACKS)
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
    if (taken?.signature === segment.signature) this.#signers.set(taken, signer);
    return effects;
  }

  /** Recovered once each: to judge the same segments again costs nothing. */
  readonly #signers = new WeakMap<SignedHeader, Bytes>();

  /** Whose key signed a header that is held here; `hash` is the header's. */
  signerOf(signed: SignedHeader, hash: Bytes): Bytes | undefined {
    const known = this.#signers.get(signed);
    if (known) return known;
    const signer = this.crypto.recover(hash, signed.signature);
    if (signer) this.#signers.set(signed, signer);
    return signer;
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
      // A root that does not match is a damaged copy; everything else was signed as it is, and stops the track.
      const isRoom = this.tracks.has(name) || this.#newTracksOf(track.key.operator, "stopped") < LIMIT_NEW_TRACKS;
      if (error.code !== "bad_root" && error.code !== "out_of_order" && isRoom) {
        this.#fresh = undefined;
        track.stopped = error;
        track.stoppedBy = { signed: { header: segment.header, signature: segment.signature }, hash };
        this.tracks.set(name, track);
      }
      return [{ type: "fault", kind: "invalid_segment", operator: from, error }];
    }
    if (track.sequence === 0) this.#fresh = undefined;
    this.tracks.set(name, track);
    this.#settle(track, change);
    return [{ type: "persist", segment, hash }, { type: "announce" }];
  }

  /** Tracks that no checkpoint has yet, by operator; and apart from them those whose very first segment was invalid. */
  #fresh?: { held: Map<string, number>; stopped: Map<string, number> };

  #newTracksOf(operator: Bytes, kind: "held" | "stopped"): number {
    if (!this.#fresh) {
      this.#fresh = { held: new Map(), stopped: new Map() };
      for (const { key, sequence } of this.tracks.values()) {
        if (this.#cut?.slot(key) !== undefined) continue;
        const counts = this.#fresh[sequence === 0 ? "stopped" : "held"];
        counts.set(toHex(key.operator), (counts.get(toHex(key.operator)) ?? 0) + 1);
      }
    }
    return this.#fresh[kind].get(toHex(operator)) ?? 0;
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
      this.drift.forget();
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
    if (!view || beat.whole) {
      view = { heads: new Map(), evidence: new Set() };
      this.peers.set(toHex(from), view);
    }
    view.beat = beat;
    for (const operator of beat.evidence) view.evidence.add(toHex(operator));
    const effects: Effect[] = [];
    for (const head of beat.heads) {
      const name = trackName(head);
      this.#unnoted.add(name); // also when its segments come after the beat that named them
      // A beat is a hint: what it says of too many tracks is not worth the memory. An operator that we do not know may
      // have joined where we have not read the chain yet, and a head that does not change is not said again.
      if (!view.heads.has(name) && view.heads.size >= LIMIT_VIEW_HEADS) continue;
      view.heads.set(name, head);
      const track = this.tracks.get(name);
      const ours = track?.hashAt(head.sequence);
      if (track && ours && head.sequence > 0 && !equal(ours, head.head) && !this.evidence.has(toHex(head.operator)))
        effects.push({ type: "fetch", peer: from, track: track.key, from: head.sequence, to: head.sequence });
    }
    if (now === this.#notedAt || now - this.#notedAt >= NOTE_MS) this.#noteAll(now);
    if (this.drift.differs(beat))
      effects.push({
        type: "fault",
        kind: "drift",
        operator: from,
        error: new WeftError("drift", "equal heads, evidence, registry position and checkpoint, but another state"),
      });
    return effects;
  }

  readonly #unnoted = new Set<string>();

  /** Number of the latest checkpoint that we know to be committed. */
  checkpoint = 0;

  /** The longest prefix of our track that, by the beats, > 2/3 of the stake holds; we count as holding all of it. */
  heldByQuorum(track: Track): number {
    const held: { sequence: number; stake: bigint }[] = [
      { sequence: track.sequence, stake: this.registry.stakeOfOperator(this.self) },
    ];
    const self = toHex(this.self);
    for (const [peer, view] of this.peers) {
      const head = view.heads.get(track.name);
      if (!head || peer === self) continue;
      const ours = track.hashAt(head.sequence);
      if (ours && !equal(ours, head.head)) continue; // holds another fork
      const stake = this.registry.stakeOfNamed(peer);
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

  #notedAt = Number.NEGATIVE_INFINITY;

  #noteAll(now: number): void {
    for (const name of this.#unnoted) {
      const track = this.tracks.get(name);
      if (!track) continue;
      this.#notedAt = now;
      this.#noteHeld(track, now);
    }
    this.#unnoted.clear();
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

import type { Beat } from "./beat.ts";
import { type Bytes, equal, toHex } from "./bytes.ts";
import { type Advance, trackName } from "./cut.ts";
import type { Registry } from "./registry.ts";
import type { TrackKey } from "./segment.ts";
import type { Track } from "./track.ts";

/** What a peer said of itself, beat after beat. */
export type PeerView = {
  heads: Map<string, Advance>;
  evidence: Set<string>;
  beat?: Beat;
};

/** How finely it is remembered since when segments are held. */
const HELD_STEP_MS = 1_000;
/** How often it is looked at: in a large mesh beats that name many heads come hundreds of times a second. */
const NOTE_MS = 200;
/** Tracks that are remembered of one peer's beats. */
const LIMIT_VIEW_HEADS = 65_536;

/** A peer holds another header than we at a place that it names. */
type Fork = { type: "fetch"; peer: Bytes; track: TrackKey; from: number; to: number };

/** What it has to know of the replica that it is part of. */
type Known = {
  readonly self: Bytes;
  readonly registry: Registry;
  readonly tracks: ReadonlyMap<string, Track>;
  readonly evidence: ReadonlyMap<string, unknown>;
};

/** What peers say in their beats that they hold, and so what > 2/3 of the stake holds, and since when. */
export class Holdings {
  readonly peers = new Map<string, PeerView>();
  /** By track. */
  readonly since = new Map<string, { sequence: number; at: number }[]>();
  readonly #replica: Known;
  /** Tracks that have changed, or were named by a beat, since it was looked at who holds them. */
  readonly #unnoted = new Set<string>();
  /** What `byQuorum` found, until something that it depends on changes. */
  readonly #quorums = new Map<string, number>();
  #notedAt = Number.NEGATIVE_INFINITY;

  constructor(replica: Known) {
    this.#replica = replica;
  }

  /** A track has changed, or the stakes of those who hold it. */
  touch(name: string): void {
    this.#unnoted.add(name);
    this.#quorums.delete(name);
  }

  /** A beat came: what it says of its sender. Returns the places to fetch where another header is held than here. */
  hear(from: Bytes, beat: Beat, now: number): Fork[] {
    let view = this.peers.get(toHex(from));
    if (!view || beat.whole) {
      view = { heads: new Map(), evidence: new Set() };
      this.peers.set(toHex(from), view);
      this.#quorums.clear();
    }
    view.beat = beat;
    for (const operator of beat.evidence) view.evidence.add(toHex(operator));
    const { tracks, evidence } = this.#replica;
    const forks: Fork[] = [];
    for (const head of beat.heads) {
      const name = trackName(head);
      this.touch(name); // also when its segments come after the beat that named them
      // A beat is a hint: what it says of too many tracks is not worth the memory. An operator that we do not know may
      // have joined where we have not read the chain yet, and a head that does not change is not said again.
      if (!view.heads.has(name) && view.heads.size >= LIMIT_VIEW_HEADS) continue;
      view.heads.set(name, head);
      const track = tracks.get(name);
      const ours = track?.hashAt(head.sequence);
      if (track && ours && head.sequence > 0 && !equal(ours, head.head) && !evidence.has(toHex(head.operator)))
        forks.push({ type: "fetch", peer: from, track: track.key, from: head.sequence, to: head.sequence });
    }
    if (now === this.#notedAt || now - this.#notedAt >= NOTE_MS) this.#noteAll(now);
    return forks;
  }

  /** The longest prefix of our track that, by the beats, > 2/3 of the stake holds; we count as holding all of it. */
  byQuorum(track: Track): number {
    let sequence = this.#quorums.get(track.name);
    if (sequence === undefined) {
      sequence = this.#count(track);
      this.#quorums.set(track.name, sequence);
    }
    return sequence;
  }

  #count(track: Track): number {
    const { registry } = this.#replica;
    const held: { sequence: number; stake: bigint }[] = [
      { sequence: track.sequence, stake: registry.stakeOfOperator(this.#replica.self) },
    ];
    const self = toHex(this.#replica.self);
    for (const [peer, view] of this.peers) {
      const head = view.heads.get(track.name);
      if (!head || peer === self) continue;
      const ours = track.hashAt(head.sequence);
      if (ours && !equal(ours, head.head)) continue; // holds another fork
      const stake = registry.stakeOfNamed(peer);
      held.push({ sequence: Math.min(head.sequence, track.sequence), stake });
    }
    held.sort((a, b) => b.sequence - a.sequence);
    let stake = 0n;
    for (const { sequence, stake: more } of held) {
      stake += more;
      if (registry.isQuorum(stake)) return sequence;
    }
    return 0;
  }

  #noteAll(now: number): void {
    for (const name of this.#unnoted) {
      const track = this.#replica.tracks.get(name);
      if (!track) continue;
      this.#notedAt = now;
      this.#noteHeld(track, now);
    }
    this.#unnoted.clear();
  }

  #noteHeld(track: Track, now: number): void {
    const log = this.since.get(track.name) ?? [];
    const noted = log.at(-1)?.sequence ?? 0;
    if (noted >= track.sequence) return;
    const sequence = this.byQuorum(track);
    if (sequence <= noted) return;
    const last = log.at(-1);
    if (last && now - last.at < HELD_STEP_MS) last.sequence = sequence;
    else log.push({ sequence, at: now });
    this.since.set(track.name, log);
  }
}

import { type Bytes, compare, equal, toHex } from "./bytes.ts";
import { type Checkpoint, checkpointHash, encodeCheckpoint, genesisCheckpoint } from "./checkpoint.ts";
import { type Advance, Cut, type CutEntry, checkpointOf, trackName } from "./cut.ts";
import { WeftError } from "./errors.ts";
import type { Evidence } from "./evidence.ts";
import type { ListTree } from "./list-tree.ts";
import { LIMIT_ADVANCES, type Proposal } from "./proposal.ts";
import type { Registry } from "./registry.ts";
import type { Replica } from "./replica.ts";
import type { TrackKey } from "./segment.ts";
import type { Track } from "./track.ts";

export type ConsensusOptions = {
  /** The most segments that one checkpoint covers. */
  capacity: number;
  /** The most tracks of one operator that one checkpoint admits. */
  newTracksPerOperator: number;
  /** How long a segment that > 2/3 hold may be left out before we refuse, in milliseconds. */
  censorshipMs: number;
};

/** A checkpoint with what it was made of. */
export type Built = { checkpoint: Checkpoint; hash: Bytes; cut: Cut; segments: ListTree };

/** `cut` is absent as long as nobody has shown it to us, and again when `KEPT_CUTS` newer ones are committed. */
export type Committed = { checkpoint: Checkpoint; hash: Bytes; cut?: Cut };

export type Verdict =
  | { type: "sign"; built: Built }
  | { type: "missing"; tracks: readonly (TrackKey & { have: number })[] }
  | { type: "evidence"; evidence: Evidence }
  | { type: "refused"; code: string; message: string };

/** What is to be done so that we hold what the chain took. */
export type Repair =
  | { type: "fetch"; entry: CutEntry; from: number }
  /** Ours is another fork behind `to`. */
  | { type: "rewind"; track: TrackKey; to: number };

/** Checkpoints whose cuts are in memory, so that a reorganisation of the chain needs nobody to show them again. */
export const KEPT_CUTS = 64;

/** Proposing, attesting and following checkpoints, over what a replica knows. Pure, like it. */
export class Consensus {
  readonly #replica: Replica;
  readonly #options: ConsensusOptions;
  /** Cuts that we made, verified or were shown, by the hash of their checkpoint: also of ones that are not committed now. */
  readonly #cuts = new Map<string, { number: number; cut: Cut }>();
  /** The highest number ever committed: a reorganisation does not lower it, since what it took back may come again. */
  #highest = 0;
  #chain: Committed[];
  /** How often proposals for the next number were refused as censoring: patience doubles each time. */
  #refusals = 0;
  #patientUntil = Number.NEGATIVE_INFINITY;

  constructor(replica: Replica, options: ConsensusOptions) {
    this.#replica = replica;
    this.#options = options;
    this.#chain = [this.#genesis()];
  }

  #genesis(): Committed {
    const { crypto, separator } = this.#replica;
    const checkpoint = genesisCheckpoint(crypto, (this.#replica.registryAt(0) as Registry).hash);
    return { checkpoint, hash: checkpointHash(crypto, separator, checkpoint), cut: Cut.empty(crypto) };
  }

  get latest(): Committed {
    return this.#chain[this.#chain.length - 1];
  }

  committed(number: number): Committed | undefined {
    return this.#chain[number];
  }

  /** Forgets what was committed, after a reorganisation; cuts are kept, since their hashes name them. */
  reset(): void {
    this.#chain = [this.#genesis()];
    this.#refusals = 0;
  }

  /** The chain took a checkpoint. @throws WeftError `checkpoint_gap` unless it follows the latest. */
  commit(checkpoint: Checkpoint, hash: Bytes): void {
    if (checkpoint.number !== this.latest.checkpoint.number + 1 || !equal(checkpoint.parent, this.latest.hash))
      throw new WeftError("checkpoint_gap", `checkpoint ${checkpoint.number} does not follow the latest`);
    this.#chain.push({ checkpoint, hash, cut: this.#cuts.get(toHex(hash))?.cut });
    this.#refusals = 0;
    this.#forget(checkpoint.number);
  }

  /** What is committed can no longer be left out; cuts that a reorganisation will hardly bring back are let go. */
  #forget(number: number): void {
    const { cut } = this.latest;
    for (const [name, log] of cut ? this.#replica.heldSince : []) {
      const track = this.#replica.tracks.get(name);
      const covered = (track && cut?.entry(track.key)?.sequence) ?? 0;
      const kept = log.filter((step) => step.sequence > covered);
      this.#replica.heldSince.set(name, kept.length > 0 ? kept : log.slice(-1));
    }
    const old = this.#chain[number - KEPT_CUTS];
    if (old && number > KEPT_CUTS) old.cut = undefined;
    if (number <= this.#highest) return;
    this.#highest = number;
    for (const [name, known] of this.#cuts) if (known.number + KEPT_CUTS < number) this.#cuts.delete(name);
  }

  /** A cut from our own disk, before the chain tells of its checkpoint. */
  remember(number: number, hash: Bytes, cut: Cut): void {
    this.#cuts.set(toHex(hash), { number, cut });
  }

  /** Somebody showed the cut of a committed checkpoint. @throws WeftError `bad_root` unless it is that one. */
  learnCut(number: number, entries: readonly CutEntry[]): void {
    const committed = this.#chain[number];
    if (!committed) throw new WeftError("unknown_checkpoint", `checkpoint ${number} is not committed`);
    const cut = Cut.of(this.#replica.crypto, entries);
    if (!equal(cut.root, committed.checkpoint.cutRoot))
      throw new WeftError("bad_root", "the entries are not the committed cut", { field: "entries" });
    this.remember(number, committed.hash, cut);
    committed.cut = cut;
  }

  /** What we lack of the latest committed cut, and the forks of ours that it did not take. */
  repairs(): Repair[] {
    const out: Repair[] = [];
    for (const entry of this.latest.cut?.entries ?? []) {
      const track = this.#replica.track(entry);
      const ours = track?.hashAt(entry.sequence);
      if (!track || track.sequence < entry.sequence) {
        const have = track?.sequence ?? 0;
        out.push({ type: "fetch", entry: this.#nextEntry(entry, have), from: have + 1 });
      } else if (entry.sequence >= track.base.sequence && (!ours || !equal(ours, entry.head)))
        out.push({ type: "rewind", track: track.key, to: this.agreed(track) });
    }
    return out;
  }

  /** The nearest committed entry of a track beyond what is held: a repair is no larger than one checkpoint, where cuts are known. */
  #nextEntry(entry: CutEntry, have: number): CutEntry {
    let best = entry;
    for (let at = this.#chain.length - 2; at > 0 && this.#chain[at].cut; at--) {
      const before = this.#chain[at].cut?.entry(entry);
      if (!before || before.sequence <= have) break;
      best = before;
    }
    return best;
  }

  /** How far a track of ours is what checkpoints committed, by the cuts that are known; its base at least. */
  agreed(track: Track): number {
    for (let at = this.#chain.length - 1; at > 0 && this.#chain[at].cut; at--) {
      const entry = this.#chain[at].cut?.entry(track.key);
      const ours = entry && track.hashAt(entry.sequence);
      if (entry && ours && equal(ours, entry.head)) return entry.sequence;
    }
    return track.base.sequence;
  }

  /** Do we hold the track as the latest cut has it? After it took another fork, not until ours is dropped. */
  #follows(track: Track): boolean {
    const entry = this.latest.cut?.entry(track.key);
    const ours = entry && track.hashAt(entry.sequence);
    return !entry || (ours !== undefined && equal(ours, entry.head));
  }

  /** Was every new segment signed by a key that its operator had had at this position, which may be older than ours? */
  #entitled(advance: Advance, registry: Registry): boolean {
    const track = this.#replica.track(advance);
    const from = this.latest.cut?.entry(advance)?.sequence ?? 0;
    for (let sequence = from + 1; sequence <= advance.sequence; sequence++) {
      const signed = track?.signedAt(sequence);
      if (!signed) return false;
      const signer = this.#replica.signerOf(signed, track?.hashAt(sequence) as Bytes);
      const owner = signer && registry.operatorOf(signer);
      if (!owner || !equal(owner, advance.operator)) return false;
    }
    return true;
  }

  /** The checkpoint that these advances make of the latest one, at a registry position. */
  #build(advances: readonly Advance[], registry: Registry): Built {
    const { crypto, separator } = this.#replica;
    const parent = this.latest;
    if (!parent.cut) throw new WeftError("unknown_cut", "the latest committed cut is not known yet");
    const cut = parent.cut.extend(crypto, advances, (operator) => registry.isEnded(operator));
    const hashOf = (track: TrackKey, sequence: number) => {
      const hash = this.#replica.track(track)?.hashAt(sequence);
      if (!hash) throw new WeftError("unknown_segment", "a segment of the cut is not held");
      return hash;
    };
    const { checkpoint, segments } = checkpointOf(crypto, { ...parent, cut: parent.cut }, cut, registry, hashOf);
    const hash = checkpointHash(crypto, separator, checkpoint);
    return { checkpoint, hash, cut, segments };
  }

  /** The segments tree of a committed checkpoint whose segments we hold, for proofs. @throws WeftError `unknown_segment` */
  segmentsOf(number: number, parentCut: Cut, cut: Cut): ListTree {
    const [parent, { checkpoint }] = [this.#chain[number - 1], this.#chain[number]];
    const hashOf = (track: TrackKey, sequence: number) => {
      const hash = this.#replica.track(track)?.hashAt(sequence);
      if (!hash) throw new WeftError("unknown_segment", "a segment of the checkpoint is not held any more");
      return hash;
    };
    const registry = { position: checkpoint.registryPosition, hash: checkpoint.registryHash };
    return checkpointOf(this.#replica.crypto, { ...parent, cut: parentCut }, cut, registry, hashOf).segments;
  }

  /** Tracks that a checkpoint may advance, and how far > 2/3 of the stake holds them. */
  #open(): { track: Track; from: number; to: number }[] {
    const { registry, evidence, tracks } = this.#replica;
    return [...tracks.values()]
      .filter(({ key }) => !evidence.has(toHex(key.operator)) && !registry.isEnded(key.operator))
      .filter((track) => this.#follows(track) && !this.latest.cut?.entry(track.key)?.ended)
      .map((track) => ({
        track,
        from: this.latest.cut?.entry(track.key)?.sequence ?? 0,
        to: this.#replica.heldByQuorum(track),
      }))
      .filter(({ from, to }) => to > from);
  }

  /** How many segments are held by > 2/3 of the stake and not committed. */
  get backlog(): number {
    return this.#open().reduce((sum, { from, to }) => sum + to - from, 0);
  }

  /** Tracks by operator, beginning with another one for each number: whoever writes most does not always come first. */
  #inTurn<T extends { track: Track }>(open: readonly T[]): T[] {
    const sorted = [...open].sort((a, b) => (a.track.name < b.track.name ? -1 : 1));
    const owners = [...new Set(sorted.map(({ track }) => toHex(track.key.operator)))];
    const first = owners.length === 0 ? 0 : (this.latest.checkpoint.number + 1) % owners.length;
    const rank = new Map([...owners.slice(first), ...owners.slice(0, first)].map((owner, i) => [owner, i]));
    const rankOf = ({ track }: T) => rank.get(toHex(track.key.operator)) as number;
    return sorted.sort((a, b) => rankOf(a) - rankOf(b));
  }

  /**
   * The cut that > 2/3 of the stake holds, up to the capacity; nothing when it would add nothing.
   * @param without names of tracks that are left as they are, because too few who could attest hold them
   */
  propose(without: ReadonlySet<string> = new Set()): { proposal: Proposal; built: Built } | undefined {
    const { registry } = this.#replica;
    if (!this.latest.cut) return undefined;
    const fresh = new Map<string, number>();
    const advances: Advance[] = [];
    let room = this.#options.capacity;
    for (const { track, from, to } of this.#inTurn(this.#open())) {
      if (advances.length === LIMIT_ADVANCES) break;
      if (without.has(track.name)) continue;
      const owner = toHex(track.key.operator);
      if (this.latest.cut.slot(track.key) === undefined) {
        const admitted = fresh.get(owner) ?? 0;
        if (admitted >= this.#options.newTracksPerOperator) continue;
        fresh.set(owner, admitted + 1);
      }
      const sequence = Math.min(to, from + room);
      const advance = { ...track.key, sequence, head: track.hashAt(sequence) as Bytes };
      if (sequence === from || !this.#entitled(advance, registry)) continue;
      room -= sequence - from;
      advances.push(advance);
    }
    if (advances.length === 0) return undefined;
    const built = this.#build(advances, registry);
    return { proposal: { checkpoint: built.checkpoint, advances }, built };
  }

  /**
   * Whether a proposal is a true statement that we can sign: the next number, at a registry position that we know, over
   * segments that we hold and have verified, with the very roots that we compute.
   */
  judge(proposal: Proposal, now: number): Verdict {
    const refused = (code: string, message: string): Verdict => ({ type: "refused", code, message });
    const { checkpoint, advances } = proposal;
    const { latest } = this;
    if (checkpoint.number !== latest.checkpoint.number + 1 || !equal(checkpoint.parent, latest.hash))
      return refused("stale", `the next checkpoint is ${latest.checkpoint.number + 1}`);
    if (!latest.cut) return refused("behind", "the latest committed cut is not known here yet");
    const registry = this.#replica.registryAt(checkpoint.registryPosition);
    if (!registry || !equal(registry.hash, checkpoint.registryHash))
      return refused("registry", "the registry position is not known here");
    const floor = Math.max(latest.checkpoint.registryPosition, this.#replica.registry.lastSetPosition);
    if (checkpoint.registryPosition < floor) return refused("registry", `the registry position is older than ${floor}`);

    const evidence = advances.map(({ operator }) => this.#replica.evidence.get(toHex(operator))).find(Boolean);
    if (evidence) return { type: "evidence", evidence };
    const missing = advances.filter((a) => {
      const track = this.#replica.track(a);
      const held = track?.hashAt(a.sequence);
      return !track || !held || !equal(held, a.head) || !this.#follows(track);
    });
    if (missing.length > 0)
      return {
        type: "missing",
        tracks: missing.map((a) => ({
          operator: a.operator,
          incarnation: a.incarnation,
          have: this.#replica.track(a)?.sequence ?? 0,
        })),
      };
    const fault = this.#shape(advances, registry);
    if (fault) return refused("shape", fault);
    let built: Built;
    try {
      built = this.#build(advances, registry);
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      return refused(error.code, error.message);
    }
    if (built.checkpoint.segmentCount > this.#options.capacity) return refused("too_large", "beyond the capacity");
    if (built.checkpoint.segmentCount === 0) return refused("empty", "a checkpoint adds something");
    if (compare(encodeCheckpoint(built.checkpoint), encodeCheckpoint(checkpoint)) !== 0)
      return refused("false", "the roots are not those that follow from the segments");
    const left = this.#leftOut(built, advances.length, registry, now);
    if (left) {
      this.#losePatience(now);
      return refused("censoring", `leaves out segments of ${left} that > 2/3 have held for long`);
    }
    this.remember(built.checkpoint.number, built.hash, built.cut);
    return { type: "sign", built };
  }

  /** Patience doubles with refused proposals, but not faster than it runs out: repeating one gains nothing. */
  #losePatience(now: number): void {
    if (now < this.#patientUntil) return;
    this.#patientUntil = now + this.#patience;
    this.#refusals += 1;
  }

  get #patience(): number {
    return this.#options.censorshipMs * 2 ** Math.min(this.#refusals, 16);
  }

  #shape(advances: readonly Advance[], registry: Registry): string | undefined {
    const seen = new Set<string>();
    const fresh = new Map<string, number>();
    for (const advance of advances) {
      const name = trackName(advance);
      if (seen.has(name)) return "a track advances twice";
      seen.add(name);
      if (!registry.operator(advance.operator)) return "an operator is not registered at the position";
      const entry = this.latest.cut?.entry(advance);
      if (entry?.ended || registry.isEnded(advance.operator)) return "an ended track advances";
      if (!this.#entitled(advance, registry)) return "a segment is signed by a key that came later";
      const from = entry?.sequence;
      if (advance.sequence <= (from ?? 0)) return "an advance does not advance";
      if (from === undefined) {
        const owner = toHex(advance.operator);
        fresh.set(owner, (fresh.get(owner) ?? 0) + 1);
        if ((fresh.get(owner) as number) > this.#options.newTracksPerOperator)
          return "too many new tracks of one operator";
      }
    }
    return undefined;
  }

  /** A track that the cut leaves behind although > 2/3 have long held more of it, and there is room. */
  #leftOut(built: Built, advances: number, registry: Registry, now: number): string | undefined {
    if (built.checkpoint.segmentCount >= this.#options.capacity || advances === LIMIT_ADVANCES) return undefined;
    const patience = this.#patience;
    const fresh = new Map<string, number>();
    for (const entry of built.cut.entries)
      if (this.latest.cut?.slot(entry) === undefined)
        fresh.set(toHex(entry.operator), (fresh.get(toHex(entry.operator)) ?? 0) + 1);
    for (const [name, log] of this.#replica.heldSince) {
      const track = this.#replica.tracks.get(name);
      if (!track || this.#replica.evidence.has(toHex(track.key.operator)) || registry.isEnded(track.key.operator))
        continue;
      const entry = built.cut.entry(track.key);
      if (!entry && (fresh.get(toHex(track.key.operator)) ?? 0) >= this.#options.newTracksPerOperator) continue;
      if (entry?.ended || !this.#follows(track)) continue;
      const covered = entry?.sequence ?? 0;
      const overdue = log.find((step) => step.sequence > covered);
      if (overdue && now - overdue.at > patience) return name;
    }
    return undefined;
  }
}

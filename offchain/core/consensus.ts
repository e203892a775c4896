import { type Bytes, compare, equal, toHex } from "./bytes.ts";
import { Censorship, type CensorshipOptions } from "./censorship.ts";
import { type Checkpoint, checkpointHash, encodeCheckpoint, genesisCheckpoint } from "./checkpoint.ts";
import { Checkpoints, type Committed } from "./checkpoints.ts";
import { type Advance, Cut, type CutEntry, checkpointOf, type Sum, segmentsTree } from "./cut.ts";
import { Entitlement } from "./entitlement.ts";
import { WeftError } from "./errors.ts";
import type { Evidence } from "./evidence.ts";
import type { ListTree } from "./list-tree.ts";
import type { LiveMemory } from "./live-memory.ts";
import { Memories } from "./memories.ts";
import { LIMIT_ADVANCES, type Proposal } from "./proposal.ts";
import type { Registry } from "./registry.ts";
import type { Replica } from "./replica.ts";
import type { TrackKey } from "./segment.ts";
import type { Track } from "./track.ts";
import { heldSegments, Views } from "./views.ts";

export type ConsensusOptions = CensorshipOptions & {
  /** The most segments that one checkpoint covers. */
  capacity: number;
};

/** Checkpoints that were worked out and may be asked for again: what a long text teaches takes seconds. */
const KEPT_BUILT = 4;

/** A checkpoint with what it was made of. */
export type Built = Sum & { hash: Bytes; cut: Cut };

export type Verdict =
  | { type: "sign"; built: Built }
  | { type: "missing"; tracks: readonly (TrackKey & { have: number })[] }
  | { type: "evidence"; evidence: Evidence }
  | { type: "refused"; code: string; message: string };

/** Proposing, attesting and following checkpoints, over what a replica knows. Pure, like it. */
export class Consensus {
  readonly #replica: Replica;
  readonly #options: ConsensusOptions;
  readonly #checkpoints: Checkpoints;
  /** The memories as of checkpoints. */
  readonly views: Views;
  readonly #censorship: Censorship;
  readonly #entitlement: Entitlement;
  /** What was worked out last, by number, parent, cut and registry position. */
  readonly #built = new Map<string, Built>();

  constructor(replica: Replica, options: ConsensusOptions) {
    this.#replica = replica;
    this.#options = options;
    this.#checkpoints = new Checkpoints(replica.crypto, () => this.#genesis());
    this.views = new Views(replica, this.#checkpoints);
    this.#censorship = new Censorship(replica, options);
    this.#entitlement = new Entitlement(replica, () => this.latest.cut, options.newTracksPerOperator);
  }

  #genesis(): Committed {
    const { crypto, separator } = this.#replica;
    const checkpoint = genesisCheckpoint(crypto, (this.#replica.registryAt(0) as Registry).hash);
    const hash = checkpointHash(crypto, separator, checkpoint);
    return { checkpoint, hash, parent: 0, cut: Cut.empty(crypto), memories: Memories.empty(crypto) };
  }

  /** The latest checkpoint that stands. */
  get latest(): Committed {
    return this.#checkpoints.latest;
  }

  /** The number that the next one will have. */
  get next(): number {
    return this.#checkpoints.next;
  }

  /** Numbers of the checkpoints that stand, ascending, from 0 on. */
  get standing(): readonly number[] {
    return this.#checkpoints.standing;
  }

  /** The latest final checkpoint whose cut everybody keeps; `final` is an index among those that stand. */
  anchor(final: number): Committed {
    return this.#checkpoints.anchor(final);
  }

  /** The anchor, or the latest before it whose cut was shown to us. */
  shownAnchor(final: number): Committed | undefined {
    return this.#checkpoints.shownAnchor(final);
  }

  /** A checkpoint on record, which may have fallen. */
  committed(number: number): Committed | undefined {
    return this.#checkpoints.committed(number);
  }

  /** Forgets what was committed, after a reorganisation. */
  reset(): void {
    this.#checkpoints.reset();
    this.#censorship.moved(undefined);
  }

  /** The chain took a checkpoint. @throws WeftError `checkpoint_gap` unless it is the next. */
  commit(checkpoint: Checkpoint, hash: Bytes): void {
    this.#checkpoints.commit(checkpoint, hash);
    this.#censorship.moved(this.latest.cut);
  }

  /** Checkpoints from `from` on fell, so that `standing` is the latest. What they covered is to be covered again. */
  fell(from: number, standing: number): void {
    this.#checkpoints.fell(from, standing);
    this.#censorship.moved(undefined);
  }

  /** A cut from our own disk, before the chain tells of its checkpoint. */
  remember(number: number, hash: Bytes, cut: Cut, memories?: Memories): void {
    this.#checkpoints.remember(number, hash, cut, memories);
  }

  /** The long-term memories as of a checkpoint on record; undefined when they are not known, or the checkpoint is wrong. */
  memoriesAt(number: number): Memories | undefined {
    const committed = this.committed(number);
    return committed && this.views.of(committed);
  }

  /** The long-term memories with what no checkpoint has yet. */
  live(): LiveMemory {
    return this.#replica.live.on(this.latest);
  }

  /** Somebody showed the cut of a committed checkpoint. @throws WeftError `bad_root` unless it is that one. */
  learnCut(number: number, entries: readonly CutEntry[]): void {
    this.#checkpoints.learnCut(number, entries);
  }

  /** The checkpoint that these advances make of the latest one, at a registry position. */
  #build(advances: readonly Advance[], registry: Registry): Built {
    const { crypto, separator } = this.#replica;
    const parent = this.latest;
    const memories = this.views.of(parent);
    if (!parent.cut) throw new WeftError("unknown_cut", "the latest committed cut is not known yet");
    if (!memories) throw new WeftError("unknown_memory", "the memories of the latest checkpoint are not known yet");
    const cut = parent.cut.extend(crypto, advances, (operator) => registry.isEnded(operator));
    const name = `${this.next} ${[parent.hash, cut.root, registry.hash].map(toHex)}`;
    const known = this.#built.get(name);
    if (known) return known;
    const from = { ...parent, cut: parent.cut, memories, next: this.next };
    const sum = checkpointOf(crypto, from, cut, registry, heldSegments(this.#replica));
    const built = { ...sum, hash: checkpointHash(crypto, separator, sum.checkpoint), cut };
    this.#built.set(name, built);
    for (const [first] of this.#built) if (this.#built.size > KEPT_BUILT) this.#built.delete(first);
    return built;
  }

  /** Have we worked it out ourselves, lately? */
  isOurs(hash: Bytes): boolean {
    return [...this.#built.values()].some((built) => equal(built.hash, hash));
  }

  /** The segments tree of a committed checkpoint whose segments we hold, for proofs. @throws WeftError `unknown_segment`, `too_large` */
  segmentsOf(parentCut: Cut, cut: Cut): ListTree {
    return segmentsTree(this.#replica.crypto, parentCut, cut, heldSegments(this.#replica));
  }

  /** Tracks that a checkpoint may advance, and how far > 2/3 of the stake holds them. */
  #open(): { track: Track; from: number; to: number }[] {
    const { registry, evidence, tracks } = this.#replica;
    const { cut } = this.latest;
    const open: { track: Track; from: number; to: number }[] = [];
    for (const track of tracks.values()) {
      const entry = cut?.named(track.name);
      const from = entry?.sequence ?? 0;
      // Most tracks are over: what is dear is not asked of them.
      if (track.sequence <= from || entry?.ended || evidence.has(track.owner)) continue;
      const to = this.#replica.heldByQuorum(track);
      if (to > from && (cut?.agrees(track) ?? true) && !registry.isEnded(track.key.operator))
        open.push({ track, from, to });
    }
    return open;
  }

  /** How many segments are held by > 2/3 of the stake and not committed. */
  get backlog(): number {
    return this.#open().reduce((sum, { from, to }) => sum + to - from, 0);
  }

  /** Tracks by operator, beginning with another one for each number: whoever writes most does not always come first. */
  #inTurn<T extends { track: Track }>(open: readonly T[]): T[] {
    const sorted = [...open].sort((a, b) => (a.track.name < b.track.name ? -1 : 1));
    const owners = [...new Set(sorted.map(({ track }) => track.owner))];
    const first = owners.length === 0 ? 0 : this.next % owners.length;
    const rank = new Map([...owners.slice(first), ...owners.slice(0, first)].map((owner, i) => [owner, i]));
    const rankOf = ({ track }: T) => rank.get(track.owner) as number;
    return sorted.sort((a, b) => rankOf(a) - rankOf(b));
  }

  /**
   * The cut that > 2/3 of the stake holds, up to the capacity; nothing when it would add nothing.
   * @param without names of tracks that are left as they are, because too few who could attest hold them
   */
  propose(without: ReadonlySet<string> = new Set()): { proposal: Proposal; built: Built } | undefined {
    const { registry } = this.#replica;
    if (!this.latest.cut || !this.views.of(this.latest)) return undefined;
    const fresh = new Map<string, number>();
    const advances: Advance[] = [];
    let room = this.#options.capacity;
    for (const { track, from, to } of this.#inTurn(this.#open())) {
      if (advances.length === LIMIT_ADVANCES) break;
      if (without.has(track.name)) continue;
      if (!this.latest.cut.named(track.name)) {
        const admitted = fresh.get(track.owner) ?? 0;
        if (admitted >= this.#options.newTracksPerOperator) continue;
        fresh.set(track.owner, admitted + 1);
      }
      const sequence = Math.min(to, from + room);
      const advance = { ...track.key, sequence, head: track.hashAt(sequence) as Bytes };
      if (sequence === from || !this.#entitlement.holds(advance, registry)) continue;
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
    const { cut } = latest;
    if (checkpoint.number !== this.next || !equal(checkpoint.parent, latest.hash))
      return refused("stale", `the next checkpoint is ${this.next}`);
    if (!cut) return refused("behind", "the latest committed cut is not known here yet");
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
      return !track || !held || !equal(held, a.head) || !cut.agrees(track);
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
    const fault = this.#entitlement.faultOf(advances, registry);
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
    const isFull = built.checkpoint.segmentCount >= this.#options.capacity || advances.length === LIMIT_ADVANCES;
    const left = isFull ? undefined : this.#censorship.leftOut(cut, built.cut, registry, now);
    if (left) return refused("censoring", `leaves out segments of ${left} that > 2/3 have held for long`);
    this.remember(built.checkpoint.number, built.hash, built.cut, built.memories);
    return { type: "sign", built };
  }
}

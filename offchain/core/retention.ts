import { type Bytes, equal, toHex } from "./bytes.ts";
import { KEPT_CUTS } from "./checkpoints.ts";
import type { Consensus } from "./consensus.ts";
import { Cut, type CutEntry, trackName } from "./cut.ts";
import { WeftError } from "./errors.ts";
import type { Disk, Effect } from "./events.ts";
import type { Following } from "./following.ts";
import type { Replica } from "./replica.ts";
import type { Track } from "./track.ts";

/** Marks in one retention time: how finely it is known what was final when. */
const MARKS = 16;

/** A checkpoint that was final, how far it went, and when the chain took it, in active seconds. */
type Mark = { number: number; hash: Bytes; at: number; sequences: readonly { name: string; sequence: number }[] };

/**
 * What may be forgotten: segments of checkpoints that were final, and are past the time for which anybody may ask for them;
 * but no turn that is open, and none that a turn which is not final goes on from.
 */
export class Retention {
  readonly #replica: Replica;
  readonly #consensus: Consensus;
  readonly #following: Following;
  readonly #seconds: number;
  /** Ascending. The first stays when its time is over, until that of the next is too: what comes in late goes by it. */
  #marks: Mark[] = [];
  /** The checkpoint before which cuts were last forgotten. */
  #forgotten = 0;

  /** @param seconds of active time from commit: retention, and the answer window and longest pause after it */
  constructor(replica: Replica, consensus: Consensus, following: Following, seconds: number) {
    this.#replica = replica;
    this.#consensus = consensus;
    this.#following = following;
    this.#seconds = seconds;
  }

  /** From disk, once the chain's log has been replayed: what was final before this process began is over as early as ever. */
  recall(cutOf: Disk["cut"]): void {
    const final = this.#final();
    const now = this.#following.active();
    let first = final.length - 1;
    while (first > 0 && (this.#at(final[first]) ?? 0) + this.#seconds >= now) first -= 1;
    // The last that is over, or of those before it the first whose cut was ever shown to us.
    for (let tries = KEPT_CUTS; tries > 0 && first > 0 && !cutOf(final[first]); tries--) first -= 1;
    const late = final.slice(Math.max(0, first));
    for (const [i, number] of late.entries()) {
      const known = this.#isNear(late[i + 1]) ? undefined : cutOf(number);
      if (known) this.#mark(number, known.hash, known.entries);
    }
  }

  /** To be called with every word from the chain, and with what peers show of checkpoints. */
  advance(): Effect[] {
    this.#keepCommitted();
    const { anchor } = this.#following;
    if (anchor && anchor.number > (this.#marks.at(-1)?.number ?? 0))
      this.#mark(anchor.number, anchor.hash, anchor.cut.entries);
    this.#markShown();
    const { memoryBase } = this.#following;
    const ripest = this.#ripest;
    const moved = ripest ? memoryBase.move(ripest) : [];
    // What later memories are worked out from is needed, unless peers gave us those, or must, for lack of it.
    const areGiven = ripest !== undefined && this.#areGiven(ripest.number);
    const last = this.#marks.findLastIndex(
      ({ number }) => this.#isRipe(number) && (number <= memoryBase.number || areGiven),
    );
    if (last < 0) return moved;
    this.#marks.splice(0, last);
    const [ripe] = this.#marks;
    const effects = this.#prune(ripe);
    // Those that a reorganisation brought back to disk go as well.
    const areLeft = this.#following.forgetCuts(ripe.number);
    if (this.#forgotten === ripe.number && !areLeft) return [...moved, ...effects];
    this.#forgotten = ripe.number;
    return [...moved, { type: "store", record: { type: "prune-checkpoints", before: ripe.number } }, ...effects];
  }

  /** The first checkpoint whose cut nobody has forgotten: it is the last that is final and whose time is over. */
  get owed(): number {
    return this.#consensus.standing.findLast((number) => this.#isRipe(number)) ?? 0;
  }

  /** The last checkpoint whose time is over, if nobody has shown us how far it went, nor one soon before it. */
  get unshown(): number | undefined {
    const { owed } = this;
    const since = (this.#at(owed) ?? 0) - (this.#ripest?.at ?? Number.NEGATIVE_INFINITY);
    return owed > 0 && since > this.#seconds / MARKS ? owed : undefined;
  }

  /**
   * Somebody showed the cut of a checkpoint whose time was over.
   * @throws WeftError `bad_root` unless it is the committed one
   */
  show(number: number, entries: readonly CutEntry[]): void {
    const { checkpoint, hash } = this.#consensus.committed(number) ?? {};
    if (!checkpoint || !hash || !this.#isRipe(number) || !this.#consensus.standing.includes(number)) return;
    if (!equal(Cut.of(this.#replica.crypto, entries).root, checkpoint.cutRoot))
      throw new WeftError("bad_root", "the entries are not the committed cut", { field: "entries" });
    this.#markRipe(number, hash, entries);
  }

  /** Is the time over for which anybody may ask for what is held of a track up to `to`? */
  isOver({ name, base, sequence }: Track, to: number): boolean {
    const over = this.#ripest?.sequences.find((one) => one.name === name)?.sequence ?? 0;
    return Math.min(sequence, to) <= Math.max(base.sequence, over);
  }

  get #ripest(): Mark | undefined {
    return this.#marks.findLast(({ number }) => this.#isRipe(number));
  }

  /**
   * Did peers give the memories of a later checkpoint, or must they, because they cannot be worked out here? Any later one
   * counts: the cut of the latest may not have come yet.
   */
  #areGiven(number: number): boolean {
    if (this.#consensus.memoriesAt(number)) return false;
    const late = this.#consensus.standing.slice(-KEPT_CUTS).filter((one) => one > number);
    if (late.some((one) => this.#consensus.committed(one)?.memories)) return true;
    const committed = this.#consensus.committed(number);
    return committed !== undefined && this.#consensus.views.isLost(committed, this.owed);
  }

  /** Is a checkpoint final, and the time over for which anybody may ask for what it has? */
  #isRipe(number: number): boolean {
    const at = this.#at(number);
    return at !== undefined && number <= this.#following.final && at + this.#seconds < this.#following.active();
  }

  /** Of the cuts in memory, the latest whose time is over: who was away, or has just joined, was shown it too late to mark it. */
  #markShown(): void {
    for (const number of this.#consensus.standing.slice(-KEPT_CUTS).reverse()) {
      const { hash, cut } = this.#consensus.committed(number) ?? {};
      if (number === 0 || !hash || !cut || !this.#isRipe(number)) continue;
      this.#markRipe(number, hash, cut.entries);
      return;
    }
  }

  #markRipe(number: number, hash: Bytes, entries: readonly CutEntry[]): void {
    if (this.#marks.some((mark) => mark.number >= number && this.#isRipe(mark.number))) return;
    const mark = markOf(number, hash, this.#at(number) as number, entries);
    this.#marks = [mark, ...this.#marks.filter((one) => one.number > number)];
  }

  /** When the chain took a checkpoint, in active seconds. */
  #at(number: number): number | undefined {
    const at = this.#following.committedAt(number);
    return at === undefined ? undefined : this.#following.active(at);
  }

  /** Numbers of the final checkpoints, ascending, from 1 on. */
  #final(): number[] {
    return this.#consensus.standing.filter((number) => number > 0 && number <= this.#following.final);
  }

  /** Is a final checkpoint so soon after the mark `back` from the end that what is between them need not be marked? */
  #isNear(number: number | undefined, back = 1): boolean {
    const at = number === undefined ? undefined : this.#at(number);
    const mark = this.#marks.at(-back);
    return at !== undefined && mark !== undefined && at - mark.at <= this.#seconds / MARKS;
  }

  #mark(number: number, hash: Bytes, entries: readonly CutEntry[]): void {
    const at = this.#at(number);
    if (at === undefined) return;
    if (this.#isNear(number, 2)) this.#marks.pop();
    this.#marks.push(markOf(number, hash, at, entries));
  }

  /** After a reorganisation: one that is committed anew is as old as it is now; one that is not, or has fallen, is no mark. */
  #keepCommitted(): void {
    this.#marks = this.#marks.flatMap((mark) => {
      if (this.#consensus.standing.lastIndexOf(mark.number) < 0) return [];
      const committed = this.#consensus.committed(mark.number);
      const at = this.#at(mark.number);
      return committed && at !== undefined && equal(committed.hash, mark.hash) ? [{ ...mark, at }] : [];
    });
  }

  #prune({ sequences }: Mark): Effect[] {
    const effects: Effect[] = [];
    const over = sequences.flatMap(({ name, sequence }) => {
      const track = this.#replica.tracks.get(name);
      return track && track.base.sequence < Math.min(sequence, track.sequence) ? [{ track, sequence }] : [];
    });
    if (over.length === 0) return effects;
    const keep = this.#needed(new Map(sequences.map(({ name, sequence }) => [name, sequence])));
    for (const { track, sequence } of over) {
      const before = track.base.sequence;
      if (track.prune(Math.min(sequence, track.sequence), keep, this.#hasEnded(track, sequence)) === before) continue;
      this.#replica.replace(track);
      effects.push({ type: "store", record: { type: "base", base: { ...track.key, ...track.base } } });
    }
    return effects;
  }

  /**
   * Its process has ended, or it has not said a word in all that time: what it left open stays open. A track of which
   * more is committed than we hold is only being fetched.
   */
  #hasEnded({ name, sequence, key }: Track, ripe: number): boolean {
    const committed = this.#consensus.latest.cut?.named(name)?.sequence ?? Number.POSITIVE_INFINITY;
    return (sequence <= ripe && committed <= ripe) || this.#replica.registry.isEnded(key.operator);
  }

  /** Turns that turns which may still go on, or are not final, go on from. */
  #needed(ripe: ReadonlyMap<string, number>): ReadonlySet<string> {
    const cut = this.#following.anchor?.cut;
    const keep = new Set<string>();
    for (const track of this.#replica.tracks.values()) {
      const final = cut?.named(track.name)?.sequence ?? 0;
      const over = this.#hasEnded(track, ripe.get(track.name) ?? 0);
      for (const turn of track.turns.values())
        if (turn.latest.sequence > final || (!turn.close && !over))
          for (const one of this.#replica.ancestry(turn)) keep.add(toHex(one.id));
    }
    return keep;
  }
}

function markOf(number: number, hash: Bytes, at: number, entries: readonly CutEntry[]): Mark {
  return {
    number,
    hash,
    at,
    sequences: entries.map((entry) => ({ name: trackName(entry), sequence: entry.sequence })),
  };
}

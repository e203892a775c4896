import { type Bytes, equal, toHex } from "./bytes.ts";
import { KEPT_CUTS } from "./checkpoints.ts";
import type { Consensus } from "./consensus.ts";
import { type CutEntry, trackName } from "./cut.ts";
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
  #marks: Mark[] = [];

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

  /** To be called with every word from the chain. */
  advance(): Effect[] {
    const { final } = this.#following;
    const now = this.#following.active();
    this.#keepCommitted();
    const { anchor } = this.#following;
    if (anchor && anchor.number > (this.#marks.at(-1)?.number ?? 0))
      this.#mark(anchor.number, anchor.hash, anchor.cut.entries);
    let ripe: Mark | undefined;
    while (this.#marks.length > 0 && this.#marks[0].at + this.#seconds < now && this.#marks[0].number <= final)
      ripe = this.#marks.shift();
    return ripe ? this.#prune(ripe) : [];
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
    const sequences = entries.map((entry) => ({ name: trackName(entry), sequence: entry.sequence }));
    this.#marks.push({ number, hash, at, sequences });
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

  #prune({ sequences, number }: Mark): Effect[] {
    const effects: Effect[] = [{ type: "store", record: { type: "prune-checkpoints", before: number } }];
    const keep = this.#needed(new Map(sequences.map(({ name, sequence }) => [name, sequence])));
    for (const { name, sequence } of sequences) {
      const track = this.#replica.tracks.get(name);
      if (!track || track.base.sequence >= sequence) continue;
      const before = track.base.sequence;
      if (track.prune(Math.min(sequence, track.sequence), keep, this.#isOver(track, sequence)) === before) continue;
      this.#replica.replace(track);
      effects.push({ type: "store", record: { type: "base", base: { ...track.key, ...track.base } } });
    }
    return effects;
  }

  /** Its process has ended, or it has not said a word in all that time: what it left open stays open. */
  #isOver(track: Track, ripe: number): boolean {
    return track.sequence <= ripe || this.#replica.registry.isEnded(track.key.operator);
  }

  /** Turns that turns which may still go on, or are not final, go on from. */
  #needed(ripe: ReadonlyMap<string, number>): ReadonlySet<string> {
    const cut = this.#following.anchor?.cut;
    const keep = new Set<string>();
    for (const track of this.#replica.tracks.values()) {
      const final = cut?.entry(track.key)?.sequence ?? 0;
      const over = this.#isOver(track, ripe.get(track.name) ?? 0);
      for (const turn of track.turns.values())
        if (turn.latest.sequence > final || (!turn.close && !over))
          for (const one of this.#replica.ancestry(turn)) keep.add(toHex(one.id));
    }
    return keep;
  }
}

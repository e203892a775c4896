import { type Bytes, equal, toHex } from "./bytes.ts";
import { type Consensus, KEPT_CUTS } from "./consensus.ts";
import { type Cut, type CutEntry, trackName } from "./cut.ts";
import type { Disk, Effect } from "./events.ts";
import type { Following } from "./following.ts";
import type { Replica } from "./replica.ts";
import type { Track } from "./track.ts";

/** Marks in one retention time: how finely it is known what was final when. */
const MARKS = 16;

/** A checkpoint that was final, how far it went, and when the chain took it, in seconds. */
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

  /** @param seconds from commit: retention, and the answer window and longest pause after it */
  constructor(replica: Replica, consensus: Consensus, following: Following, seconds: number) {
    this.#replica = replica;
    this.#consensus = consensus;
    this.#following = following;
    this.#seconds = seconds;
  }

  /** From disk, once the chain's log has been replayed: what was final before this process began is over as early as ever. */
  recall(cutOf: Disk["cut"]): void {
    const { time, final } = this.#following;
    const at = (number: number) => this.#following.committedAt(number) ?? 0;
    let first = final;
    while (first > 1 && at(first) + this.#seconds >= time) first -= 1;
    // The last that is over, or of those before it the first whose cut was ever shown to us.
    for (let tries = KEPT_CUTS; tries > 0 && first > 1 && !cutOf(first); tries--) first -= 1;
    for (let number = first; number <= final; number++) {
      const known = this.#isDue(number) ? cutOf(number) : undefined;
      if (known) this.#mark(number, known.hash, known.entries);
    }
  }

  /** To be called with every word from the chain. */
  advance(): Effect[] {
    const { time, final } = this.#following;
    this.#keepCommitted();
    const settled = this.#settled();
    if (settled && this.#isDue(settled.number)) this.#mark(settled.number, settled.hash, settled.cut.entries);
    let ripe: Mark | undefined;
    while (this.#marks.length > 0 && this.#marks[0].at + this.#seconds < time && this.#marks[0].number <= final)
      ripe = this.#marks.shift();
    return ripe ? this.#prune(ripe) : [];
  }

  /** The latest final checkpoint whose cut is known: of later ones nobody may have shown it to us yet. */
  #settled(): { number: number; hash: Bytes; cut: Cut } | undefined {
    for (let number = this.#following.final; number > 0; number--) {
      const { hash, cut } = this.#consensus.committed(number) ?? {};
      if (hash && cut) return { number, hash, cut };
    }
    return undefined;
  }

  /** Is a final checkpoint so much later than the last that was marked? */
  #isDue(number: number): boolean {
    const at = this.#following.committedAt(number);
    const last = this.#marks.at(-1);
    return number > 0 && at !== undefined && (!last || at - last.at > this.#seconds / MARKS);
  }

  #mark(number: number, hash: Bytes, entries: readonly CutEntry[]): void {
    const at = this.#following.committedAt(number) as number;
    const sequences = entries.map((entry) => ({ name: trackName(entry), sequence: entry.sequence }));
    this.#marks.push({ number, hash, at, sequences });
  }

  /** After a reorganisation: a checkpoint that is committed anew is as old as it is now, one that is not is none. */
  #keepCommitted(): void {
    this.#marks = this.#marks.flatMap((mark) => {
      const committed = this.#consensus.committed(mark.number);
      const at = this.#following.committedAt(mark.number);
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
    const cut = this.#settled()?.cut;
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

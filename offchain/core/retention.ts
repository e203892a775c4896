import { toHex } from "./bytes.ts";
import type { Consensus } from "./consensus.ts";
import { trackName } from "./cut.ts";
import type { Effect } from "./events.ts";
import type { Following } from "./following.ts";
import type { Replica } from "./replica.ts";
import type { Track } from "./track.ts";

/** Marks in one retention time: how finely it is known what was final when. */
const MARKS = 16;

/** What was final at some time, in active seconds, and when it may go. */
type Mark = { at: number; number: number; sequences: readonly { name: string; sequence: number }[] };

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

  /** To be called with every word from the chain. */
  advance(): Effect[] {
    const { final } = this.#following;
    const time = this.#following.active();
    const last = this.#marks.at(-1);
    const cut = this.#consensus.committed(final)?.cut;
    const at = this.#following.active(this.#following.committedAt(final));
    if (final > 0 && cut && (!last || at - last.at > this.#seconds / MARKS))
      this.#marks.push({
        at,
        number: final,
        sequences: cut.entries.map((entry) => ({
          name: trackName(entry),
          sequence: entry.sequence,
        })),
      });
    let ripe: Mark | undefined;
    while (this.#marks.length > 0 && this.#marks[0].at + this.#seconds < time) ripe = this.#marks.shift();
    return ripe ? this.#prune(ripe) : [];
  }

  /** The chain was reorganised: what seemed final was not. */
  reset(): void {
    this.#marks = [];
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
    const cut = this.#consensus.committed(this.#following.final)?.cut;
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

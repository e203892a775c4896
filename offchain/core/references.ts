import { equal } from "./bytes.ts";
import type { Consensus } from "./consensus.ts";
import type { Cut } from "./cut.ts";
import type { Replica } from "./replica.ts";
import type { CheckpointRef } from "./request.ts";
import type { Parent } from "./snapshot.ts";
import { goesOnFrom, type Turn } from "./turn.ts";

/** Cuts of committed checkpoints, also of those that are no longer in memory. */
export type Cuts = { cutAt(number: number): Cut | undefined };

/**
 * Whether what a turn refers to is there: `orphan` when the chain does not have it, or had it too long ago; `unknown` when
 * too little is held here to say. An orphan is never accused of anything, and never the canonical answer.
 */
export type Referring = "held" | "orphan" | "unknown";

/** Judges references: to a parent and to a memory, each named by a committed checkpoint. */
export class References {
  readonly #replica: Replica;
  readonly #consensus: Consensus;
  readonly #cuts: Cuts;
  readonly #span: number;

  /** @param span how many numbers a named checkpoint may be behind the one that includes the turn */
  constructor(replica: Replica, consensus: Consensus, cuts: Cuts, span: number) {
    this.#replica = replica;
    this.#consensus = consensus;
    this.#cuts = cuts;
    this.#span = span;
  }

  /** @param included number of the committed checkpoint that includes the turn */
  of(turn: Turn, included: number): Referring {
    const { parent, request } = turn.open;
    for (const named of [parent?.checkpoint, request.memory?.checkpoint])
      if (named && !this.#isNear(named, included)) return "orphan";
    return parent ? this.#parent(turn, parent) : "held";
  }

  #isNear({ number, hash }: CheckpointRef, included: number): boolean {
    const committed = this.#consensus.committed(number);
    if (!committed || !equal(committed.hash, hash)) return false;
    return included - number <= this.#span;
  }

  /** Is what the turn begins with what its parent had said by the checkpoint that it names? */
  #parent(turn: Turn, { checkpoint, turn: id, position }: Parent): Referring {
    const cut = this.#cuts.cutAt(checkpoint.number);
    if (!cut) return "unknown";
    const parent = this.#replica.turn(id);
    if (!parent) return this.#holdsWhole(cut) ? "orphan" : "unknown";
    const track = this.#replica.track(parent.track);
    if (!track || !cut.agrees(track)) return "unknown";
    const committed = cut.entry(parent.track)?.sequence ?? 0;
    const run = parent.runs.find(({ first, ids }) => first < position && position <= first + ids.length);
    if (!run || run.place.sequence > committed) return "orphan";
    return goesOnFrom(this.#replica.crypto, turn, parent) ? "held" : "orphan";
  }

  /** Is every segment that the cut covers held here, from each track's beginning? */
  #holdsWhole(cut: Cut): boolean {
    return cut.entries.every((entry) => {
      const track = this.#replica.track(entry);
      return track && track.base.sequence === 0 && cut.agrees(track);
    });
  }
}

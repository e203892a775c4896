import { type Bytes, equal } from "./bytes.ts";
import type { Committed } from "./checkpoints.ts";
import type { Consensus } from "./consensus.ts";
import { Cut } from "./cut.ts";
import { undefinedOn, WeftError } from "./errors.ts";
import type { Disk, Effect } from "./events.ts";
import type { Memories } from "./memories.ts";
import { memoriesOf } from "./memory-page.ts";
import type { Hashing } from "./ports.ts";

type Named = { number: number; hash: Bytes };

/**
 * The long-term memories on our disk: as they are after one final checkpoint, from which those of later ones are worked out
 * again. What that takes, the segments after it, is held until it has moved on.
 */
export class MemoryBase {
  readonly #hashing: Hashing;
  readonly #consensus: Consensus;
  /** What is on disk. Undefined: that is not known, or nothing. */
  #stored: Memories | undefined;
  #at: Named | undefined;

  constructor(hashing: Hashing, consensus: Consensus) {
    this.#hashing = hashing;
    this.#consensus = consensus;
  }

  /** The number of its checkpoint; 0, when nothing was learnt, where it is on none that stands. */
  get number(): number {
    return this.#at && this.#stands(this.#at) ? this.#at.number : 0;
  }

  #stands({ number, hash }: Named): Committed | undefined {
    const committed = this.#consensus.committed(number);
    const stands = committed && equal(committed.hash, hash) && this.#consensus.standing.includes(number);
    return stands ? committed : undefined;
  }

  /** To be called once the chain's log has been replayed and all segments are there. What cannot be used peers send again. */
  recall(disk: Pick<Disk, "memory" | "cut">): Effect[] {
    const stored = disk.memory();
    const committed = stored && this.#stands(stored);
    const cutOf = ({ checkpoint: { number }, hash }: Committed) => {
      const known = disk.cut(number);
      return known && equal(known.hash, hash) ? Cut.of(this.#hashing, known.entries) : undefined;
    };
    if (!committed) {
      // Nothing was final yet, or not on this fork: all that was ever learnt may still be held.
      const { cut, memories, ...genesis } = this.#consensus.committed(0) as Committed;
      if (cut && memories) this.#consensus.views.recall({ ...genesis, cut, memories }, cutOf);
      return [];
    }
    const memories = undefinedOn("malformed", () => memoriesOf(this.#hashing, stored.parts));
    if (!memories || !equal(memories.root, committed.checkpoint.memoryRoot)) {
      const error = new WeftError("corrupt", "the memories on disk are not the committed ones", {
        field: "memory",
        remedy: "nothing: peers send them again",
      });
      return [{ type: "fault", kind: "memory", error }];
    }
    this.#stored = memories;
    this.#at = { number: stored.number, hash: stored.hash };
    const cut = committed.cut ?? cutOf(committed);
    if (cut) this.#consensus.views.recall({ ...committed, cut, memories }, cutOf);
    return [];
  }

  /** Moves to this final checkpoint, if its memories are known. */
  move({ number, hash }: Named): Effect[] {
    if (number <= this.number) return [];
    const memories = this.#consensus.memoriesAt(number);
    if (!memories) return [];
    this.#at = { number, hash };
    const before = this.#stored;
    if (memories.isEmpty && !before) return []; // as when nothing is on disk
    this.#stored = memories;
    return [{ type: "store", record: { type: "memory", number, hash, memories, before } }];
  }
}

import { equal } from "./bytes.ts";
import type { Committed } from "./checkpoints.ts";
import type { Consensus } from "./consensus.ts";
import type { Cut } from "./cut.ts";
import { unlearn } from "./fold.ts";
import type { Memories } from "./memories.ts";
import type { Replica } from "./replica.ts";
import { heldSegments } from "./views.ts";

/**
 * The memories as of checkpoints of whose memories there is no view any more. What was learnt since is taken away again from
 * those of a later one: sums are undone as they were made, so that nothing but the segments has to be kept.
 */
export class PastMemories {
  readonly #replica: Replica;
  readonly #consensus: Consensus;
  readonly #cutAt: (number: number) => Cut | undefined;
  /** What was worked out last: who asks for one place mostly asks for the next. */
  #last: { committed: Committed; memories: Memories } | undefined;

  /** @param cutAt the cut of a committed checkpoint, however old; undefined when it is not held */
  constructor(replica: Replica, consensus: Consensus, cutAt: (number: number) => Cut | undefined) {
    this.#replica = replica;
    this.#consensus = consensus;
    this.#cutAt = cutAt;
  }

  /**
   * Undefined when they cannot be told: too little is held, or one of these checkpoints is wrong. Yields after each checkpoint
   * that it goes back, which may be as many as the retention time has.
   */
  *at(number: number): Generator<undefined, Memories | undefined> {
    const wanted = this.#consensus.committed(number);
    if (!wanted) return undefined;
    const view = this.#consensus.memoriesAt(number);
    if (view) return view;
    if (this.#last && equal(this.#last.committed.hash, wanted.hash)) return this.#last.memories;
    const { standing } = this.#consensus;
    const to = standing.indexOf(number);
    const from = standing.findIndex((later, i) => i > to && this.#consensus.committed(later)?.memories !== undefined);
    if (to < 0 || from < 0) return undefined;
    let { memories } = this.#consensus.committed(standing[from]) as Committed;
    for (let i = from; i > to; i--) {
      memories = this.#before(standing[i], memories as Memories);
      if (!memories) return undefined;
      yield;
    }
    if (!memories || !equal(memories.root, wanted.checkpoint.memoryRoot)) return undefined;
    this.#last = { committed: wanted, memories };
    return memories;
  }

  /** The memories before what a checkpoint adds. */
  #before(number: number, after: Memories): Memories | undefined {
    const committed = this.#consensus.committed(number) as Committed;
    const parent = this.#cutAt(committed.parent);
    const cut = this.#cutAt(number);
    if (!cut || !parent || cut.countSince(parent) !== committed.checkpoint.segmentCount) return undefined;
    const { lessonAt } = heldSegments(this.#replica);
    let memories = after;
    for (const segment of [...cut.segmentsSince(parent)].reverse()) {
      if (!this.#replica.track(segment)?.signedAt(segment.sequence)) return undefined;
      const lesson = lessonAt(segment, segment.sequence);
      if (lesson) memories = unlearn(memories, lesson);
    }
    return memories;
  }
}

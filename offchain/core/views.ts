import { type Bytes, equal, toHex } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type Checkpoints, type Committed, type CommittedCut, KEPT_CUTS } from "./checkpoints.ts";
import { type Cut, checkpointOf, memoriesAfter } from "./cut.ts";
import { undefinedOn, WeftError } from "./errors.ts";
import type { Lectures, Traced } from "./false-memory.ts";
import { Memories } from "./memories.ts";
import type { Replica } from "./replica.ts";
import type { TrackKey } from "./segment.ts";
import { TREE } from "./tree.ts";

/** A committed checkpoint that does not follow from its segments, and the memory root that does after each of them. */
export type Wrong = Traced & { hash: Bytes; traceRoot: Bytes };
type Record = Pick<Checkpoints, "committed" | "standing" | "remember" | "learnMemories">;

/**
 * The memories as of committed checkpoints, worked out from the segments between them. There is a view only where it has
 * exactly the committed root: of a checkpoint whose memory does not follow from its segments there is none, nor of those after it.
 */
export class Views {
  readonly #replica: Replica;
  readonly #checkpoints: Record;
  /**
   * Checkpoints that a quorum attested to although their memory, or its trace, is wrong, by hash. Kept for ever, so that
   * memories of theirs that peers give are never believed. They are few: each is a lie that a quorum signed, and what goes on
   * from it has no view.
   */
  readonly #wrong = new Map<string, Wrong>();
  /** Checkpoints whose cut is false, by hash. */
  readonly #disbelieved = new Set<string>();

  constructor(replica: Replica, checkpoints: Record) {
    this.#replica = replica;
    this.#checkpoints = checkpoints;
  }

  /** Undefined when too little is held to say, or when the checkpoint, or one before it, is wrong. */
  of(committed: Committed): Memories | undefined {
    const path: CommittedCut[] = [];
    let at = committed;
    while (!at.memories || this.isWrong(at)) {
      const parent = this.#checkpoints.committed(at.parent);
      if (this.isWrong(at)) return undefined;
      if (!at.cut || !parent?.cut) return this.#forward({ ...at, memories: this.#nothing(at) }, path);
      path.push(at as CommittedCut);
      at = parent;
    }
    return this.#forward(at, path);
  }

  /** From one whose memories are known, along those after it, the latest first. */
  #forward(from: Committed, path: readonly CommittedCut[]): Memories | undefined {
    let at = from;
    for (const next of [...path].reverse()) {
      if (!at.memories) return undefined;
      next.memories = this.#after(at as CommittedCut, next);
      const isUnheld = !next.memories && !this.isWrong(next);
      const memories = isUnheld ? this.#nothing(next) : next.memories;
      // It is compared with what it follows from once that is held, unless that will never be.
      if (isUnheld && this.#areForgotten(at as CommittedCut, next)) next.memories = memories;
      const { checkpoint, hash, cut } = next;
      if (next.memories) this.#checkpoints.remember(checkpoint.number, hash, cut, next.memories);
      at = { ...next, memories };
    }
    return at.memories;
  }

  /** Where nothing was ever learnt, neither up to its parent nor after, nothing needs to be held to say so. */
  #nothing(at: Committed): Memories | undefined {
    const nothing = Memories.empty(this.#replica.crypto);
    const parent = this.#checkpoints.committed(at.parent);
    const isNothing = [at, parent].every((one) => one && equal(one.checkpoint.memoryRoot, nothing.root));
    return isNothing ? nothing : undefined;
  }

  /**
   * Can the memories as of a checkpoint not be worked out here any more, whatever segments and late cuts still come? Then
   * peers are asked for them.
   * @param owed the first checkpoint whose cut is still owed to whoever asks
   */
  isLost(committed: Committed, owed: number): boolean {
    const { standing } = this.#checkpoints;
    const late = Math.max(owed, standing[Math.max(0, standing.length - KEPT_CUTS)]);
    for (let at = committed; !at.memories; ) {
      const parent = this.#checkpoints.committed(at.parent);
      if (!parent || this.isWrong(at)) return false;
      for (const { checkpoint, cut } of [at, parent]) if (!cut) return checkpoint.number < late;
      if (this.#areForgotten(parent as CommittedCut, at as CommittedCut)) return true;
      at = parent;
    }
    return false;
  }

  /** @throws WeftError `bad_root` unless these are the memories as of a checkpoint on record, `unknown_checkpoint` */
  learn(number: number, cut: Cut, memories: Memories): void {
    this.#checkpoints.learnMemories(number, cut, memories);
  }

  /** Is any segment between two cuts from before the place where its track begins here? */
  #areForgotten(parent: CommittedCut, { cut }: CommittedCut): boolean {
    for (const [name, entry] of cut.byName()) {
      const from = parent.cut.named(name)?.sequence ?? 0;
      if (entry.sequence > from && (this.#replica.tracks.get(name)?.base.sequence ?? 0) > from) return true;
    }
    return false;
  }

  /**
   * Goes on from memories that the disk has, to where cuts are in memory and the rest is worked out when it is asked for. What
   * this worker had checked before it ended is not checked segment by segment again.
   * @param cutOf a checkpoint's cut from the disk
   */
  recall(base: CommittedCut & { memories: Memories }, cutOf: (committed: Committed) => Cut | undefined): void {
    const { standing } = this.#checkpoints;
    let at = base;
    const first = standing.indexOf(base.checkpoint.number);
    for (let i = first; i < standing.length; i++) {
      const next = this.#checkpoints.committed(standing[i]) as Committed;
      const cut = next.cut ?? cutOf(next);
      const memories =
        next.checkpoint.number === base.checkpoint.number ? base.memories : cut && this.#unchecked(at, cut);
      if (!cut || !memories) return;
      const isLate = next.cut !== undefined;
      const isKept = isLate || i % KEPT_CUTS === 0;
      if (isKept && !equal(memories.root, next.checkpoint.memoryRoot)) return;
      if (isKept) this.#checkpoints.learnMemories(standing[i], cut, memories);
      if (isLate && i > first) return;
      at = { ...next, cut, memories };
    }
  }

  /** What held segments between two cuts add, if they are those that were committed. */
  #unchecked(parent: CommittedCut & { memories: Memories }, cut: Cut): Memories | undefined {
    for (const [name, entry] of cut.byName()) {
      const held = this.#replica.tracks.get(name)?.hashAt(entry.sequence);
      if (entry.sequence > (parent.cut.named(name)?.sequence ?? 0) && !(held && equal(held, entry.head)))
        return undefined;
    }
    let { memories } = parent;
    return undefinedOn("unknown_segment", () => {
      for (memories of memoriesAfter(parent, cut, heldSegments(this.#replica)));
      return memories;
    });
  }

  /** Checkpoints that are, or were, on record and are known not to follow from their segments. */
  get wrong(): Iterable<Wrong> {
    return this.#wrong.values();
  }

  wrongOf(hash: Bytes): Wrong | undefined {
    return this.#wrong.get(toHex(hash));
  }

  /** A checkpoint on record has a false cut: there is no view of it, nor of those after it. */
  disbelieve(hash: Bytes): void {
    this.#disbelieved.add(toHex(hash));
  }

  /** Is a checkpoint on record known not to follow from its segments? */
  isWrong({ hash }: Pick<Committed, "hash">): boolean {
    return this.#wrong.has(toHex(hash)) || this.#disbelieved.has(toHex(hash));
  }

  #after(parent: CommittedCut, next: CommittedCut): Memories | undefined {
    const { registryPosition: position, registryHash: hash, number, segmentsRoot } = next.checkpoint;
    const from = { ...parent, memories: parent.memories as Memories, next: number };
    const held = heldSegments(this.#replica);
    const { crypto } = this.#replica;
    // No quorum can truly say so: that is for the court about cuts.
    if (next.cut.countSince(parent.cut) > 2 ** TREE.segments.depth) return undefined;
    const sum = undefinedOn("unknown_segment", () => checkpointOf(crypto, from, next.cut, { position, hash }, held));
    // Other segments than the committed ones: the track took another fork here, for now.
    if (!sum || !equal(sum.checkpoint.segmentsRoot, segmentsRoot)) return undefined;
    if (agree(sum.checkpoint, next.checkpoint)) return sum.memories;
    const truth = { trace: sum.trace, traceRoot: sum.checkpoint.memoryTraceRoot };
    this.#wrong.set(toHex(next.hash), {
      checkpoint: next.checkpoint,
      hash: next.hash,
      cut: next.cut,
      parent: from,
      ...truth,
    });
    return undefined;
  }
}

/** Do two checkpoints over the same segments say the same of memories? */
function agree(a: Checkpoint, b: Checkpoint): boolean {
  return (
    a.segmentCount === b.segmentCount &&
    equal(a.memoryRoot, b.memoryRoot) &&
    equal(a.memoryTraceRoot, b.memoryTraceRoot)
  );
}

/** Segments that a replica holds. All throw WeftError `unknown_segment` for others. */
export function heldSegments(replica: Replica): Lectures {
  const held = (key: TrackKey, sequence: number) => {
    const track = replica.track(key);
    if (!track?.signedAt(sequence)) throw new WeftError("unknown_segment", "a segment of the cut is not held");
    return track;
  };
  return {
    hashAt: (key, sequence) => held(key, sequence).hashAt(sequence) as Uint8Array,
    lessonAt: (key, sequence) => held(key, sequence).lessonAt(sequence),
    turnAt: (key, sequence) => held(key, sequence).turnTaughtAt(sequence),
  };
}

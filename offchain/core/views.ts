import { equal, toHex } from "./bytes.ts";
import type { Checkpoints, Committed } from "./checkpoints.ts";
import { type Cut, checkpointOf, type Segments } from "./cut.ts";
import { WeftError } from "./errors.ts";
import { Memories } from "./memories.ts";
import type { Replica } from "./replica.ts";
import type { TrackKey } from "./segment.ts";

type Known = Committed & { cut: Cut };

/**
 * The memories as of committed checkpoints, worked out from the segments between them. There is a view only where it has
 * exactly the committed root: of a checkpoint whose memory does not follow from its segments there is none, nor of those after it.
 */
export class Views {
  readonly #replica: Replica;
  readonly #checkpoints: Pick<Checkpoints, "committed" | "remember">;
  /** Checkpoints that a quorum attested to although their memory, or its trace, is wrong, by hash. */
  readonly #wrong = new Set<string>();

  constructor(replica: Replica, checkpoints: Pick<Checkpoints, "committed" | "remember">) {
    this.#replica = replica;
    this.#checkpoints = checkpoints;
  }

  /** Undefined when too little is held to say, or when the checkpoint, or one before it, is wrong. */
  of(committed: Committed): Memories | undefined {
    const path: Known[] = [];
    let at = committed;
    while (!at.memories) {
      const parent = this.#checkpoints.committed(at.parent);
      if (this.isWrong(at)) return undefined;
      if (!at.cut || !parent?.cut) return this.#nothing(at) ? this.#forward(at, path) : undefined;
      path.push(at as Known);
      at = parent;
    }
    return this.#forward(at, path);
  }

  /** Where nothing was ever learnt, nothing needs to be held to say so. */
  #nothing(at: Committed): boolean {
    const nothing = Memories.empty(this.#replica.crypto);
    if (equal(at.checkpoint.memoryRoot, nothing.root)) at.memories = nothing;
    return at.memories !== undefined;
  }

  /** From one whose memories are known, along those after it, the latest first. */
  #forward(from: Committed, path: readonly Known[]): Memories | undefined {
    let at = from;
    for (const next of [...path].reverse()) {
      next.memories = this.#after(at as Known, next);
      if (!next.memories && (this.isWrong(next) || !this.#nothing(next))) return undefined;
      this.#checkpoints.remember(next.checkpoint.number, next.hash, next.cut, next.memories);
      at = next;
    }
    return at.memories;
  }

  /** Is a checkpoint on record known not to follow from its segments? */
  isWrong({ hash }: Committed): boolean {
    return this.#wrong.has(toHex(hash));
  }

  #after(parent: Known, next: Known): Memories | undefined {
    const {
      registryPosition: position,
      registryHash: hash,
      number,
      memoryRoot,
      memoryTraceRoot,
      segmentsRoot,
    } = next.checkpoint;
    try {
      const from = { ...parent, memories: parent.memories as Memories, next: number };
      const { checkpoint, memories } = checkpointOf(
        this.#replica.crypto,
        from,
        next.cut,
        { position, hash },
        heldSegments(this.#replica),
      );
      // Other segments than the committed ones: the track took another fork here, for now.
      if (!equal(checkpoint.segmentsRoot, segmentsRoot)) return undefined;
      if (equal(checkpoint.memoryRoot, memoryRoot) && equal(checkpoint.memoryTraceRoot, memoryTraceRoot))
        return memories;
      this.#wrong.add(toHex(next.hash));
    } catch (error) {
      if (!(error instanceof WeftError) || error.code !== "unknown_segment") throw error;
    }
    return undefined;
  }
}

/** Segments that a replica holds. Both throw WeftError `unknown_segment` for others. */
export function heldSegments(replica: Replica): Segments {
  const held = (key: TrackKey, sequence: number) => {
    const track = replica.track(key);
    if (!track?.signedAt(sequence)) throw new WeftError("unknown_segment", "a segment of the cut is not held");
    return track;
  };
  return {
    hashAt: (key, sequence) => held(key, sequence).hashAt(sequence) as Uint8Array,
    lessonAt: (key, sequence) => held(key, sequence).lessonAt(sequence),
  };
}

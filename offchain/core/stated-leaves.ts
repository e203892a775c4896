import { type Bytes, equal, toHex } from "./bytes.ts";
import { KEPT_CUTS } from "./checkpoints.ts";
import type { Consensus } from "./consensus.ts";
import { memoriesAfter } from "./cut.ts";
import { WeftError } from "./errors.ts";
import { traceTree } from "./fold-proof.ts";
import type { Replica } from "./replica.ts";
import { type TreePage, type TreeRequest, treePageOf } from "./stated-tree.ts";
import { heldSegments } from "./views.ts";

/** What a worker that holds with a checkpoint serves of its trees: worked out again from the segments, once. */
export class StatedLeaves {
  readonly #replica: Replica;
  readonly #consensus: Consensus;
  /** Memory traces, by the hash of their checkpoint. */
  readonly #traces = new Map<string, { number: number; trace: readonly Bytes[] }>();

  constructor(replica: Replica, consensus: Consensus) {
    this.#replica = replica;
    this.#consensus = consensus;
  }

  /** Undefined of a checkpoint that is not on record, or no more held, or that says something else than follows here. */
  page({ number, hash, tree, first }: TreeRequest): TreePage | undefined {
    const leaves = this.#trace(number, hash);
    return leaves && treePageOf(tree, leaves, first);
  }

  #trace(number: number, hash: Bytes): readonly Bytes[] | undefined {
    const name = toHex(hash);
    const known = this.#traces.get(name)?.trace;
    const trace = known ?? this.#worked(number, hash);
    if (!known && trace) {
      const { next } = this.#consensus;
      for (const [old, one] of this.#traces) if (one.number + KEPT_CUTS < next) this.#traces.delete(old);
      this.#traces.set(name, { number, trace });
    }
    return trace;
  }

  #worked(number: number, hash: Bytes): readonly Bytes[] | undefined {
    const { crypto } = this.#replica;
    const committed = this.#consensus.committed(number);
    // Of what is wrong here nobody is told anything: whoever attested says it.
    if (number === 0 || !committed?.cut || !equal(committed.hash, hash) || this.#consensus.views.isWrong(committed))
      return undefined;
    const parent = this.#consensus.committed(committed.parent);
    const memories = parent && this.#consensus.views.of(parent);
    if (!parent?.cut || !memories) return undefined;
    try {
      const after = memoriesAfter({ cut: parent.cut, memories }, committed.cut, heldSegments(this.#replica));
      const trace = [...after].map(({ root }) => root);
      return equal(traceTree(crypto, trace).root, committed.checkpoint.memoryTraceRoot) ? trace : undefined;
    } catch (error) {
      if (!(error instanceof WeftError) || error.code !== "unknown_segment") throw error;
      return undefined;
    }
  }
}

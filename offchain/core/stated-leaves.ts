import { type Bytes, equal, toHex, Writer } from "./bytes.ts";
import { type CommittedCut, KEPT_CUTS } from "./checkpoints.ts";
import type { Consensus } from "./consensus.ts";
import { encodeEntry, memoriesAfter, segmentsTree } from "./cut.ts";
import { undefinedOn } from "./errors.ts";
import { traceTree } from "./fold-proof.ts";
import { type SignedHeader, writeHeader } from "./header.ts";
import type { Replica } from "./replica.ts";
import { type TreePage, type TreeRequest, treePageOf } from "./stated-tree.ts";
import type { Track } from "./track.ts";
import { heldSegments } from "./views.ts";

type Stated = { parent: CommittedCut; committed: CommittedCut };

/** What a worker that holds with a checkpoint serves of its trees: worked out again from the segments, once. */
export class StatedLeaves {
  readonly #replica: Replica;
  readonly #consensus: Consensus;
  /** By tree and hash of the checkpoint; entries are at hand. */
  readonly #known = new Map<string, { number: number; leaves: readonly Bytes[] }>();

  constructor(replica: Replica, consensus: Consensus) {
    this.#replica = replica;
    this.#consensus = consensus;
  }

  /** Undefined of a checkpoint that is not on record, or no more held, or that says something else than follows here. */
  page({ number, hash, tree, first }: TreeRequest): TreePage | undefined {
    const of = this.#statedBy(number, hash);
    if (!of) return undefined;
    if (tree === "entries") {
      const { leaves, more } = treePageOf(tree, of.committed.cut.entries, first);
      return { leaves: leaves.map(encodeEntry), more };
    }
    const leaves = this.#leaves(tree, of);
    return leaves && treePageOf(tree, leaves, first);
  }

  /** One that is believed here, with what it goes on from. Of what is wrong nobody is told anything: whoever attested says it. */
  #statedBy(number: number, hash: Bytes): Stated | undefined {
    const committed = this.#consensus.committed(number);
    if (number === 0 || !committed?.cut || !equal(committed.hash, hash) || this.#consensus.views.isWrong(committed))
      return undefined;
    const parent = this.#consensus.committed(committed.parent);
    if (!parent?.cut || committed.cut.countSince(parent.cut) !== committed.checkpoint.segmentCount) return undefined;
    return { parent: parent as CommittedCut, committed: committed as CommittedCut };
  }

  #leaves(tree: "trace" | "segments", { parent, committed }: Stated): readonly Bytes[] | undefined {
    const name = `${tree} ${toHex(committed.hash)}`;
    const known = this.#known.get(name)?.leaves;
    if (known) return known;
    const leaves = undefinedOn("unknown_segment", () =>
      tree === "trace" ? this.#trace(parent, committed) : this.#headers(parent, committed),
    );
    if (!leaves) return undefined;
    const { next } = this.#consensus;
    for (const [old, one] of this.#known) if (one.number + KEPT_CUTS < next) this.#known.delete(old);
    this.#known.set(name, { number: committed.checkpoint.number, leaves });
    return leaves;
  }

  #trace(parent: CommittedCut, { cut, checkpoint }: CommittedCut): readonly Bytes[] | undefined {
    const { crypto } = this.#replica;
    const memories = this.#consensus.views.of(parent);
    if (!memories) return undefined;
    const after = memoriesAfter({ cut: parent.cut, memories }, cut, heldSegments(this.#replica));
    const trace = [...after].map(({ root }) => root);
    return equal(traceTree(crypto, trace).root, checkpoint.memoryTraceRoot) ? trace : undefined;
  }

  #headers(parent: CommittedCut, { cut, checkpoint }: CommittedCut): readonly Bytes[] | undefined {
    const { root } = segmentsTree(this.#replica.crypto, parent.cut, cut, heldSegments(this.#replica));
    if (!equal(root, checkpoint.segmentsRoot)) return undefined;
    return [...cut.segmentsSince(parent.cut)].map((at) => {
      const track = this.#replica.track(at) as Track;
      return writeHeader(new Writer(), (track.signedAt(at.sequence) as SignedHeader).header).done();
    });
  }
}

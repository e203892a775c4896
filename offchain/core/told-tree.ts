import { type Bytes, equal } from "./bytes.ts";
import type { DataAt, LeafAt } from "./cut-proof.ts";
import { WeftError } from "./errors.ts";
import type { Hashing } from "./ports.ts";
import { SparseTree } from "./sparse-tree.ts";
import { emptyRoots, leafHash, type TreeKind } from "./tree.ts";

/**
 * A tree of a checkpoint as whoever attested to it states it: what each leaf that is not empty is the hash of. True or not,
 * it is what the root says.
 */
export class ToldTree {
  readonly #h: Hashing;
  readonly #kind: TreeKind;
  readonly #tree: SparseTree<Bytes>;

  /**
   * @param leaves by their index, none of them empty
   * @throws WeftError `bad_root` unless they hash to `root`, `out_of_range` for a place that the tree does not have
   */
  constructor(h: Hashing, kind: TreeKind, root: Bytes, leaves: ReadonlyMap<number, Bytes>) {
    const sorted = [...leaves].sort(([a], [b]) => a - b);
    const indices = sorted.map(([index]) => index);
    if (indices.some((index) => !Number.isInteger(index) || index < 0 || index >= 2 ** kind.depth))
      throw new WeftError("out_of_range", `a leaf is outside the ${kind.name} tree`, { field: kind.name });
    const empty = SparseTree.empty<Bytes>({ tree: kind, hash: (by, data) => leafHash(by, kind, data) });
    this.#h = h;
    this.#kind = kind;
    this.#tree = empty.update(indices, (_, n) => sorted[n][1]);
    if (!equal(this.#tree.root(h), root))
      throw new WeftError("bad_root", `these are not the leaves of the ${kind.name} tree`, { field: kind.name });
  }

  /** The indices of the leaves that are not empty, ascending. */
  *indices(): Generator<number> {
    for (const [index] of this.#tree.entries()) yield index;
  }

  get(index: number): Bytes | undefined {
    return this.#tree.get(index);
  }

  proof(index: number): Bytes[] {
    return this.#tree.proof(this.#h, index);
  }

  leafAt(index: number): LeafAt {
    const data = this.get(index);
    const leaf = data ? leafHash(this.#h, this.#kind, data) : emptyRoots(this.#h, this.#kind)[0];
    return { index, leaf, proof: this.proof(index) };
  }

  /** @throws WeftError `out_of_range` where there is no leaf */
  dataAt(index: number): DataAt {
    const data = this.get(index);
    if (!data) throw new WeftError("out_of_range", `there is no leaf at ${index}`, { field: this.#kind.name });
    return { index, data, proof: this.proof(index) };
  }
}

import { MerkleTree } from "merkletreejs";
import type { Bytes } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import type { Hashing } from "./ports.ts";
import { emptyRoots, NODE, nodeHash, type TreeKind } from "./tree.ts";

/** Of the dense bottom of a tree over so many leaves. */
export function listHeight(count: number): number {
  return count <= 1 ? 0 : Math.ceil(Math.log2(count));
}

/**
 * A tree over a list that is known whole. merkletreejs builds the dense bottom, padded to a power of two with empty
 * leaves; above it the other side is always an empty subtree, up to the fixed depth.
 */
export class ListTree {
  readonly root: Bytes;
  readonly #h: Hashing;
  readonly #kind: TreeKind;
  readonly #count: number;
  readonly #dense?: MerkleTree;
  readonly #height: number;

  constructor(h: Hashing, kind: TreeKind, leaves: readonly Bytes[]) {
    if (leaves.length > 2 ** kind.depth)
      throw new WeftError("too_large", `${leaves.length} leaves do not fit the ${kind.name} tree`);
    this.#h = h;
    this.#kind = kind;
    this.#count = leaves.length;
    this.#height = listHeight(leaves.length);
    const empty = emptyRoots(h, kind);
    if (leaves.length === 0) {
      this.root = empty[kind.depth];
      return;
    }
    let node = leaves[0];
    if (leaves.length > 1) {
      const padded = [...leaves];
      while (padded.length < 2 ** this.#height) padded.push(empty[0]);
      const tag = Uint8Array.of(NODE | kind.tag);
      this.#dense = new MerkleTree(padded as Buffer[], (pair: Bytes) => Buffer.from(h.keccak256(tag, pair)), {
        hashLeaves: false,
        sortPairs: false,
      });
      node = new Uint8Array(this.#dense.getRoot());
    }
    for (let level = this.#height; level < kind.depth; level++) node = nodeHash(h, kind, node, empty[level]);
    this.root = node;
  }

  /** The siblings of leaf `index`, bottom up, exactly as many as the tree is deep. */
  proof(index: number): Bytes[] {
    if (index < 0 || index >= this.#count)
      throw new WeftError("out_of_range", `index ${index} is outside the ${this.#count} leaves`, { field: "index" });
    const dense = this.#dense?.getProof(this.#dense.getLeaf(index), index) ?? [];
    const siblings: Bytes[] = dense.map((step) => new Uint8Array(step.data));
    const empty = emptyRoots(this.#h, this.#kind);
    for (let level = this.#height; level < this.#kind.depth; level++) siblings.push(empty[level]);
    return siblings;
  }
}

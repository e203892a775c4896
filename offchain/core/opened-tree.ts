import { type Bytes, equal } from "./bytes.ts";
import { undefinedOn } from "./errors.ts";
import type { Hashing } from "./ports.ts";
import type { ToldTree } from "./told-tree.ts";
import { leafHash, rootOf, type TreeKind } from "./tree.ts";

/** A tree of a checkpoint of which only some leaves were shown, each with its siblings. */
export class OpenedTree implements Pick<ToldTree, "get" | "proof"> {
  readonly #h: Hashing;
  readonly #kind: TreeKind;
  readonly #root: Bytes;
  readonly #leaves = new Map<number, { data: Bytes; proof: readonly Bytes[] }>();

  constructor(h: Hashing, kind: TreeKind, root: Bytes) {
    this.#h = h;
    this.#kind = kind;
    this.#root = root;
  }

  /** Says whether it stands there. */
  add(index: number, data: Bytes, proof: readonly Bytes[]): boolean {
    const leaf = leafHash(this.#h, this.#kind, data);
    const root = undefinedOn("bad_proof", () => rootOf(this.#h, this.#kind, leaf, index, proof));
    if (!root || !equal(root, this.#root)) return false;
    this.#leaves.set(index, { data, proof });
    return true;
  }

  /** In the order in which they were shown. */
  get indices(): readonly number[] {
    return [...this.#leaves.keys()];
  }

  get(index: number): Bytes | undefined {
    return this.#leaves.get(index)?.data;
  }

  /** Of one that was shown. */
  proof(index: number): Bytes[] {
    return [...(this.#leaves.get(index)?.proof ?? [])];
  }
}

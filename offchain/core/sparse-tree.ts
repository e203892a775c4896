import { type Bytes, equal } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import type { Hashing } from "./ports.ts";
import { emptyRoots, nodeHash, type TreeKind } from "./tree.ts";

/** One shape for all nodes, whatever they hold: engines read them several times faster than nodes of many shapes. */
class Node<Leaf> {
  readonly left: Node<Leaf> | undefined;
  readonly right: Node<Leaf> | undefined;
  readonly leaf: Leaf | undefined;
  hash: Bytes | undefined;

  constructor(left: Node<Leaf> | undefined, right: Node<Leaf> | undefined, leaf: Leaf | undefined) {
    this.left = left;
    this.right = right;
    this.leaf = leaf;
    this.hash = undefined;
  }
}

/** How a leaf is hashed, and in which tree. */
export type LeafKind<Leaf> = { readonly tree: TreeKind; hash(h: Hashing, leaf: Leaf): Bytes };

/** What becomes of the leaf, or none, at the n-th index of a list. */
type Update<Leaf> = (leaf: Leaf | undefined, n: number) => Leaf | undefined;

/**
 * A persistent tree of fixed depth: an update makes new nodes along one path and shares all others, so that every
 * earlier state stays readable at the price of what has changed. Nodes are hashed when their root is asked for, once.
 */
export class SparseTree<Leaf> {
  readonly #kind: LeafKind<Leaf>;
  readonly #root: Node<Leaf> | undefined;

  private constructor(kind: LeafKind<Leaf>, root: Node<Leaf> | undefined) {
    this.#kind = kind;
    this.#root = root;
  }

  static empty<Leaf>(kind: LeafKind<Leaf>): SparseTree<Leaf> {
    return new SparseTree<Leaf>(kind, undefined);
  }

  get isEmpty(): boolean {
    return this.#root === undefined;
  }

  get(index: number): Leaf | undefined {
    let node = this.#root;
    let within = index;
    for (let level = this.#kind.tree.depth - 1; node && level >= 0; level--) {
      const half = HALVES[level];
      if (within < half) node = node.left;
      else {
        node = node.right;
        within -= half;
      }
    }
    return node?.leaf;
  }

  /** The tree with another leaf at `index`, or none. */
  set(index: number, leaf: Leaf | undefined): SparseTree<Leaf> {
    return this.update([index], () => leaf);
  }

  /** The tree with another leaf, or none, at each index. @param indices ascending @param to by index in that list */
  update(indices: readonly number[], to: Update<Leaf>): SparseTree<Leaf> {
    if (indices.length > 0 && !(indices[0] >= 0 && indices[indices.length - 1] < 2 ** this.#kind.tree.depth))
      throw new WeftError("out_of_range", `an index is outside the ${this.#kind.tree.name} tree`, { field: "index" });
    return new SparseTree(this.#kind, changed(this.#root, this.#kind.tree.depth, 0, indices, to, 0, indices.length));
  }

  root(h: Hashing): Bytes {
    return this.#hash(h, this.#root, this.#kind.tree.depth);
  }

  #hash(h: Hashing, node: Node<Leaf> | undefined, level: number): Bytes {
    const { tree } = this.#kind;
    if (!node) return emptyRoots(h, tree)[level];
    node.hash ??=
      node.leaf !== undefined
        ? this.#kind.hash(h, node.leaf)
        : nodeHash(h, tree, this.#hash(h, node.left, level - 1), this.#hash(h, node.right, level - 1));
    return node.hash;
  }

  /** The siblings of the leaf at `index`, bottom up. */
  proof(h: Hashing, index: number): Bytes[] {
    const siblings: Bytes[] = [];
    let node = this.#root;
    let within = index;
    for (let level = this.#kind.tree.depth - 1; level >= 0; level--) {
      const isRight = within >= HALVES[level];
      siblings.push(this.#hash(h, isRight ? node?.left : node?.right, level));
      node = isRight ? node?.right : node?.left;
      if (isRight) within -= HALVES[level];
    }
    return siblings.reverse();
  }

  /** Leaves by ascending index; of those that `before` has as well, the same object or of the same hash, none. */
  *entries(
    before: SparseTree<Leaf> = SparseTree.empty(this.#kind),
  ): Generator<[index: number, leaf: Leaf | undefined]> {
    yield* differences(before.#root, this.#root, this.#kind.tree.depth, 0);
  }

  /** Leaves by ascending index, from this one on. */
  *from(first: number): Generator<[index: number, leaf: Leaf]> {
    const open: [node: Node<Leaf> | undefined, level: number, at: number][] = [[this.#root, this.#kind.tree.depth, 0]];
    for (let next = open.pop(); next; next = open.pop()) {
      const [node, level, at] = next;
      if (!node || at + 2 ** level <= first) continue;
      if (node.leaf !== undefined) yield [at, node.leaf];
      else open.push([node.right, level - 1, at + 2 ** (level - 1)], [node.left, level - 1, at]);
    }
  }
}

/** Leaves under the left side of a node, by the level of its children. */
const HALVES = Array.from({ length: 53 }, (_, level) => 2 ** level);

/** A subtree with the changes from `at` up to `end`, all of which are its own. @param first index of its first leaf */
function changed<Leaf>(
  node: Node<Leaf> | undefined,
  level: number,
  first: number,
  indices: readonly number[],
  to: Update<Leaf>,
  at: number,
  end: number,
): Node<Leaf> | undefined {
  if (at === end) return node;
  if (level === 0) {
    const leaf = to(node?.leaf, at);
    return leaf === undefined ? undefined : new Node(undefined, undefined, leaf);
  }
  const middle = first + HALVES[level - 1];
  let split = at;
  while (split < end && indices[split] < middle) split++;
  const left = changed(node?.left, level - 1, first, indices, to, at, split);
  const right = changed(node?.right, level - 1, middle, indices, to, split, end);
  return left || right ? new Node(left, right, undefined) : undefined;
}

/** Where two trees differ: subtrees that they share, or that are known to be equal, are not entered. A leaf that is gone is undefined. */
function* differences<Leaf>(
  before: Node<Leaf> | undefined,
  after: Node<Leaf> | undefined,
  level: number,
  first: number,
): Generator<[number, Leaf | undefined]> {
  if (before === after || (before?.hash && after?.hash && equal(before.hash, after.hash))) return;
  if (level === 0) {
    yield [first, after?.leaf];
    return;
  }
  yield* differences(before?.left, after?.left, level - 1, first);
  yield* differences(before?.right, after?.right, level - 1, first + HALVES[level - 1]);
}

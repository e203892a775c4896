import { type Bytes, equal } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import type { Hashing } from "./ports.ts";
import { emptyRoots, nodeHash, type TreeKind } from "./tree.ts";

/**
 * A leaf, at level 0, or the lowest node above several. What would have one child only is left out, so a tree costs by its
 * leaves and not by its depth. One shape for all, whatever they hold: engines read them several times faster than many.
 */
class Node<Leaf> {
  readonly level: number;
  /** Index of the first leaf that it has room for. */
  readonly first: number;
  readonly left: Node<Leaf> | undefined;
  readonly right: Node<Leaf> | undefined;
  readonly leaf: Leaf | undefined;
  /** Of the subtree of this height that has nothing else in it. */
  hash: Bytes | undefined;
  height: number;

  constructor(level: number, first: number, left?: Node<Leaf>, right?: Node<Leaf>, leaf?: Leaf) {
    this.level = level;
    this.first = first;
    this.left = left;
    this.right = right;
    this.leaf = leaf;
    this.hash = undefined;
    this.height = level;
  }
}

/** How a leaf is hashed, and in which tree. */
export type LeafKind<Leaf> = {
  readonly tree: TreeKind;
  hash(h: Hashing, leaf: Leaf): Bytes;
  /** Whether two are known to be equal, by what was hashed before. */
  areEqual?(a: Leaf, b: Leaf): boolean;
};

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
    while (node && node.level > 0) node = isRightAt(index, node.level - 1) ? node.right : node.left;
    return node?.first === index ? node.leaf : undefined;
  }

  /** The tree with another leaf at `index`, or none. */
  set(index: number, leaf: Leaf | undefined): SparseTree<Leaf> {
    return this.update([index], () => leaf);
  }

  /** The tree with another leaf, or none, at each index. @param indices ascending @param to by index in that list */
  update(indices: readonly number[], to: Update<Leaf>): SparseTree<Leaf> {
    if (indices.length > 0 && !(indices[0] >= 0 && indices[indices.length - 1] < 2 ** this.#kind.tree.depth))
      throw new WeftError("out_of_range", `an index is outside the ${this.#kind.tree.name} tree`, { field: "index" });
    return new SparseTree(this.#kind, changed(this.#root, indices, to, 0, indices.length));
  }

  root(h: Hashing): Bytes {
    return this.#hash(h, this.#root, this.#kind.tree.depth);
  }

  /** Of the subtree of this height that has nothing in it but this node. */
  #hash(h: Hashing, node: Node<Leaf> | undefined, height: number): Bytes {
    const { tree } = this.#kind;
    if (node?.hash && node.height === height) return node.hash;
    const empty = emptyRoots(h, tree);
    if (!node) return empty[height];
    const { leaf, left, right, level, first } = node;
    let hash =
      leaf !== undefined
        ? this.#kind.hash(h, leaf)
        : nodeHash(h, tree, this.#hash(h, left, level - 1), this.#hash(h, right, level - 1));
    for (let at = level; at < height; at++)
      hash = isRightAt(first, at) ? nodeHash(h, tree, empty[at], hash) : nodeHash(h, tree, hash, empty[at]);
    node.hash = hash;
    node.height = height;
    return hash;
  }

  /** The siblings of the leaf at `index`, bottom up. */
  proof(h: Hashing, index: number): Bytes[] {
    const siblings: Bytes[] = [];
    let node = this.#root;
    for (let level = this.#kind.tree.depth - 1; level >= 0; level--) {
      const [left, right] = sidesOf(node, level + 1);
      const isRight = isRightAt(index, level);
      siblings.push(this.#hash(h, isRight ? left : right, level));
      node = isRight ? right : left;
    }
    return siblings.reverse();
  }

  /** Leaves by ascending index; of those that `before` is known to have as well, none. */
  *entries(
    before: SparseTree<Leaf> = SparseTree.empty(this.#kind),
  ): Generator<[index: number, leaf: Leaf | undefined]> {
    yield* differences(this.#kind, before.#root, this.#root);
  }

  /** Whether the other is known to be the same, by what was hashed before. */
  isKnownToEqual(other: SparseTree<Leaf>): boolean {
    if (!this.#root || !other.#root) return this.#root === other.#root;
    return areKnownEqual(this.#kind, this.#root, other.#root);
  }

  /** Leaves by ascending index, from this one on. */
  *from(first: number): Generator<[index: number, leaf: Leaf]> {
    const open = [this.#root];
    while (open.length > 0) {
      const node = open.pop();
      if (!node || node.first + SPANS[node.level] <= first) continue;
      if (node.leaf !== undefined) yield [node.first, node.leaf];
      else open.push(node.right, node.left);
    }
  }
}

/** Leaves under a node, by its level. */
const SPANS = Array.from({ length: 54 }, (_, level) => 2 ** level);

/** On which side the path to an index goes, down to this level. */
const isRightAt = (index: number, level: number): boolean => Math.floor(index / SPANS[level]) % 2 === 1;

const lastOf = ({ first, level }: Node<unknown>): number => first + SPANS[level] - 1;

/** Of the lowest node above both. @param from a level that is known not to be above it */
function levelAbove(first: number, last: number, from = 0): number {
  let level = from;
  while (Math.floor(first / SPANS[level]) !== Math.floor(last / SPANS[level])) level++;
  return level;
}

/** What a node has on either side, or is, seen from a level that is not below it. */
function sidesOf<Leaf>(node: Node<Leaf> | undefined, level: number): [Node<Leaf> | undefined, Node<Leaf> | undefined] {
  if (!node || node.level === level) return [node?.left, node?.right];
  return isRightAt(node.first, level - 1) ? [undefined, node] : [node, undefined];
}

/** A subtree with the changes from `at` up to `end`, all of which are its own. */
function changed<Leaf>(
  node: Node<Leaf> | undefined,
  indices: readonly number[],
  to: Update<Leaf>,
  at: number,
  end: number,
): Node<Leaf> | undefined {
  if (at === end) return node;
  const [least, most] = [indices[at], indices[end - 1]];
  const level = node
    ? levelAbove(Math.min(least, node.first), Math.max(most, lastOf(node)), node.level)
    : levelAbove(least, most);
  if (level === 0) {
    const leaf = to(node?.leaf, at);
    return leaf === undefined ? undefined : new Node(0, least, undefined, undefined, leaf);
  }
  const first = Math.floor(least / SPANS[level]) * SPANS[level];
  let split = at;
  while (split < end && indices[split] < first + SPANS[level - 1]) split++;
  const sides = sidesOf(node, level);
  const left = changed(sides[0], indices, to, at, split);
  const right = changed(sides[1], indices, to, split, end);
  return left && right ? new Node(level, first, left, right) : (left ?? right);
}

/** Where two trees differ: subtrees that they share, or that are known to be equal, are not entered. A leaf that is gone is undefined. */
function* differences<Leaf>(
  kind: LeafKind<Leaf>,
  before: Node<Leaf> | undefined,
  after: Node<Leaf> | undefined,
): Generator<[number, Leaf | undefined]> {
  if (before === after || (before && after && areKnownEqual(kind, before, after))) return;
  const [one, other] = [before ?? after, after ?? before] as [Node<Leaf>, Node<Leaf>];
  const [first, last] = [Math.min(one.first, other.first), Math.max(lastOf(one), lastOf(other))];
  const level = levelAbove(first, last, Math.max(one.level, other.level));
  if (level === 0) {
    yield [one.first, after?.leaf];
    return;
  }
  const [was, is] = [sidesOf(before, level), sidesOf(after, level)];
  yield* differences(kind, was[0], is[0]);
  yield* differences(kind, was[1], is[1]);
}

/** By the leaves themselves, or by hashes of the same subtree. */
function areKnownEqual<Leaf>(kind: LeafKind<Leaf>, a: Node<Leaf>, b: Node<Leaf>): boolean {
  if (a === b) return true;
  if (a.leaf !== undefined && b.leaf !== undefined && a.first === b.first)
    if (a.leaf === b.leaf || kind.areEqual?.(a.leaf, b.leaf)) return true;
  if (!a.hash || !b.hash || a.height !== b.height) return false;
  return Math.floor(a.first / SPANS[a.height]) === Math.floor(b.first / SPANS[b.height]) && equal(a.hash, b.hash);
}

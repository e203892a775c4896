import type { Bytes } from "./bytes.ts";
import type { Hashing } from "./ports.ts";
import { emptyRoots, nodeHash, type TreeKind } from "./tree.ts";

type Node<Leaf> = { readonly left?: Node<Leaf>; readonly right?: Node<Leaf>; readonly leaf?: Leaf; hash?: Bytes };

/** How a leaf is hashed, and in which tree. */
export type LeafKind<Leaf> = { readonly tree: TreeKind; hash(h: Hashing, leaf: Leaf): Bytes };

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
    for (let level = this.#kind.tree.depth - 1; node && level >= 0; level--)
      node = bit(index, level) ? node.right : node.left;
    return node?.leaf;
  }

  /** The tree with another leaf at `index`, or none. */
  set(index: number, leaf: Leaf | undefined): SparseTree<Leaf> {
    return new SparseTree(this.#kind, this.#set(this.#root, this.#kind.tree.depth, index, leaf));
  }

  #set(node: Node<Leaf> | undefined, level: number, index: number, leaf: Leaf | undefined): Node<Leaf> | undefined {
    if (level === 0) return leaf === undefined ? undefined : { leaf };
    const isRight = bit(index, level - 1);
    const child = this.#set(isRight ? node?.right : node?.left, level - 1, index, leaf);
    const left = isRight ? node?.left : child;
    const right = isRight ? child : node?.right;
    return left || right ? { left, right } : undefined;
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
    for (let level = this.#kind.tree.depth - 1; level >= 0; level--) {
      const isRight = bit(index, level);
      siblings.push(this.#hash(h, isRight ? node?.left : node?.right, level));
      node = isRight ? node?.right : node?.left;
    }
    return siblings.reverse();
  }

  /** Leaves by ascending index; of those that `before` has as well, the same object, none. */
  *entries(
    before: SparseTree<Leaf> = SparseTree.empty(this.#kind),
  ): Generator<[index: number, leaf: Leaf | undefined]> {
    yield* changes(before.#root, this.#root, this.#kind.tree.depth, 0);
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

function bit(index: number, level: number): boolean {
  return Math.floor(index / 2 ** level) % 2 === 1;
}

/** Where two trees differ: subtrees that they share are not entered. A leaf that is gone is undefined. */
function* changes<Leaf>(
  before: Node<Leaf> | undefined,
  after: Node<Leaf> | undefined,
  level: number,
  first: number,
): Generator<[number, Leaf | undefined]> {
  if (before === after) return;
  if (level === 0) {
    if (before?.leaf !== after?.leaf) yield [first, after?.leaf];
    return;
  }
  yield* changes(before?.left, after?.left, level - 1, first);
  yield* changes(before?.right, after?.right, level - 1, first + 2 ** (level - 1));
}

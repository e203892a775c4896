import { type Bytes, equal, isZero } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import type { Hashing } from "./ports.ts";

/**
 * Every tree of Weft has a fixed depth and is directed by index: bit i of the index says on which side the path goes at
 * level i, so a proof proves a place, not only membership. Leaves and nodes are domain-separated by kind; places that
 * hold nothing hold the kind's empty leaf, so an empty tree has a defined root that is not zero.
 */
export type TreeKind = { readonly name: string; readonly tag: number; readonly depth: number };

export const TREE = {
  snapshots: { name: "snapshots", tag: 0x01, depth: 8 },
  segments: { name: "segments", tag: 0x02, depth: 16 },
  cut: { name: "cut", tag: 0x03, depth: 24 },
  context: { name: "context", tag: 0x04, depth: 24 },
  memoryTrace: { name: "memoryTrace", tag: 0x05, depth: 16 },
  memory: { name: "memory", tag: 0x06, depth: 40 },
  /** Of one memory: its rows, order after order. */
  memoryRows: { name: "memoryRows", tag: 0x07, depth: 19 },
} as const satisfies Record<string, TreeKind>;

/** Set in the tag of what is no leaf. */
export const NODE = 0x80;
const TAGS = Array.from({ length: 256 }, (_, tag) => Uint8Array.of(tag));

export function leafHash(h: Hashing, kind: TreeKind, data: Bytes): Bytes {
  if (data.length === 0) throw new WeftError("out_of_range", "a leaf has at least one byte", { field: kind.name });
  return h.keccak256(TAGS[kind.tag], data);
}

export function nodeHash(h: Hashing, kind: TreeKind, left: Bytes, right: Bytes): Bytes {
  return h.keccak256(TAGS[NODE | kind.tag], left, right);
}

const empties = new WeakMap<Hashing, Map<number, Bytes[]>>();

/** Root of an empty subtree of each height: `[0]` is the empty leaf, `[depth]` the empty tree's root. */
export function emptyRoots(h: Hashing, kind: TreeKind): readonly Bytes[] {
  let byTag = empties.get(h);
  if (!byTag) {
    byTag = new Map();
    empties.set(h, byTag);
  }
  let roots = byTag.get(kind.tag);
  if (!roots) {
    roots = [h.keccak256(Uint8Array.of(kind.tag))];
    for (let level = 0; level < kind.depth; level++) roots.push(nodeHash(h, kind, roots[level], roots[level]));
    byTag.set(kind.tag, roots);
  }
  return roots;
}

export function emptyRoot(h: Hashing, kind: TreeKind): Bytes {
  return emptyRoots(h, kind)[kind.depth];
}

/** The root that `leaf` at `index` has with these siblings, bottom up. @throws WeftError `bad_proof` */
export function rootOf(h: Hashing, kind: TreeKind, leaf: Bytes, index: number, proof: readonly Bytes[]): Bytes {
  if (proof.length !== kind.depth)
    throw new WeftError("bad_proof", `a ${kind.name} proof has ${kind.depth} siblings, not ${proof.length}`);
  if (!Number.isInteger(index) || index < 0 || index >= 2 ** kind.depth)
    throw new WeftError("bad_proof", `index ${index} is outside the ${kind.name} tree`);
  let node = leaf;
  let place = index;
  for (const sibling of proof) {
    node = place % 2 === 1 ? nodeHash(h, kind, sibling, node) : nodeHash(h, kind, node, sibling);
    place = Math.floor(place / 2);
  }
  return node;
}

export function verifyProof(
  h: Hashing,
  kind: TreeKind,
  root: Bytes,
  leaf: Bytes,
  index: number,
  proof: readonly Bytes[],
): boolean {
  return !isZero(root) && equal(rootOf(h, kind, leaf, index, proof), root);
}

/**
 * A tree that only grows, of which nothing is kept but the peaks: the roots of its maximal full subtrees, largest first.
 * There is one peak per set bit of the length.
 */
export class AppendTree {
  readonly #h: Hashing;
  readonly #kind: TreeKind;
  #length: number;
  #peaks: Bytes[];
  #root?: Bytes;

  constructor(h: Hashing, kind: TreeKind, length = 0, peaks: readonly Bytes[] = []) {
    if (!Number.isInteger(length) || length < 0 || length > 2 ** kind.depth - 1)
      throw new WeftError("out_of_range", `length ${length} is outside the ${kind.name} tree`, { field: "length" });
    if (bitCount(length) !== peaks.length)
      throw new WeftError("malformed", `length ${length} has ${bitCount(length)} peaks, not ${peaks.length}`, {
        field: "peaks",
      });
    this.#h = h;
    this.#kind = kind;
    this.#length = length;
    this.#peaks = [...peaks];
  }

  get length(): number {
    return this.#length;
  }

  get peaks(): readonly Bytes[] {
    return this.#peaks;
  }

  append(leaf: Bytes): void {
    if (this.#length >= 2 ** this.#kind.depth - 1)
      throw new WeftError("too_large", `the ${this.#kind.name} tree is full`, { field: "length" });
    let node = leaf;
    for (let rest = this.#length; rest % 2 === 1; rest = Math.floor(rest / 2))
      node = nodeHash(this.#h, this.#kind, this.#peaks.pop() as Bytes, node);
    this.#peaks.push(node);
    this.#length += 1;
    this.#root = undefined;
  }

  get root(): Bytes {
    this.#root ??= this.#fold();
    return this.#root;
  }

  #fold(): Bytes {
    const empty = emptyRoots(this.#h, this.#kind);
    let node: Bytes | undefined;
    let next = this.#peaks.length - 1;
    for (let level = 0; level < this.#kind.depth; level++) {
      if (Math.floor(this.#length / 2 ** level) % 2 === 1)
        node = nodeHash(this.#h, this.#kind, this.#peaks[next--], node ?? empty[level]);
      else if (node) node = nodeHash(this.#h, this.#kind, node, empty[level]);
    }
    return node ?? empty[this.#kind.depth];
  }

  clone(): AppendTree {
    const copy = new AppendTree(this.#h, this.#kind, this.#length, this.#peaks);
    copy.#root = this.#root;
    return copy;
  }
}

function bitCount(value: number): number {
  let count = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

import type { Bytes } from "./bytes.ts";
import { Writer } from "./bytes.ts";
import type { Hashing } from "./ports.ts";
import { AppendTree, emptyRoots, leafHash, nodeHash, TREE } from "./tree.ts";

/** The append-only tree over the token ids of a conversation from its beginning. */
export class Context {
  readonly #h: Hashing;
  readonly #tree: AppendTree;

  private constructor(h: Hashing, tree: AppendTree) {
    this.#h = h;
    this.#tree = tree;
  }

  static empty(h: Hashing): Context {
    return new Context(h, new AppendTree(h, TREE.context));
  }

  static of(h: Hashing, tokens: Iterable<number>): Context {
    return Context.empty(h).append(tokens);
  }

  /** @throws WeftError when there is not one peak per set bit of `length`. */
  static fromPeaks(h: Hashing, length: number, peaks: readonly Bytes[]): Context {
    return new Context(h, new AppendTree(h, TREE.context, length, peaks));
  }

  get length(): number {
    return this.#tree.length;
  }

  get peaks(): readonly Bytes[] {
    return this.#tree.peaks;
  }

  get root(): Bytes {
    return this.#tree.root;
  }

  append(tokens: Iterable<number>): this {
    for (const token of tokens) this.#tree.append(contextLeaf(this.#h, token));
    return this;
  }

  clone(): Context {
    return new Context(this.#h, this.#tree.clone());
  }
}

/**
 * What stands beside a range of a context: level by level from the bottom up, left before right.
 * @param start where the ids that are known begin, and the peaks of the context up to there
 * @param ids from `start` up to the end of the context
 * @param from first position of the range, not before `start`
 * @param end the position after it, not after the end of the context
 */
export function rangeProof(
  h: Hashing,
  start: { length: number; peaks: readonly Bytes[] },
  ids: readonly number[],
  from: number,
  end: number,
): Bytes[] {
  const length = start.length + ids.length;
  const empty = emptyRoots(h, TREE.context);
  /** The peak of each height. A subtree beside the range that ends at or before `start` is one of them. */
  const peaks = new Map<number, Bytes>();
  for (let level = TREE.context.depth - 1; level >= 0; level--)
    if (Math.floor(start.length / 2 ** level) % 2 === 1) peaks.set(level, start.peaks[peaks.size]);
  const node = (level: number, index: number): Bytes => {
    const first = index * 2 ** level;
    if (first >= length) return empty[level];
    if (first + 2 ** level <= start.length) return peaks.get(level) as Bytes;
    if (level === 0) return contextLeaf(h, ids[first - start.length]);
    return nodeHash(h, TREE.context, node(level - 1, 2 * index), node(level - 1, 2 * index + 1));
  };
  const siblings: Bytes[] = [];
  let [left, right] = [from, end - 1];
  for (let level = 0; level < TREE.context.depth; level++) {
    if (left % 2 === 1) siblings.push(node(level, left - 1));
    if (right % 2 === 0) siblings.push(node(level, right + 1));
    left = Math.floor(left / 2);
    right = Math.floor(right / 2);
  }
  return siblings;
}

export function contextLeaf(h: Hashing, token: number): Bytes {
  return leafHash(h, TREE.context, new Writer().u32(token).done());
}

import type { Bytes } from "./bytes.ts";
import { Writer } from "./bytes.ts";
import type { Hashing } from "./ports.ts";
import { AppendTree, leafHash, TREE } from "./tree.ts";

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

export function contextLeaf(h: Hashing, token: number): Bytes {
  return leafHash(h, TREE.context, new Writer().u32(token).done());
}

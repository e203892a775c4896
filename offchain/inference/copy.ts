import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { WeftError } from "../core/errors.ts";
import type { KvCache } from "./cache.ts";
import type { Engine, ForwardOptions, Logits } from "./engine.ts";
import type { ModelInfo } from "./model.ts";
import type { Tokenizer } from "./tokenizer.ts";

export const COPY_MODEL = "weft-copy";
/** Ends what is copied, and the copy. */
export const COPY_END = 0;
const MAX_POSITIONS = 4_096;
/** Far above the others at any temperature. */
const CERTAIN = 2 ** 30;

/** A cache that is the tokens themselves: the model has no rows. */
class CopyCache implements KvCache {
  readonly tokens: number[];

  constructor(tokens: number[] = []) {
    this.tokens = tokens;
  }

  get length(): number {
    return this.tokens.length;
  }

  rows(): Uint8Array {
    return new Uint8Array(0);
  }

  attach(): void {
    throw new WeftError("malformed", "this model has no rows", { field: "rows" });
  }

  truncate(length: number): void {
    this.tokens.length = Math.min(length, this.tokens.length);
  }

  clone(): CopyCache {
    return new CopyCache([...this.tokens]);
  }

  compact(): void {}
}

/**
 * A model that copies: after tokens that end with `COPY_END` it says the same tokens again, and ends. Exact, and whoever
 * has the tokens has verified them. A text is taught to a memory by having it written.
 */
export function createCopier(tokenizer: Tokenizer): Engine {
  const { vocab } = tokenizer;
  const model: ModelInfo = {
    id: new Uint8Array(createHash("sha256").update(COPY_MODEL).digest()),
    name: COPY_MODEL,
    class: "exact",
    vocab,
    maxPositions: MAX_POSITIONS,
    rowBytes: 0,
    endTokens: [COPY_END],
    samplerK: 0,
    tolerance: 0,
    tokenizer,
  };
  const isUnknown = (id: number) => !Number.isInteger(id) || id < 0 || id >= vocab;
  const next = (tokens: readonly number[], length: number): number => {
    const end = tokens.indexOf(COPY_END);
    if (end < 0 || end >= length) return COPY_END;
    return tokens[length - end - 1];
  };
  return {
    model,
    createCache: () => new CopyCache(),
    async forward(cache: KvCache, tokens: ArrayLike<number>, { allLogits, signal }: ForwardOptions = {}) {
      if (!(cache instanceof CopyCache))
        throw new WeftError("foreign_cache", "this cache was made by another engine", { field: "cache" });
      // The event loop is let go, as with models that have something to compute.
      await setImmediate();
      if (signal?.aborted) throw new WeftError("aborted", "the forward pass was aborted", { cause: signal.reason });
      const fed = Array.from(tokens);
      if (fed.length === 0 || cache.length + fed.length > MAX_POSITIONS || fed.some(isUnknown))
        throw new WeftError("out_of_range", "no tokens, too many, or tokens that the model has not", {
          field: "tokens",
        });
      const first = allLogits ? cache.length + 1 : cache.length + fed.length;
      cache.tokens.push(...fed);
      const logits: Logits = new Int32Array((cache.length - first + 1) * vocab);
      for (let length = first; length <= cache.length; length++)
        logits[(length - first) * vocab + next(cache.tokens, length)] = CERTAIN;
      return logits;
    },
    async close() {},
  };
}

import { endianness } from "node:os";
import { Tensor } from "onnxruntime-node";
import { WeftError } from "../core/errors.ts";
import type { Hashing } from "../core/ports.ts";
import { type CacheShape, type KvCache, RowCache, WorkingSets } from "./cache.ts";
import type { ExactModel } from "./exact/compile.ts";
import { type LoadedModel, loadModel, type ModelInfo } from "./model.ts";

/** Integers of exact models, floats of tolerant ones; `[positions][vocab]` when all were asked for. */
export type Logits = Int32Array | Float32Array;

export interface ForwardOptions {
  /** Return the logits of every token fed instead of those of the last one. */
  allLogits?: boolean;
  /** Looked at before every chunk. */
  signal?: AbortSignal;
}

export interface Engine {
  readonly model: ModelInfo;
  /** Manifest and constants of a compiled model: what its tokens are proven right or wrong with. */
  readonly exact?: ExactModel;
  createCache(): KvCache;
  /**
   * Feeds tokens at positions cache.length onwards, in chunks, and appends their rows to the cache.
   * Any number of sequences may be under way; their chunks take turns, one at a time. All or nothing: when it rejects, the
   * cache is as it was.
   *
   * @throws WeftError `out_of_range` (field `tokens`: none, not below vocab, or beyond maxPositions), `foreign_cache`,
   *   `busy` (a forward of this cache is under way), `aborted` (cause: the signal's reason), `closed`,
   *   `inexact` (an exact model gave something else than integers), `inference_failed`
   */
  forward(cache: KvCache, tokens: ArrayLike<number>, options?: ForwardOptions): Promise<Logits>;
  /** Lets the chunk under way end, then frees the model. What still waits rejects with `closed`. */
  close(): Promise<void>;
}

export interface EngineOptions {
  /** Threads within an operator; 1 lets many workers share a machine. */
  threads?: number;
  /** New positions per run, 1..4096; 64 is as fast as larger ones on weft-austen and holds the event loop for 11 ms. */
  chunk?: number;
}

/**
 * Loads a model folder. The event loop stands still for the load and for each chunk (ONNX Runtime's binding is
 * synchronous), so whoever must answer within milliseconds keeps big models in a thread of their own.
 * Throws what `loadModel` throws, `out_of_range` (threads, chunk).
 */
export async function createEngine(folder: string, hashing: Hashing, options: EngineOptions = {}): Promise<Engine> {
  const chunk = options.chunk ?? 64;
  if (!Number.isInteger(chunk) || chunk < 1 || chunk > 4_096)
    throw new WeftError("out_of_range", `chunk = ${chunk} is not in 1..4096`, { field: "chunk" });
  if (endianness() !== "LE")
    throw new WeftError("unsupported", "canonical rows are little-endian and this processor is not", {
      field: "rowEncoding",
      remedy: "run on x86-64 or arm64",
    });
  return new OnnxEngine(await loadModel(folder, hashing, { threads: options.threads ?? 1 }), chunk);
}

class OnnxEngine implements Engine {
  readonly model: ModelInfo;
  readonly exact?: ExactModel;
  readonly #loaded: LoadedModel;
  readonly #shape: CacheShape;
  readonly #sets: WorkingSets;
  readonly #chunk: number;
  readonly #scratch: Float32Array;
  readonly #names: { past: string; present: string }[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(loaded: LoadedModel, chunk: number) {
    const { layers, kvHeads, headDim, maxPositions, rowEncoding, vocab } = loaded.config;
    this.model = loaded.info;
    this.exact = loaded.exact;
    this.#loaded = loaded;
    this.#shape = { layers, kvHeads, headDim, maxPositions, encoding: rowEncoding };
    this.#sets = new WorkingSets(this.#shape);
    this.#chunk = chunk;
    this.#scratch = new Float32Array(chunk * vocab);
    for (let layer = 0; layer < layers; layer++)
      for (const part of ["key", "value"])
        this.#names.push({ past: `past_key_values.${layer}.${part}`, present: `present.${layer}.${part}` });
  }

  createCache(): KvCache {
    return new RowCache(this.#shape, this.#sets);
  }

  async forward(cache: KvCache, tokens: ArrayLike<number>, options: ForwardOptions = {}): Promise<Logits> {
    // The shape object is this engine's own: rows of another model would fit and mean nothing.
    if (!(cache instanceof RowCache) || cache.shape !== this.#shape)
      throw new WeftError("foreign_cache", "this cache was made by another engine", {
        field: "cache",
        remedy: "attach its rows to a cache of this engine, if both run the same model",
      });
    const ids = this.#checked(cache, tokens);
    const { vocab } = this.model;
    const size = options.allLogits ? ids.length * vocab : vocab;
    const logits = this.model.class === "exact" ? new Int32Array(size) : new Float32Array(size);
    const { rollback, unlock } = cache.lock();
    try {
      for (let first = 0; first < ids.length; first += this.#chunk) {
        const part = ids.subarray(first, first + this.#chunk);
        await this.#inTurn(async () => {
          if (options.signal?.aborted)
            throw new WeftError("aborted", "the forward pass was aborted", { cause: options.signal.reason });
          const all = await this.#run(cache, part);
          if (options.allLogits) this.#copyLogits(all, logits, first * vocab);
          else if (first + part.length === ids.length) this.#copyLogits(all.subarray(-vocab), logits, 0);
        });
      }
      return logits;
    } catch (error) {
      rollback();
      throw error;
    } finally {
      unlock();
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#last.then(() => this.#loaded.session.release());
    return this.#closing;
  }

  /**
   * First come, first served, one run at a time. Runs started together would not be faster (the binding blocks) but would
   * keep sockets and timers waiting for all of them.
   */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      if (this.#closing !== undefined) throw new WeftError("closed", "the engine is closed", { field: "engine" });
      return work();
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #checked(cache: RowCache, tokens: ArrayLike<number>): BigInt64Array {
    const { vocab, maxPositions } = this.model;
    const fault = (why: string) => new WeftError("out_of_range", why, { field: "tokens" });
    if (tokens.length === 0) throw fault("no tokens to feed");
    if (cache.length + tokens.length > maxPositions)
      throw fault(`${cache.length} + ${tokens.length} positions, the model has ${maxPositions}`);
    const ids = new BigInt64Array(tokens.length);
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i]!;
      if (!Number.isInteger(token) || token < 0 || token >= vocab) throw fault(`token ${token} is not below ${vocab}`);
      ids[i] = BigInt(token);
    }
    return ids;
  }

  /** One run; the result is a view of the scratch buffer, good until the turn ends. */
  async #run(cache: RowCache, ids: BigInt64Array): Promise<Float32Array> {
    const { kvHeads, headDim } = this.#shape;
    const { vocab } = this.model;
    const count = ids.length;
    const before = cache.length;
    const after = before + count;
    const past = cache.past();
    const target = cache.target(count);
    const logits = this.#scratch.subarray(0, count * vocab);
    const feeds: Record<string, Tensor> = { input_ids: new Tensor("int64", ids, [1, count]) };
    if (this.#loaded.takesPositions)
      feeds.position_ids = new Tensor(
        "int64",
        BigInt64Array.from(ids, (_id, i) => BigInt(before + i)),
        [1, count],
      );
    if (this.#loaded.takesMask)
      feeds.attention_mask = new Tensor("int64", new BigInt64Array(after).fill(1n), [1, after]);
    const fetches: Record<string, Tensor> = { logits: new Tensor("float32", logits, [1, count, vocab]) };
    for (const [i, name] of this.#names.entries()) {
      feeds[name.past] = new Tensor("float32", past[i]!, [1, kvHeads, before, headDim]);
      fetches[name.present] = new Tensor("float32", target.views[i]!, [1, kvHeads, after, headDim]);
    }
    try {
      await this.#loaded.session.run(feeds, fetches);
      cache.accept(target.set, count);
    } catch (cause) {
      cache.abandon(target.set);
      if (cause instanceof WeftError) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new WeftError("inference_failed", `ONNX Runtime: ${why}`, { field: "model.onnx", cause });
    }
    return logits;
  }

  #copyLogits(from: Float32Array, to: Logits, at: number): void {
    if (this.model.class === "exact")
      for (const value of from)
        if (value !== (value | 0))
          throw new WeftError("inexact", `an exact model gave the logit ${value}`, {
            field: "logits",
            remedy: "use a model and a provider that compute exactly",
          });
    to.set(from, at);
  }
}

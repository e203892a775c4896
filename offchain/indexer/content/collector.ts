import { setTimeout as sleep } from "node:timers/promises";
import type { CheckpointPart } from "../../api/ports.ts";
import type { Bytes } from "../../core/bytes.ts";
import { codeOf, WeftError } from "../../core/errors.ts";
import type { Crypto } from "../../core/ports.ts";
import type { ContentStore } from "./store.ts";
import { type Advanced, type CheckedHeader, checkCut, checkHeaders, checkSegment, type Roots } from "./verify.ts";
import { fetchPage } from "./workers.ts";

export type CollectorOptions = {
  crypto: Crypto;
  /** EIP-712 domain separator of the ledger. */
  separator: Bytes;
  store: ContentStore;
  workers: readonly string[];
  /** Keys that the registry ever named, as operator:signer; asked for again when one is not among them. */
  keys(): Promise<Set<string>>;
  /** What a worker served was not what is committed, or it did not answer. */
  onTrouble(worker: string, checkpoint: number, error: unknown): void;
  onCollected(checkpoint: number, snapshots: number): void;
};

const POLL_MS = 250;
const AT_ONCE = 8;
const BATCH = 64;
/** Between looks at everything; the last few are looked at with every poll. */
const SWEEP_MS = 10_000;
const RETRY_MS = { least: 500, most: 60_000 };
/** Larger cuts and lists of headers are not held in memory. */
const MOST_ITEMS = 2 ** 18;

/**
 * Brings what committed checkpoints contain from workers into the store. What a worker serves is checked against the
 * committed roots before it is kept, so that it does not matter which worker is asked; one that fails is passed over.
 */
export class Collector {
  readonly #o: CollectorOptions;
  readonly #deferred = new Map<string, { until: number; failures: number }>();
  readonly #stopped = new AbortController();
  #keys = new Set<string>();
  #newest = 0;
  #sweptAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(options: CollectorOptions) {
    this.#o = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const found = await this.#round().catch((error: unknown) => {
        this.#o.onTrouble("the database", this.#newest, error);
        return false;
      });
      if (!found) await sleep(POLL_MS, undefined, { signal: this.#stopped.signal }).catch(() => {});
    }
  }

  /** True when there may be more to do at once. */
  async #round(): Promise<boolean> {
    const now = performance.now();
    const sweeps = now - this.#sweptAt >= SWEEP_MS;
    const since = sweeps ? 0 : Math.max(0, this.#newest - BATCH);
    const deferred = [...this.#deferred].filter(([, { until }]) => until > now).map(([hash]) => hash);
    const missing = await this.#o.store.missing(since, deferred, BATCH);
    if (sweeps && missing.length < BATCH) this.#sweptAt = now;
    for (let at = 0; at < missing.length && !this.#stopped.signal.aborted; at += AT_ONCE)
      await Promise.all(missing.slice(at, at + AT_ONCE).map((roots) => this.#collect(roots)));
    return missing.length > 0;
  }

  async #collect(roots: Roots & { done: number }): Promise<void> {
    this.#newest = Math.max(this.#newest, roots.number);
    try {
      await this.#fetch(roots, roots.done);
      this.#deferred.delete(roots.hash);
    } catch (error) {
      const failures = (this.#deferred.get(roots.hash)?.failures ?? -1) + 1;
      const wait = Math.min(RETRY_MS.most, RETRY_MS.least * 2 ** failures);
      this.#deferred.set(roots.hash, { until: performance.now() + wait, failures });
      if (codeOf(error) !== "worker_failed") this.#o.onTrouble("all workers", roots.number, error);
    }
  }

  async #fetch(roots: Roots, done: number): Promise<void> {
    const { crypto, separator, store, onCollected } = this.#o;
    if (roots.segmentCount === 0) {
      await store.keep(roots, [], [], 0, []);
      return onCollected(roots.number, 0);
    }
    if (Math.max(roots.entryCount, roots.segmentCount) > MOST_ITEMS)
      throw new WeftError("too_large", `checkpoint ${roots.number} has too many tracks to be collected`);
    const advanced = await this.#whole(
      roots,
      "cut",
      async (items): Promise<Advanced[]> => checkCut(crypto, roots, items),
    );
    const headers = await this.#whole(roots, "headers", (items) => this.#headers(roots, items));
    let snapshots = 0;
    for (let from = done; from < roots.segmentCount; ) {
      const segments = await this.#first(roots, async (worker) => {
        const { items } = await fetchPage(worker, "segments", roots, from);
        if (items.length === 0 || from + items.length > headers.length)
          throw new WeftError("content_refused", "a page of segments is empty, or goes too far");
        return items.map((bytes, i) => checkSegment(crypto, separator, headers[from + i], bytes));
      });
      await store.keep(roots, advanced, headers, from, segments);
      from += segments.length;
      for (const segment of segments) snapshots += segment.snapshots.length;
    }
    onCollected(roots.number, snapshots);
  }

  async #headers(roots: Roots, items: readonly Bytes[]): Promise<CheckedHeader[]> {
    const { crypto, separator } = this.#o;
    const isKeyOf = (operator: string, signer: string) => this.#keys.has(`${operator}:${signer}`);
    try {
      return checkHeaders(crypto, separator, roots, items, isKeyOf);
    } catch {
      // Perhaps a key that was registered meanwhile.
      this.#keys = await this.#o.keys();
      return checkHeaders(crypto, separator, roots, items, isKeyOf);
    }
  }

  /** All pages of a part from one worker, checked; the next worker where that fails. */
  #whole<T>(roots: Roots, part: CheckpointPart, check: (items: Bytes[]) => Promise<T>): Promise<T> {
    const count = part === "cut" ? roots.entryCount : roots.segmentCount;
    return this.#first(roots, async (worker) => {
      const all: Bytes[] = [];
      let next: number | null = 0;
      while (next !== null && all.length < count) {
        const page = await fetchPage(worker, part, roots, next);
        for (const item of page.items) all.push(item);
        next = page.next;
        if (page.items.length === 0) break;
      }
      return check(all);
    });
  }

  /** What the first worker gives that succeeds. They take turns at being asked first. */
  async #first<T>(roots: Roots, ask: (worker: string) => Promise<T>): Promise<T> {
    const { workers, onTrouble } = this.#o;
    for (let i = 0; i < workers.length; i++) {
      const worker = workers[(roots.number + i) % workers.length];
      try {
        return await ask(worker);
      } catch (error) {
        onTrouble(worker, roots.number, error);
      }
    }
    throw new WeftError("worker_failed", `no worker serves what checkpoint ${roots.number} contains`);
  }
}

import { type Bytes, equal, toHex } from "./bytes.ts";
import type { Consensus } from "./consensus.ts";
import type { Cut } from "./cut.ts";
import type { Errand, Errands } from "./errands.ts";
import { WeftError } from "./errors.ts";
import type { Effect } from "./events.ts";
import { Memories } from "./memories.ts";
import { FIRST_CELL, isBefore, type MemoryCursor, type MemoryPage, withPart } from "./memory-page.ts";
import type { Hashing } from "./ports.ts";
import type { Retention } from "./retention.ts";

/** What is taken of all memories together from peers, before the root says whether it is true. */
export const LIMIT_MEMORIES_BYTES = 2 ** 30;
const RETRY_MS = 400;
const LATEST_MS = 60_000;

/** What has come of the memories as of one checkpoint. */
type Partial = {
  number: number;
  hash: Bytes;
  cut: Cut;
  memories: Memories;
  from: MemoryCursor;
  bytes: number;
  /** Whose pages these are, in hexadecimal. */
  by: Set<string>;
};

/**
 * Fetches the memories as of the latest checkpoint, page by page, where they cannot be worked out from what is held. One peer
 * after another is asked, each as long as it answers; the whole is believed only when it has the committed root.
 */
export class MemoryFetch {
  readonly #hashing: Hashing;
  readonly #consensus: Consensus;
  readonly #errands: Errands;
  readonly #retention: Pick<Retention, "owed">;
  #partial: Partial | undefined;
  /** Who is being asked. */
  #peer: Bytes | undefined;
  /** Who did not have it, did not answer, or had a part in what was false, in hexadecimal. */
  readonly #passed = new Set<string>();
  #failures = 0;
  #notBefore = 0;

  constructor(hashing: Hashing, consensus: Consensus, errands: Errands, retention: Pick<Retention, "owed">) {
    this.#hashing = hashing;
    this.#consensus = consensus;
    this.#errands = errands;
    this.#retention = retention;
  }

  tick(now: number): Effect[] {
    if (this.#errands.isBusy("memory")) return [];
    if (this.#peer) this.#pass(this.#peer); // the question was given up
    this.#partial = this.#wanted();
    if (!this.#partial) this.#begin();
    if (!this.#partial || now < this.#notBefore) return [];
    const peer = this.#errands.anybody("memory").find((one) => !this.#passed.has(toHex(one)));
    return peer ? this.#ask(peer, now) : this.#exhausted(now);
  }

  /** What has been begun, as long as it is of use, or the latest. */
  #wanted(): Partial | undefined {
    const { latest, views } = this.#consensus;
    const { checkpoint, hash, cut } = latest;
    if (views.of(latest)) return undefined;
    if (this.#partial && this.#isCommitted(this.#partial)) return this.#partial;
    if (!cut || !views.isLost(latest, this.#retention.owed)) return undefined;
    const nothing = { memories: Memories.empty(this.#hashing), from: FIRST_CELL, bytes: 0, by: new Set<string>() };
    return { number: checkpoint.number, hash, cut, ...nothing };
  }

  #isCommitted({ number, hash }: Partial): boolean {
    const committed = this.#consensus.committed(number);
    return committed !== undefined && equal(committed.hash, hash) && this.#consensus.standing.includes(number);
  }

  /** Whatever is wanted next, everybody may be asked for it at once. */
  #begin(): void {
    this.#passed.clear();
    this.#failures = 0;
    this.#notBefore = 0;
  }

  #pass(peer: Bytes): void {
    this.#passed.add(toHex(peer));
    this.#peer = undefined;
  }

  /** Everybody was asked: of a checkpoint that is not the latest any more nobody may have it. */
  #exhausted(now: number): Effect[] {
    if (this.#passed.size === 0) return []; // nobody is up
    this.#passed.clear();
    if (this.#partial && this.#partial.number !== this.#consensus.latest.checkpoint.number) this.#partial = undefined;
    this.#failures += 1;
    this.#notBefore = now + Math.min(LATEST_MS, RETRY_MS * 2 ** this.#failures);
    return [];
  }

  #ask(peer: Bytes, now: number): Effect[] {
    const { number, from } = this.#partial as Partial;
    const effects = this.#errands.send({ kind: "memory", peer, number, from }, "memory", now);
    if (effects.length > 0) this.#peer = peer;
    return effects;
  }

  /** @param page undefined: the peer has not got it */
  take({ peer, number, from }: Errand & { kind: "memory" }, page: MemoryPage | undefined, size: number, now: number) {
    const partial = this.#partial;
    this.#peer = undefined;
    if (!partial || partial.number !== number || !this.#isCommitted(partial)) return [];
    if (!page) {
      this.#pass(peer);
      return [];
    }
    partial.by.add(toHex(peer));
    partial.bytes += size;
    if (page.next && !isBefore(from, page.next)) return this.#refuse(peer, "the page does not go on");
    if (partial.bytes > LIMIT_MEMORIES_BYTES) return this.#refuse(peer, "the memories are larger than anybody takes");
    for (const part of page.parts) partial.memories = withPart(this.#hashing, partial.memories, part);
    if (page.next) {
      partial.from = page.next;
      // Hashed piece by piece: not all at once in the end.
      void partial.memories.root;
      return this.#ask(peer, now);
    }
    const committed = this.#consensus.committed(number);
    if (!committed || !equal(partial.memories.root, committed.checkpoint.memoryRoot))
      return this.#refuse(peer, "these are not the committed memories");
    this.#consensus.views.learn(number, partial.cut, partial.memories);
    this.#partial = undefined;
    this.#begin();
    return [];
  }

  /** Of several that had a part in it, it is not known who lied: next time it is others' turn. */
  #refuse(peer: Bytes, why: string): Effect[] {
    for (const name of this.#partial?.by ?? []) this.#passed.add(name);
    this.#partial = undefined;
    return [{ type: "fault", kind: "memory", operator: peer, error: new WeftError("bad_root", why) }];
  }
}

import { type Bytes, equal, toHex, utf8 } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import { WeftError } from "../core/errors.ts";
import type { Hashing } from "../core/ports.ts";
import type { TaughtTable } from "../store/taught.ts";
import type { OwnMemory } from "./memory-catalog.ts";
import type { Taught, Teacher } from "./teacher.ts";

export type TaughtJson = { id: Hex; tokens: number; turns: Hex[]; authors: Hex[] };

export type TaughtOnceOptions = {
  hashing: Hashing;
  teacher: Pick<Teacher, "partsOf" | "teach">;
  table: Pick<TaughtTable, "find" | "begin" | "end">;
  /** In ms since 1970. */
  time(): number;
};

export const taughtJson = ({ id }: OwnMemory, { tokens, turns, authors }: Taught): TaughtJson => ({
  ...{ id: toHex(id), tokens },
  ...{ turns: turns.map(toHex), authors: authors.map(toHex) },
});

/**
 * Teaches what a client names by a key of its own no more than once: who asks again is told what came of it, and where nothing
 * did, since the worker died, what is lacking is written.
 */
export class TaughtOnce {
  readonly #o: TaughtOnceOptions;
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(options: TaughtOnceOptions) {
    this.#o = options;
  }

  /** @throws WeftError `key_reused` when another text, or memory, was named by the key; what the teacher throws */
  async teach(
    requester: Bytes,
    memory: OwnMemory,
    text: string,
    key: string,
    signal: AbortSignal,
  ): Promise<TaughtJson> {
    const { hashing, teacher, table, time } = this.#o;
    teacher.partsOf(text); // what cannot be taught needs no key
    const name = `${toHex(requester)} ${key}`;
    for (let earlier = this.#running.get(name); earlier; earlier = this.#running.get(name))
      await earlier.catch(() => {}); // why it failed was said to who asked then
    const asked = hashing.sha256(memory.id, utf8(text));
    const known = table.find(requester, key, time());
    if (known && !equal(known.asked, asked))
      throw new WeftError("key_reused", "another text was taught under this key", {
        field: "idempotency-key",
        remedy: "choose a new key for a new text",
      });
    if (known?.outcome) return JSON.parse(known.outcome);
    if (!known) table.begin(requester, key, asked, time());
    const seed = hashing.keccak256(utf8("weft taught"), requester, asked, utf8(key));
    const running = teacher.teach(requester, memory, text, signal, seed).then((taught) => {
      const outcome = taughtJson(memory, taught);
      table.end(requester, key, JSON.stringify(outcome));
      return outcome;
    });
    this.#running.set(name, running);
    try {
      return await running;
    } finally {
      this.#running.delete(name);
    }
  }
}

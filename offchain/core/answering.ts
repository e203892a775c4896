import { type Bytes, equal, toHex } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import type { GenerateEvent, GenerateOrder } from "./generate.ts";
import type { MemoryDefinition } from "./memory-definition.ts";
import type { Replica } from "./replica.ts";

/**
 * One answer as its gateway receives it, author after author, until it is complete. Nobody is asked for leave: whoever is
 * ordered next continues what the client has been shown (L5).
 */
export class Answering {
  readonly ids: number[] = [];
  readonly turns: Bytes[] = [];
  readonly tried: Bytes[] = [];
  readonly #base: Omit<GenerateOrder, "answered" | "continues">;
  readonly #vocab: number;

  /** @param vocab how many token ids the model has */
  constructor(base: Omit<GenerateOrder, "answered" | "continues">, vocab: number) {
    this.#base = base;
    this.#vocab = vocab;
  }

  /** The memory that is taught what is answered. */
  get learn(): MemoryDefinition | undefined {
    return this.#base.learn;
  }

  /** What the next author is to do. */
  order(author: Bytes): GenerateOrder {
    this.tried.push(author);
    return { ...this.#base, answered: [...this.ids], continues: this.turns.at(-1) };
  }

  /** @throws WeftError `out_of_order` when an author does not follow what it was ordered; its own code when it gave up. */
  take(event: GenerateEvent): void {
    const { request } = this.#base;
    switch (event.type) {
      case "opened":
        this.turns.push(event.turn);
        break;
      case "tokens":
        if (event.first !== request.after.length + this.ids.length)
          throw new WeftError("out_of_order", "the author's tokens do not follow one another");
        if (this.ids.length + event.ids.length > request.maxLength || event.ids.some((id) => id >= this.#vocab))
          throw new WeftError("out_of_order", "the author writes more than was asked for, or no tokens of the model");
        this.ids.push(...event.ids);
        break;
      case "closed":
        if (this.ids.length === 0 || event.length !== request.after.length + this.ids.length)
          throw new WeftError("out_of_order", "the author closes another answer than it has written");
        break;
      case "failed":
        throw new WeftError(event.code, event.message);
    }
  }

  /** Who of these is to write on: nobody who has tried, who contradicted himself or is out; who has least to do first. */
  next(candidates: readonly Bytes[], replica: Replica, rank: (one: Bytes) => number): Bytes | undefined {
    const fit = candidates.filter(
      (one) =>
        !this.tried.some((other) => equal(other, one)) &&
        !replica.registry.isEnded(one) &&
        !replica.evidence.has(toHex(one)),
    );
    const tie = (one: Bytes) => toHex(replica.crypto.keccak256(this.#base.request.nonce, one));
    return fit.sort((a, b) => rank(a) - rank(b) || (tie(a) < tie(b) ? -1 : 1))[0];
  }
}

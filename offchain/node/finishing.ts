import { type Bytes, equal } from "../core/bytes.ts";
import type { Conversations } from "../core/conversations.ts";
import type { Pens } from "../core/pens.ts";
import type { Replica } from "../core/replica.ts";
import type { Turn } from "../core/turn.ts";
import { unfinished } from "../core/unfinished.ts";
import type { Author } from "./author.ts";

export type FinishingOptions = {
  replica: Replica;
  conversations: Conversations;
  pens: Pens;
  author: Pick<Author, "generate">;
  onFault(kind: string, operator: Bytes | undefined, error: unknown): void;
};

/** After a start, how long others' tracks are let come in before open turns are finished. */
const FINISH_AFTER_MS = 2_000;

/** Finishes what an earlier process of this worker left open. */
export class Finishing {
  readonly #o: FinishingOptions;
  #stage: "tracks come in" | "turns are finished" | "done" = "tracks come in";

  constructor(options: FinishingOptions) {
    this.#o = options;
  }

  /** @returns what stops it, unless it has begun */
  start(): () => void {
    const timer = setTimeout(() => void this.#finish(), FINISH_AFTER_MS);
    return () => clearTimeout(timer);
  }

  /** Whether something of before may still come in, or is being finished here: this turn, or any. */
  mayChange(turn: Turn | undefined): boolean {
    if (this.#stage !== "turns are finished") return this.#stage === "tracks come in";
    return turn !== undefined && equal(turn.track.operator, this.#o.replica.self);
  }

  async #finish(): Promise<void> {
    const { replica, conversations, pens, author, onFault } = this.#o;
    this.#stage = "turns are finished";
    for (const order of unfinished(replica, conversations, (track) => pens.has(track)))
      try {
        for await (const _event of author.generate(replica.self, order, new AbortController().signal));
      } catch (error) {
        onFault("finish", undefined, error);
      }
    this.#stage = "done";
  }
}

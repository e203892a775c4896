import { setTimeout as sleep } from "node:timers/promises";
import type { Hex } from "../../../offchain/core/chain.ts";
import { type Ask, assertWhole, type Seen, stream } from "./client.ts";

export type Answered = { ask: Ask; seen: Seen };

const OPENINGS = [
  "The carriage stopped before the house. ",
  '"I am not at all surprised," said she, ',
  "Of the family at the great house little was known. ",
  "He rose early, and walked out alone. ",
];

/** Clients that ask and ask, one answer after another, every second one a continuation of their last story. */
export class Load {
  readonly answers: Answered[] = [];
  readonly #clients: Promise<void>[];
  #stopped = false;

  /** @param authors whom the clients ask for, in turn */
  constructor(url: string, authors: readonly Hex[], clients: number, tokens: number, pauseMs: number) {
    this.#clients = Array.from({ length: clients }, async (_, client) => {
      let story = "";
      for (let round = 0; !this.#stopped; round++) {
        const prompt =
          round % 2 === 0 ? `${OPENINGS[(client + round) % OPENINGS.length]}${client}.${round} ` : `${story}. `;
        const author = authors[(client + round) % authors.length];
        const ask: Ask = { prompt, max_tokens: tokens, temperature: 0.7, weft: { author } };
        const seen = await stream(url, ask);
        assertWhole(ask, seen);
        this.answers.push({ ask, seen });
        story = prompt + seen.text;
        await sleep(pauseMs);
      }
    });
    // Whoever stops the load hears of it.
    for (const client of this.#clients) client.catch(() => {});
  }

  /** Lets everybody finish the sentence. Throws what a client would have complained about. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
  }
}

/** Works through `items`, some at a time. */
export async function inParallel<T>(
  items: readonly T[],
  workers: number,
  work: (item: T, worker: number) => Promise<void>,
) {
  const left = items.values();
  await Promise.all(
    Array.from({ length: workers }, async (_, worker) => {
      for (const item of left) await work(item, worker);
    }),
  );
}

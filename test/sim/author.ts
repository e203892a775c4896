import type { Bytes } from "../../offchain/core/bytes.ts";
import type { Consensus } from "../../offchain/core/consensus.ts";
import { Context } from "../../offchain/core/context.ts";
import { codeOf } from "../../offchain/core/errors.ts";
import type { GenerateEvent, GenerateOrder } from "../../offchain/core/generate.ts";
import { checkOrder } from "../../offchain/core/order.ts";
import type { ParentFinder } from "../../offchain/core/parents.ts";
import type { Pens } from "../../offchain/core/pens.ts";
import type { Hashing } from "../../offchain/core/ports.ts";
import { type Reading, readingOf } from "../../offchain/core/reading.ts";
import { type Request, requestId } from "../../offchain/core/request.ts";
import type { CloseReason } from "../../offchain/core/snapshot.ts";
import { Writing } from "../../offchain/core/writing.ts";
import { computed, END, heeding, MODEL, ROW_BYTES, tokenAt } from "./model.ts";
import type { Process } from "./process.ts";

export type AuthorHost = {
  process: Process;
  hashing: Hashing;
  consensus: Consensus;
  pens: Pens;
  parents: ParentFinder;
  tokenMs: number;
  /** A token was drawn for a request that reads a memory. */
  onDrawn(id: Bytes, request: Request, context: readonly number[], token: number): void;
};

/** Writes turns as a worker's author does, on a model that needs no time but is given some. */
export class SimAuthor {
  readonly #host: AuthorHost;
  /** Turns being written. */
  load = 0;
  /** Tokens drawn: what a partition must not slow down. */
  written = 0;

  constructor(host: AuthorHost) {
    this.#host = host;
  }

  /** Calls `emit` until the answer is closed or refused. Calling what comes back stops it. */
  generate(order: GenerateOrder, emit: (event: GenerateEvent) => void): () => void {
    const { process, hashing, consensus, pens, parents, tokenMs, onDrawn } = this.#host;
    const { request, prompt, answered } = order;
    let reading: Reading | undefined;
    try {
      checkOrder(hashing, MODEL, order);
      reading = readingOf(consensus, request);
    } catch (error) {
      emit({ type: "failed", code: codeOf(error), message: String(error) });
      return () => {};
    }
    const id = requestId(hashing, request);
    const drawn = (context: readonly number[]) =>
      tokenAt(hashing, id, context.length, request.memory && heeding(reading, context));
    // The copier answers for carried tokens as for its own: it recomputes them before it signs.
    const wrong = answered.findIndex((token, i) => token !== drawn([...prompt, ...answered.slice(0, i)]));
    if (wrong >= 0) {
      emit({ type: "failed", code: "carried_mismatch", message: `not what the model says at ${wrong}` });
      return () => {};
    }
    const tokens = [...prompt, ...answered];
    const parent = parents.find(order);
    const start = Context.of(hashing, tokens.slice(0, parent?.position ?? 0));
    const pen = pens.current;
    const { turn, place } = pen.open({
      type: "open",
      requestId: id,
      request,
      parent,
      start: { length: start.length, peaks: start.peaks },
      continues: order.continues,
    });
    const carriedEnd = tokens.length;
    const rows = { rowBytes: ROW_BYTES, held: false, computed: computed(tokens) };
    const writing = new Writing({ hashing, turn, request, start, carriedEnd, tokens, learn: order.learn, ...rows });
    pen.add(writing, place);
    this.load += 1;
    let over = false;
    const stop = () => {
      if (over) return;
      over = true;
      this.load -= 1;
      pen.flush();
      pen.remove(writing);
    };
    const ending = (): CloseReason | undefined => {
      if (tokens.length > prompt.length && tokens[tokens.length - 1] === END) return "end";
      return tokens.length - prompt.length >= request.maxLength ? "length" : undefined;
    };
    const step = () => {
      if (over) return;
      if (!ending()) {
        const token = drawn(tokens);
        if (request.memory) onDrawn(id, request, tokens, token);
        tokens.push(token);
        this.written += 1;
        emit({ type: "tokens", first: tokens.length - 1, ids: tokens.slice(-1) });
      }
      const reason = ending();
      if (!reason) {
        process.after(tokenMs, step, "token");
        return;
      }
      writing.close(reason);
      stop();
      emit({ type: "closed", reason, length: tokens.length });
    };
    emit({ type: "opened", turn, attached: 0, prefilled: tokens.length });
    process.after(tokenMs, step, "token");
    return stop;
  }
}

import type { Admission } from "../core/admission.ts";
import { type Bytes, equal } from "../core/bytes.ts";
import type { Consensus } from "../core/consensus.ts";
import { Context } from "../core/context.ts";
import { WeftError } from "../core/errors.ts";
import type { GenerateEvent, GenerateOrder } from "../core/generate.ts";
import { checkOrder } from "../core/order.ts";
import type { ParentFinder } from "../core/parents.ts";
import type { Pens } from "../core/pens.ts";
import type { Crypto } from "../core/ports.ts";
import { type Reading, readingOf } from "../core/reading.ts";
import type { Replica } from "../core/replica.ts";
import { requestId } from "../core/request.ts";
import type { CloseReason, TurnOpen } from "../core/snapshot.ts";
import type { Turn } from "../core/turn.ts";
import { Writing } from "../core/writing.ts";
import type { KvCache } from "../inference/cache.ts";
import type { Engine, Logits } from "../inference/engine.ts";
import { areOurRows, firstOther } from "./comparing.ts";
import { type Drawn, tokenAfter } from "./next-token.ts";
import { checkProvable } from "./provable.ts";
import type { Piece, RowBook } from "./row-book.ts";
import { StopWatch } from "./stops.ts";

/** Tokens drawn within this time are shown together: a message for each would cost more than drawing it. */
const SHOW_MS = 10;

/** Rows that were signed and are not what the model says: their author's digest is false. */
export class FalseRows extends WeftError {
  readonly piece: Piece;

  constructor(piece: Piece) {
    super("rows_mismatch", "rows of another worker, correctly signed, are not what the model computes", {
      field: "rows",
      remedy: "ask again: the answer will be computed from the tokens",
    });
    this.piece = piece;
  }
}

export type AuthorOptions = {
  crypto: Crypto;
  /** The models that it writes with; a request names one. */
  engines: readonly Engine[];
  replica: Replica;
  consensus: Consensus;
  pens: Pens;
  rows: RowBook;
  parents: ParentFinder;
  admission: Admission;
  onFalseRows(piece: Piece): void;
  now(): number;
  onTokens(count: number): void;
  onOpened(attached: number, prefilled: number): void;
};

/** A turn that is being written: what never changes while it is. */
type Task = { order: GenerateOrder; id: Bytes; engine: Engine; reading: Reading | undefined };

const drawnOf = ({ order: { request }, id, engine, reading }: Task): Drawn => ({
  request,
  id,
  samplerK: engine.model.samplerK,
  reading,
});

/** Writes turns: from an order to tokens, on rows that others computed where they fit. */
export class Author {
  readonly #options: AuthorOptions;

  constructor(options: AuthorOptions) {
    this.#options = options;
  }

  /**
   * Shows tokens at once; seals only what rests on rows computed here.
   * @param gateway the operator that ordered it
   * @throws WeftError when the order is refused.
   */
  async *generate(gateway: Bytes, order: GenerateOrder, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    const { crypto, engines, consensus } = this.#options;
    const engine = engines.find(({ model }) => equal(model.id, order.request.model)) ?? engines[0];
    checkOrder(crypto, engine.model, order);
    const reading = readingOf(consensus, order.request);
    if (reading) checkProvable(engine.model, reading.memory.definition);
    const leave = this.#options.admission.enter(gateway);
    try {
      yield* this.#write({ order, id: requestId(crypto, order.request), engine, reading }, signal);
    } finally {
      leave();
    }
  }

  async *#write(task: Task, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    const { crypto, pens, rows, replica } = this.#options;
    const { order, id, engine } = task;
    const { request } = order;
    const tokens = [...order.prompt, ...order.answered];
    const carriedEnd = tokens.length;

    const sources = [order.continues, order.parent].map((turn) => turn && replica.turn(turn)).filter(Boolean) as Turn[];
    // The last token is always fed: its logits are where the answer goes on.
    const pieces = order.recompute
      ? []
      : rows.adoptable(tokens.slice(0, -1), request.requester, request.model, sources);
    const cache = engine.createCache();
    for (const piece of pieces) cache.attach(piece.first, piece.rows);
    const attached = cache.length;

    const parent = this.#options.parents.find(order);
    const start = Context.of(crypto, tokens.slice(0, parent?.position ?? 0));
    const open: TurnOpen = {
      type: "open",
      requestId: id,
      request,
      parent,
      start: { length: start.length, peaks: start.peaks },
      continues: order.continues,
    };
    const pen = pens.current;
    const { turn, place } = pen.open(open);
    const check = new AbortController();
    const untrusted = pieces.some((piece) => !piece.trusted) || order.answered.length > 0;
    const verified = untrusted ? this.#verify(task, pieces, tokens.slice(0, carriedEnd), check.signal) : undefined;
    let failure: unknown;
    verified?.catch((error) => {
      failure = error;
    });
    const writing = new Writing({
      hashing: crypto,
      turn,
      request,
      start,
      carriedEnd,
      tokens,
      computed: cache,
      rowBytes: engine.model.rowBytes,
      held: verified !== undefined,
      learn: order.learn,
    });
    pen.add(writing, place);
    verified?.then(
      () => {
        writing.held = false;
      },
      () => {},
    );
    try {
      this.#options.onOpened(attached, tokens.length - attached);
      yield { type: "opened", turn, attached, prefilled: tokens.length - attached };
      const reason = yield* this.#continue(task, tokens, cache, signal, () => failure);
      await verified;
      writing.close(reason);
      pen.flush();
      yield { type: "closed", reason, length: tokens.length };
    } catch (error) {
      if (error instanceof FalseRows) this.#options.onFalseRows(error.piece);
      throw error;
    } finally {
      check.abort();
      if (!writing.held) pen.flush();
      pen.remove(writing);
    }
  }

  /** Draws token after token until the answer ends. Whatever is drawn is a function of the request and the position. */
  async *#continue(
    task: Task,
    tokens: number[],
    cache: KvCache,
    signal: AbortSignal,
    failure: () => unknown,
  ): AsyncGenerator<GenerateEvent, CloseReason> {
    const { now, onTokens } = this.#options;
    const { order, engine } = task;
    const { request } = order;
    const stops = new StopWatch(engine.model.tokenizer, request.parameters.stop);
    const ending = (id: number, position: number): CloseReason | undefined => {
      if (stops.push([id])) return "stop";
      if (engine.model.endTokens.includes(id)) return "end";
      return position + 1 - request.after.length >= request.maxLength ? "length" : undefined;
    };
    let reason: CloseReason | undefined;
    for (const [i, id] of order.answered.entries()) {
      if (reason) throw new WeftError("carried_mismatch", "the answer goes on after its end", { field: "answered" });
      reason = ending(id, request.after.length + i);
    }
    let logits = await engine.forward(cache, tokens.slice(cache.length), { signal });
    let shown = tokens.length;
    let shownAt = Number.NEGATIVE_INFINITY;
    while (!reason) {
      if (failure()) throw failure();
      const token = this.#draw(task, logits, tokens);
      tokens.push(token);
      onTokens(1);
      reason = ending(token, tokens.length - 1);
      if (reason || now() - shownAt >= SHOW_MS) {
        yield { type: "tokens", first: shown, ids: tokens.slice(shown) };
        shown = tokens.length;
        shownAt = now();
      }
      // Also the last token is fed: its rows are what a follow-up goes on from.
      logits = await engine.forward(cache, [token], { signal });
    }
    return reason;
  }

  /** @param context the tokens before the one that is drawn */
  #draw(task: Task, logits: Logits, context: readonly number[]): number {
    return tokenAfter(this.#options.crypto, drawnOf(task), logits, context);
  }

  /**
   * Computes again what was taken over: rows must be those that the model says, and carried tokens those that the request
   * draws. Runs beside the writing, which seals nothing until this is done.
   */
  async #verify(task: Task, pieces: readonly Piece[], tokens: readonly number[], signal: AbortSignal): Promise<void> {
    const { rows } = this.#options;
    const { order, engine } = task;
    const { after } = order.request;
    const { rowBytes } = engine.model;
    const clean = engine.createCache();
    for (const piece of pieces) {
      const end = piece.first + piece.rows.length / rowBytes;
      if (!piece.trusted || (order.answered.length > 0 && end >= after.length)) break;
      clean.attach(piece.first, piece.rows);
    }
    const from = clean.length;
    const fed = tokens.slice(from, -1);
    if (fed.length === 0) return;
    const logits = await engine.forward(clean, fed, { allLogits: order.answered.length > 0, signal });
    for (const piece of pieces) {
      const count = piece.rows.length / rowBytes;
      if (piece.first < from || areOurRows(engine.model, clean.rows(piece.first, count), piece.rows)) continue;
      rows.markFalse(piece);
      throw new FalseRows(piece);
    }
    const other = firstOther(this.#options.crypto, engine.model, drawnOf(task), tokens, { logits, from });
    if (other)
      throw new WeftError("carried_mismatch", `the answer so far is not what the model says at ${other.position}`, {
        field: "answered",
        remedy: "ask again from the beginning",
      });
    rows.markVerified(pieces);
  }
}

import type { Bytes } from "./bytes.ts";
import type { Context } from "./context.ts";
import type { MemoryDefinition } from "./memory-definition.ts";
import type { Draft, Source } from "./pen.ts";
import type { Hashing } from "./ports.ts";
import { type Request, requestId } from "./request.ts";
import { LIMIT_ROWS_BYTES } from "./rows.ts";
import type { CloseReason, TokenKind } from "./snapshot.ts";
import { mostLearnt } from "./turn.ts";

/** Tokens of one snapshot at most, and fewer where rows are large: its rows are one message. */
const LIMIT_RUN = 256;
const LIMIT_RUN_BYTES = LIMIT_ROWS_BYTES / 4;

/** Rows of the positions that were computed so far. */
export type Computed = { readonly length: number; rows(first: number, count: number): Bytes };

/** A turn that is being written, as the track's writer sees it: what of it may be sealed now. */
export class Writing implements Source {
  readonly turn: Bytes;
  readonly #h: Hashing;
  readonly #request: Request;
  readonly #carriedEnd: number;
  readonly #tokens: readonly number[];
  readonly #computed: Computed;
  readonly #runLimit: number;
  readonly #start: number;
  readonly #learn?: MemoryDefinition;
  /** Up to where tokens were handed to the writer. */
  readonly #context: Context;
  #close?: CloseReason;
  #closed = false;
  /** While rows of others are not verified, nothing that follows from them is signed. */
  held: boolean;

  /**
   * @param tokens the whole context; grows as the turn is written
   * @param carriedEnd position after the last token that was taken over
   * @param learn the memory that is taught what this turn writes: all of it, and nothing else
   */
  constructor(options: {
    hashing: Hashing;
    turn: Bytes;
    request: Request;
    start: Context;
    carriedEnd: number;
    tokens: readonly number[];
    computed: Computed;
    rowBytes: number;
    held: boolean;
    learn?: MemoryDefinition;
  }) {
    this.#h = options.hashing;
    this.turn = options.turn;
    this.#request = options.request;
    this.#context = options.start.clone();
    this.#carriedEnd = options.carriedEnd;
    this.#tokens = options.tokens;
    this.#computed = options.computed;
    this.#runLimit = Math.max(1, Math.min(LIMIT_RUN, Math.floor(LIMIT_RUN_BYTES / options.rowBytes)));
    this.#start = options.start.length;
    this.#learn = options.learn;
    this.held = options.held;
  }

  /** Nothing more will be written. */
  close(reason: CloseReason): void {
    this.#close = reason;
  }

  /** Everything that this turn says was handed to the writer. */
  get done(): boolean {
    return this.#closed;
  }

  take(): Draft[] {
    if (this.held || this.#closed) return [];
    const drafts: Draft[] = [];
    // A token is signed together with the digest of its rows, so it waits until it was fed.
    const ready = Math.min(this.#computed.length, this.#tokens.length);
    while (this.#context.length < ready) drafts.push(...this.#run(ready));
    if (this.#close && this.#context.length === this.#tokens.length) drafts.push(this.#ending(this.#close));
    return drafts;
  }

  #run(ready: number): Draft[] {
    const first = this.#context.length;
    const { before, after } = this.#request;
    const ends: [number, TokenKind][] = [
      [before.length, "carried"],
      [after.length, "given"],
      [this.#carriedEnd, "carried"],
      [Number.POSITIVE_INFINITY, "written"],
    ];
    const [limit, kind] = ends.find(([end]) => first < end) as [number, TokenKind];
    const learn = kind === "written" ? this.#learn : undefined;
    const most = learn ? Math.min(this.#runLimit, mostLearnt(learn)) : this.#runLimit;
    const end = Math.min(ready, limit, first + most);
    const ids = this.#tokens.slice(first, end);
    const rows = this.#computed.rows(first, end - first);
    const rowsDigest = this.#h.sha256(rows);
    const { root } = this.#context.append(ids);
    const drafts: Draft[] = [
      {
        of: (turn, previous) => ({ type: "tokens", turn, previous, first, kind, root, rowsDigest, ids }),
        // A model may have none.
        rows: rows.length > 0 ? rows : undefined,
      },
    ];
    if (learn) drafts.push(this.#lesson(learn, first, end, root));
    return drafts;
  }

  #lesson(memory: MemoryDefinition, first: number, length: number, root: Bytes): Draft {
    const [start, count] = [this.#start, length - first];
    const of: Draft["of"] = (turn, previous) => ({
      type: "learn",
      turn,
      previous,
      memory,
      start,
      first,
      count,
      length,
      root,
    });
    return { of, isLast: true };
  }

  #ending(reason: CloseReason): Draft {
    this.#closed = true;
    const { root, length } = this.#context;
    const id = requestId(this.#h, this.#request);
    return { of: (turn, previous) => ({ type: "close", turn, previous, requestId: id, length, root, reason }) };
  }
}

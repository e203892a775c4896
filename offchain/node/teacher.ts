import { setTimeout as sleep } from "node:timers/promises";
import { Answering } from "../core/answering.ts";
import { type Bytes, toHex, Writer } from "../core/bytes.ts";
import { Context } from "../core/context.ts";
import type { Conversations } from "../core/conversations.ts";
import { WeftError } from "../core/errors.ts";
import { mayTeach } from "../core/memory-definition.ts";
import type { Crypto } from "../core/ports.ts";
import { type Request, requestId } from "../core/request.ts";
import type { Turn } from "../core/turn.ts";
import { COPY_END } from "../inference/copy.ts";
import type { ModelInfo } from "../inference/model.ts";
import type { Gateway } from "./gateway.ts";
import type { OwnMemory } from "./memory-catalog.ts";

/** Tokens of one turn: few enough that writing it holds nobody up. */
const TURN_TOKENS = 512;
/** Tokens of one text. */
export const LIMIT_TAUGHT = 65_536;
const LOOK_AGAIN_MS = 50;

export type TeacherOptions = {
  crypto: Crypto;
  self: Bytes;
  /** The model that copies. */
  copier: ModelInfo;
  gateway: Pick<Gateway, "write">;
  /** Other workers that could write. */
  up(): readonly Bytes[];
  random(bytes: number): Bytes;
  conversations: Pick<Conversations, "answersTo" | "tokens">;
  /** Whether something that an earlier process began may still come in, or is being finished here: this turn, or any. */
  mayChange(left: Turn | undefined): boolean;
};

type Part = { index: number; ids: readonly number[] };
type Written = { turn: Bytes; author: Bytes };
export type Taught = { tokens: number; turns: Bytes[]; authors: Bytes[] };

/** Teaches texts by having them written: only what somebody has written, and answers for, is ever learnt. */
export class Teacher {
  readonly #o: TeacherOptions;

  constructor(options: TeacherOptions) {
    this.#o = options;
  }

  /** @throws WeftError `too_large`, `out_of_range` */
  partsOf(text: string): Part[] {
    const tokens = this.#o.copier.tokenizer.encode(text);
    const fault = (code: string, message: string) => new WeftError(code, message, { field: "text" });
    if (tokens.length === 0) throw fault("out_of_range", "there is nothing to teach");
    if (tokens.length > LIMIT_TAUGHT)
      throw fault("too_large", `the text has ${tokens.length} tokens, at most ${LIMIT_TAUGHT} are taught at once`);
    if (tokens.includes(COPY_END)) throw fault("out_of_range", "the text has the token in it that ends a text");
    return Array.from({ length: Math.ceil(tokens.length / TURN_TOKENS) }, (_, index) => ({
      index,
      ids: tokens.slice(index * TURN_TOKENS, (index + 1) * TURN_TOKENS),
    }));
  }

  /**
   * Resolves once every part was written: parts go to all workers that may teach the memory, one at a time to each. What
   * was taught is there for requests that name a later checkpoint.
   * @param seed with the same one, only what is not known to be written is; without one, asking twice teaches twice
   * @throws WeftError `too_large`, `out_of_range`, `no_author`
   */
  async teach(requester: Bytes, memory: OwnMemory, text: string, signal: AbortSignal, seed?: Bytes): Promise<Taught> {
    const { self, up, random } = this.#o;
    const nonces = seed ?? random(32);
    const parts = this.partsOf(text);
    const tokens = parts.reduce((sum, { ids }) => sum + ids.length, 0);
    const authors = [self, ...up()].filter((one) => mayTeach(memory.definition, one));
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const told: Written[] = [];
    const work = async (author: Bytes) => {
      for (let part = parts.shift(); part; part = parts.shift()) {
        const request = this.#requestOf(requester, nonces, part);
        const left = seed ? await this.#left(request, part, either) : [];
        told.push(...left.map(({ id, track }): Written => ({ turn: id, author: track.operator })));
        if (!left.at(-1)?.close) told.push(...(await this.#write(request, memory, part, left.at(-1), author, either)));
      }
    };
    try {
      // Where nobody may teach it, the gateway says so.
      await Promise.all((authors.length > 0 ? authors : [self]).map(work));
    } catch (error) {
      failed.abort(error);
      throw error;
    }
    const by = new Map(told.map(({ author }) => [toHex(author), author]));
    return { tokens, turns: told.map(({ turn }) => turn), authors: [...by.values()] };
  }

  /** @param nonces what all of them follow from, so that what was written of a part is known again */
  #requestOf(requester: Bytes, nonces: Bytes, { index, ids }: Part): Request {
    const { crypto, copier } = this.#o;
    const prompt = [...ids, COPY_END];
    return {
      requester,
      nonce: crypto.keccak256(nonces, new Writer().u32(index).done()),
      model: copier.id,
      before: { root: Context.empty(crypto).root, length: 0 },
      after: { root: Context.of(crypto, prompt).root, length: prompt.length },
      parameters: { temperature: 0, stop: [] },
      maxLength: ids.length,
    };
  }

  /** @param left a turn that has the beginning of it, and was left open */
  async #write(
    request: Request,
    memory: OwnMemory,
    { ids }: Part,
    left: Turn | undefined,
    author: Bytes,
    signal: AbortSignal,
  ): Promise<Written[]> {
    const { copier, gateway } = this.#o;
    const prompt = [...ids, COPY_END];
    const answer = new Answering({ request, prompt, learn: memory.definition }, copier.vocab);
    if (left) {
      answer.turns.push(left.id);
      answer.ids.push(...ids.slice(0, Math.max(0, left.context.length - prompt.length)));
    }
    const written: Written[] = [];
    for await (const event of gateway.write(answer, author, signal))
      if (event.type === "authored")
        written.push({ turn: answer.turns.at(-1) as Bytes, author: answer.tried.at(-1) as Bytes });
    if (answer.ids.length !== ids.length || answer.ids.some((id, i) => id !== ids[i]))
      throw new WeftError("carried_mismatch", "an author wrote something else than the text");
    return written;
  }

  /** Turns that have a part or its beginning, the one that has most of it last; none that says something else. */
  async #left(request: Request, { ids }: Part, signal: AbortSignal): Promise<Turn[]> {
    const { crypto, conversations, mayChange } = this.#o;
    const whole = [...ids, COPY_END, ...ids];
    const id = requestId(crypto, request);
    const isOf = (turn: Turn) => {
      const said = conversations.tokens(turn);
      const isWhole = !turn.close || said?.length === whole.length;
      return isWhole && said?.every((one, i) => one === whole[i]);
    };
    const rank = ({ close, context }: Turn) => (close ? whole.length + 1 : context.length);
    for (;;) {
      const turns = [...conversations.answersTo(id)].filter(isOf).sort((a, b) => rank(a) - rank(b));
      if (turns.at(-1)?.close || !mayChange(turns.at(-1))) return turns;
      await sleep(LOOK_AGAIN_MS);
      signal.throwIfAborted();
    }
  }
}

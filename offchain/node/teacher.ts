import { Answering } from "../core/answering.ts";
import { type Bytes, toHex } from "../core/bytes.ts";
import { Context } from "../core/context.ts";
import { WeftError } from "../core/errors.ts";
import { mayTeach } from "../core/memory-definition.ts";
import type { Crypto } from "../core/ports.ts";
import type { Request } from "../core/request.ts";
import { COPY_END } from "../inference/copy.ts";
import type { ModelInfo } from "../inference/model.ts";
import type { Gateway } from "./gateway.ts";
import type { OwnMemory } from "./memory-catalog.ts";

/** Tokens of one turn: few enough that writing it holds nobody up. */
const TURN_TOKENS = 512;
/** Tokens of one text. */
export const LIMIT_TAUGHT = 65_536;

export type TeacherOptions = {
  crypto: Crypto;
  self: Bytes;
  /** The model that copies. */
  copier: ModelInfo;
  gateway: Pick<Gateway, "write">;
  /** Other workers that could write. */
  up(): readonly Bytes[];
  random(bytes: number): Bytes;
};

export type Taught = { tokens: number; turns: Bytes[]; authors: Bytes[] };

/** Teaches texts by having them written: only what somebody has written, and answers for, is ever learnt. */
export class Teacher {
  readonly #o: TeacherOptions;

  constructor(options: TeacherOptions) {
    this.#o = options;
  }

  /**
   * Resolves once every part was written: parts go to all workers that may teach the memory, one at a time to each. What
   * was taught is there for requests that name a later checkpoint. Asking twice teaches twice.
   * @throws WeftError `too_large`, `out_of_range`, `no_author`
   */
  async teach(requester: Bytes, memory: OwnMemory, text: string, signal: AbortSignal): Promise<Taught> {
    const { copier, self, up } = this.#o;
    const tokens = copier.tokenizer.encode(text);
    const fault = (code: string, message: string) => new WeftError(code, message, { field: "text" });
    if (tokens.length === 0) throw fault("out_of_range", "there is nothing to teach");
    if (tokens.length > LIMIT_TAUGHT)
      throw fault("too_large", `the text has ${tokens.length} tokens, at most ${LIMIT_TAUGHT} are taught at once`);
    if (tokens.includes(COPY_END)) throw fault("out_of_range", "the text has the token in it that ends a text");
    const parts: number[][] = [];
    for (let at = 0; at < tokens.length; at += TURN_TOKENS) parts.push(tokens.slice(at, at + TURN_TOKENS));
    const authors = [self, ...up()].filter((one) => mayTeach(memory.definition, one));
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const told: { turn: Bytes; author: Bytes }[] = [];
    const work = async (author: Bytes) => {
      for (let part = parts.shift(); part; part = parts.shift())
        told.push(...(await this.#write(requester, memory, part, author, either)));
    };
    try {
      // Where nobody may teach it, the gateway says so.
      await Promise.all((authors.length > 0 ? authors : [self]).map(work));
    } catch (error) {
      failed.abort(error);
      throw error;
    }
    const by = new Map(told.map(({ author }) => [toHex(author), author]));
    return { tokens: tokens.length, turns: told.map(({ turn }) => turn), authors: [...by.values()] };
  }

  async #write(requester: Bytes, memory: OwnMemory, part: readonly number[], author: Bytes, signal: AbortSignal) {
    const { crypto, copier, gateway, random } = this.#o;
    const prompt = [...part, COPY_END];
    const request: Request = {
      requester,
      nonce: random(32),
      model: copier.id,
      before: { root: Context.empty(crypto).root, length: 0 },
      after: { root: Context.of(crypto, prompt).root, length: prompt.length },
      parameters: { temperature: 0, stop: [] },
      maxLength: part.length,
    };
    const answer = new Answering({ request, prompt, learn: memory.definition }, copier.vocab);
    const written: { turn: Bytes; author: Bytes }[] = [];
    for await (const event of gateway.write(answer, author, signal))
      if (event.type === "authored")
        written.push({ turn: answer.turns.at(-1) as Bytes, author: answer.tried.at(-1) as Bytes });
    if (answer.ids.length !== part.length || answer.ids.some((id, i) => id !== part[i]))
      throw new WeftError("carried_mismatch", "an author wrote something else than the text");
    return written;
  }
}

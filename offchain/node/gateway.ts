import type { AuthoredInfo, CompletionEvent, CompletionRequest, NamedSnapshot } from "../api/ports.ts";
import type { Admission } from "../core/admission.ts";
import { Answering } from "../core/answering.ts";
import { type Bytes, equal, toHex, utf8, Writer } from "../core/bytes.ts";
import type { Consensus } from "../core/consensus.ts";
import { Context } from "../core/context.ts";
import type { Conversations } from "../core/conversations.ts";
import { codeOf, WeftError } from "../core/errors.ts";
import type { GenerateEvent, GenerateOrder } from "../core/generate.ts";
import { mayTeach } from "../core/memory-definition.ts";
import type { Crypto } from "../core/ports.ts";
import { latestView } from "../core/reading.ts";
import type { Replica } from "../core/replica.ts";
import { type Request, requestId } from "../core/request.ts";
import type { CloseReason } from "../core/snapshot.ts";
import type { ModelInfo } from "../inference/model.ts";
import type { Author } from "./author.ts";
import type { GateScorer } from "./gate-scorer.ts";
import type { MemoryCatalog, OwnMemory } from "./memory-catalog.ts";
import { checkProvable } from "./provable.ts";
import { AnswerText } from "./stops.ts";

/** Where another worker's pen is borrowed. */
export type Authors = {
  up(): readonly Bytes[];
  generate(peer: Bytes, order: GenerateOrder, signal: AbortSignal): AsyncIterable<GenerateEvent>;
  /** When the last beat came from the peer, by the same clock as `now`. */
  lastBeat(peer: Bytes): number;
};

export type GatewayOptions = {
  crypto: Crypto;
  self: Bytes;
  model: ModelInfo;
  author: Author;
  admission: Admission;
  authors: Authors;
  conversations: Conversations;
  replica: Replica;
  consensus: Consensus;
  catalog: Pick<MemoryCatalog, "find">;
  gates: Pick<GateScorer, "choose">;
  random(bytes: number): Bytes;
  now(): number;
  silenceMs: number;
  onTakeover(from: Bytes, reason: string): void;
};

/** Ends the stream for good, whoever says it: what the client has been shown cannot be believed. */
const UNBELIEVABLE = new Set(["rows_mismatch", "carried_mismatch"]);
/** The request's own fault, when our own author says so; another's word for it is not taken. */
const REFUSED = new Set(["context_length_exceeded", "out_of_range", "malformed", "unprovable_memory"]);

/** Talks to the client: finds an author, and another one when that one dies, so that the client sees one stream. */
export class Gateway {
  readonly #options: GatewayOptions;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  async *complete(asked: CompletionRequest, signal: AbortSignal): AsyncGenerator<CompletionEvent> {
    const { crypto, model, self } = this.#options;
    const prompt = model.tokenizer.encode(asked.prompt);
    const own = asked.memory && this.#options.catalog.find(asked.requester, asked.memory);
    const { request, parent } = this.#request(asked, prompt);
    const memory = await this.#memory(asked, own, prompt, signal);
    if (memory) request.memory = memory;
    const id = requestId(crypto, request);
    yield {
      type: "started",
      info: {
        requestId: toHex(id),
        nonce: toHex(request.nonce),
        historyLength: request.before.length,
        model: toHex(request.model),
        gateway: toHex(self),
        memory: memory
          ? {
              id: toHex(memory.id),
              gate: memory.gate,
              checkpoint: memory.checkpoint.number,
              checkpointHash: toHex(memory.checkpoint.hash),
            }
          : null,
      },
    };
    const text = new AnswerText(model.tokenizer, asked.stop);
    const learn = asked.memory?.learn ? own?.definition : undefined;
    const answer = new Answering({ request, prompt, parent, recompute: asked.recompute, learn }, model.vocab);
    for await (const event of this.write(answer, asked.author, signal)) {
      if (event.type !== "tokens") {
        if (event.type === "authored") yield event;
        else {
          const rest = text.flush();
          if (rest) yield { type: "text", text: rest, position: prompt.length + answer.ids.length, tokens: 0 };
          yield {
            type: "finished",
            reason: event.reason === "length" ? "length" : "stop",
            usage: { promptTokens: prompt.length, completionTokens: answer.ids.length },
            turns: answer.turns.map(toHex),
            snapshots: answer.turns.flatMap((turn) => snapshotsOf(this.#options.replica, turn)),
          };
        }
        continue;
      }
      const shown = text.push(event.ids);
      if (shown) yield { type: "text", text: shown, position: event.first, tokens: event.ids.length };
    }
  }

  /** Fixes every field of the request; a retry gives back those that the first try chose. */
  #request(asked: CompletionRequest, prompt: readonly number[]): { request: Request; parent?: Bytes } {
    const { crypto, model, conversations, random } = this.#options;
    if (prompt.length === 0) throw new WeftError("out_of_range", "the prompt is empty", { field: "prompt" });
    if (prompt.length + asked.maxTokens > model.maxPositions)
      throw new WeftError(
        "context_length_exceeded",
        `the prompt has ${prompt.length} tokens and ${asked.maxTokens} are asked for; the model has ${model.maxPositions} positions`,
        { field: "max_tokens", remedy: "shorten the prompt or ask for fewer tokens" },
      );
    const known = conversations.longestPrefix(prompt, asked.requester, model.id);
    const history = asked.retry?.historyLength ?? known?.context.length ?? 0;
    if (history > prompt.length)
      throw new WeftError("out_of_range", "the history is longer than the prompt", { field: "weft.history_length" });
    const context = Context.of(crypto, prompt.slice(0, history));
    const before = { root: context.root, length: history };
    context.append(prompt.slice(history));
    const seeded =
      asked.seed !== undefined &&
      crypto.keccak256(utf8("weft seed"), new Writer().raw(utf8(String(asked.seed))).done());
    const request: Request = {
      requester: asked.requester,
      nonce: asked.retry?.nonce ?? (seeded || random(32)),
      model: model.id,
      before,
      after: { root: context.root, length: prompt.length },
      parameters: { temperature: asked.temperature, stop: asked.stop },
      maxLength: asked.maxTokens,
    };
    return { request, parent: known?.id };
  }

  /**
   * What the answer reads: the memory as of the latest checkpoint that is known here, under the gate that was asked for or
   * that fits the prompt; what an earlier try was given, where this is a retry.
   */
  async #memory(
    { memory: asked, retry }: CompletionRequest,
    own: OwnMemory | undefined,
    prompt: readonly number[],
    signal: AbortSignal,
  ): Promise<Request["memory"]> {
    if (retry?.memory && !(own && equal(own.id, retry.memory.id)))
      throw new WeftError("request_mismatch", "the first try read another memory than the one asked for", {
        field: "weft.memory",
        remedy: "send the same body as then, with the fields that the first event returned",
      });
    if (own && asked?.gate !== "off") checkProvable(this.#options.model, own.definition);
    if (retry?.memory !== undefined) return retry.memory ?? undefined;
    if (!own || !asked || asked.gate === "off") return undefined;
    const view = latestView(this.#options.consensus);
    if (!view)
      throw new WeftError("unknown_memory", "this worker does not know the memories of any checkpoint yet", {
        field: "memory",
        remedy: "ask another worker, or leave memory out",
      });
    const known = view.memories.of(own.id);
    const chosen = async () => (known ? this.#options.gates.choose(prompt, known, signal) : "off");
    const gate = asked.gate === "auto" ? await chosen() : asked.gate;
    return gate === "off" ? undefined : { id: own.id, gate, checkpoint: view.checkpoint };
  }

  /**
   * Author after author until the answer is complete. Only who may teach writes what is to be learnt.
   * @param preferred the operator that is asked first
   * @throws WeftError `no_author` when nobody could, `aborted`
   */
  async *write(
    answer: Answering,
    preferred: Bytes | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<
    | ({ type: "authored" } & AuthoredInfo)
    | { type: "tokens"; first: number; ids: readonly number[] }
    | { type: "closed"; reason: CloseReason }
  > {
    const { replica, self, authors, now } = this.#options;
    let lost: AuthoredInfo["takeover"];
    let lastAt = now();
    let last: unknown;
    for (;;) {
      const fit = [...authors.up(), self].filter((one) => !answer.learn || mayTeach(answer.learn, one));
      const author = answer.next(fit, replica, (one) => this.#rank(one, preferred));
      if (!author) break;
      const order = answer.order(author);
      const attempt = new AbortController();
      try {
        for await (const event of this.#listen(author, order, AbortSignal.any([signal, attempt.signal]))) {
          lastAt = now();
          answer.take(event);
          if (event.type === "opened") {
            const { attached, prefilled } = event;
            const turn = toHex(event.turn);
            yield { type: "authored", author: toHex(author), turn, attached, prefilled, takeover: lost };
          } else if (event.type === "tokens") yield event;
          else if (event.type === "closed") {
            yield { type: "closed", reason: event.reason };
            return;
          }
        }
        throw new WeftError("author_lost", "the author's stream ended in mid-sentence");
      } catch (error) {
        if (signal.aborted) throw new WeftError("aborted", "the client has gone", { cause: error });
        const reason = codeOf(error);
        if (UNBELIEVABLE.has(reason) || (REFUSED.has(reason) && equal(author, self))) throw error;
        last = error;
        lost = { from: toHex(author), reason, detectedMs: Math.round(now() - lastAt) };
        this.#options.onTakeover(author, reason);
      } finally {
        attempt.abort();
      }
    }
    throw new WeftError("no_author", "no worker could write the answer", {
      remedy: "try again in a moment, with the fields that the first event returned",
      cause: last,
    });
  }

  #rank(one: Bytes, preferred: Bytes | undefined): number {
    const { admission, self, replica } = this.#options;
    if (preferred && equal(one, preferred)) return -1;
    if (equal(one, self)) return admission.load + 0.5; // the gateway writes when the others are busier
    return replica.peers.get(toHex(one))?.beat?.load ?? 0;
  }

  /** The author's events. An author that is silent, while its beats are silent too, counts as lost. */
  async *#listen(author: Bytes, order: GenerateOrder, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    const { self, authors, now, silenceMs } = this.#options;
    if (equal(author, self)) {
      yield* this.#options.author.generate(self, order, signal);
      return;
    }
    const events = authors.generate(author, order, signal)[Symbol.asyncIterator]();
    let heard = now();
    try {
      for (;;) {
        const next = events.next();
        let timer: NodeJS.Timeout | undefined;
        const silence = new Promise<never>((_, reject) => {
          timer = setInterval(() => {
            const quiet = now() - Math.max(heard, authors.lastBeat(author));
            if (quiet > silenceMs || now() - heard > 10 * silenceMs)
              reject(new WeftError("author_silent", `nothing was heard of the author for ${Math.round(quiet)} ms`));
          }, silenceMs / 10);
        });
        try {
          const step = await Promise.race([next, silence]);
          if (step.done) return;
          heard = now();
          yield step.value;
        } finally {
          clearInterval(timer);
          next.catch(() => {}); // given up on
        }
      }
    } finally {
      events.return?.()?.catch(() => {});
    }
  }
}

/** What is held of a turn, snapshot by snapshot. */
function snapshotsOf(replica: Replica, turn: Bytes): NamedSnapshot[] {
  const held = replica.turn(turn);
  if (!held) return [];
  return held.runs.map(({ place, first, kind, ids }) => ({
    turn: toHex(turn),
    ...place,
    first,
    count: ids.length,
    kind,
  }));
}

import { Answering } from "../../offchain/core/answering.ts";
import { type Bytes, equal, toHex } from "../../offchain/core/bytes.ts";
import type { Consensus } from "../../offchain/core/consensus.ts";
import { Context } from "../../offchain/core/context.ts";
import type { Conversations } from "../../offchain/core/conversations.ts";
import { codeOf } from "../../offchain/core/errors.ts";
import type { GenerateEvent, GenerateOrder } from "../../offchain/core/generate.ts";
import type { MemoryDefinition } from "../../offchain/core/memory-definition.ts";
import { latestView } from "../../offchain/core/reading.ts";
import type { Replica } from "../../offchain/core/replica.ts";
import type { Request } from "../../offchain/core/request.ts";
import { MODEL_ID, VOCAB } from "./model.ts";
import type { Process } from "./process.ts";

export type GatewayHost = {
  process: Process;
  self: Bytes;
  replica: Replica;
  consensus: Consensus;
  conversations: Conversations;
  now(): number;
  peersUp(): readonly Bytes[];
  lastBeat(peer: Bytes): number;
  load(): number;
  /** Orders an answer of a worker, this one or another; `lost` when its stream ends before the answer does. */
  order(author: Bytes, order: GenerateOrder, on: (event: GenerateEvent | "lost") => void): () => void;
  silenceMs: number;
};

/** What a client asks for beside its words. */
export type Wanted = {
  requester: Bytes;
  nonce: Bytes;
  maxLength: number;
  history?: number;
  reads?: Pick<NonNullable<Request["memory"]>, "id" | "gate">;
  learn?: MemoryDefinition;
};

export type Shown = { ids: readonly number[]; reason?: string };

/** Talks to a client as a worker's gateway does: another author when one is lost, and never a word to any quorum. */
export class SimGateway {
  readonly #host: GatewayHost;
  takeovers = 0;

  constructor(host: GatewayHost) {
    this.#host = host;
  }

  /** Fixes what is to be answered: the conversation so far is what it knows as this client's. */
  request(prompt: readonly number[], more: Wanted) {
    const { replica, consensus, conversations } = this.#host;
    const known = conversations.longestPrefix(prompt, more.requester, MODEL_ID);
    const history = more.history ?? known?.context.length ?? 0;
    const before = Context.of(replica.crypto, prompt.slice(0, history));
    const request: Request = {
      requester: more.requester,
      nonce: more.nonce,
      model: MODEL_ID,
      before: { root: before.root, length: history },
      after: { root: Context.of(replica.crypto, prompt).root, length: prompt.length },
      parameters: { temperature: 0, stop: [] },
      maxLength: more.maxLength,
    };
    const view = more.reads && latestView(consensus);
    if (more.reads && view) request.memory = { ...more.reads, checkpoint: view.checkpoint };
    return { request, prompt, parent: known?.id, learn: more.learn };
  }

  /** `show` is told of tokens, and at last of an end: a close's reason, or an error's code. */
  complete(base: Omit<GenerateOrder, "answered" | "continues">, show: (shown: Shown) => void): void {
    const { process, now, silenceMs, lastBeat } = this.#host;
    const answer = new Answering(base, VOCAB);
    const begin = () => {
      const author = this.#choose(answer);
      if (!author) return show({ ids: [], reason: "no_author" });
      let over = false;
      let heard = now();
      let cancel = () => {};
      const lose = () => {
        if (over) return;
        over = true;
        cancel();
        this.takeovers += 1;
        process.after(0, begin, "takeover");
      };
      const watch = () => {
        if (over) return;
        const quiet = now() - Math.max(heard, lastBeat(author));
        if (quiet > silenceMs || now() - heard > 10 * silenceMs) lose();
        else process.after(silenceMs / 4, watch, "watch");
      };
      cancel = this.#host.order(author, answer.order(author), (event) => {
        if (over) return;
        if (event === "lost") return lose();
        heard = now();
        try {
          answer.take(event);
        } catch (error) {
          if (codeOf(error) === "carried_mismatch") {
            over = true;
            return show({ ids: [], reason: "carried_mismatch" });
          }
          return lose();
        }
        if (event.type === "tokens") show({ ids: event.ids });
        else if (event.type === "closed") {
          over = true;
          show({ ids: [], reason: event.reason });
        }
      });
      if (!equal(author, this.#host.self)) watch();
    };
    // A client calls from outside: what kills the process here must not reach it.
    process.enter(begin);
  }

  #choose(answer: Answering): Bytes | undefined {
    const { self, replica, peersUp, load } = this.#host;
    return answer.next([...peersUp(), self], replica, (one) =>
      equal(one, self) ? load() + 0.5 : (replica.peers.get(toHex(one))?.beat?.load ?? 0),
    );
  }
}

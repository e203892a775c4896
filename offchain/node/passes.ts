import { equal, toHex } from "../core/bytes.ts";
import { Context } from "../core/context.ts";
import type { Conversations } from "../core/conversations.ts";
import type { Passes, Subject } from "../core/dispute-moves.ts";
import type { Memories } from "../core/memories.ts";
import { ModelOpener } from "../core/model-trace-model.ts";
import { type NoPass, noPassOver, type Pass, TracedPass } from "../core/pass.ts";
import { PastMemories } from "../core/past-memories.ts";
import type { Protocol } from "../core/protocol.ts";
import type { CheckpointRef, Request } from "../core/request.ts";
import type { Engine } from "../inference/engine.ts";
import type { Archive } from "./archive.ts";
import { inSteps } from "./in-steps.ts";
import { tokenAfter } from "./next-token.ts";

/** Passes that are kept: a dispute comes back to its own with every move. */
const KEPT = 4;

type Computed = Pass | { none: NoPass };

export type PassesOptions = {
  protocol: Protocol;
  archive: Archive;
  conversations: Conversations;
  engine: Pick<Engine, "exact" | "model">;
};

/** Forward passes of this worker's exact model over contexts that it holds, one at a time and in small steps. */
export class ComputedPasses implements Passes {
  readonly #o: PassesOptions;
  readonly #past: PastMemories;
  readonly #kept = new Map<string, Computed>();
  #model?: ModelOpener;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: PassesOptions) {
    this.#o = options;
    const { replica, consensus } = options.protocol;
    this.#past = new PastMemories(replica, consensus, (number) => options.archive.cutAt(number));
  }

  of(subject: Subject): Promise<Computed | undefined> {
    const done = this.#last.then(() => this.#of(subject));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #of(subject: Subject): Promise<Computed | undefined> {
    const { turn, requestId, position, contextRoot } = subject;
    const name = `${[turn, requestId, contextRoot].map(toHex)} ${position}`;
    const known = this.#kept.get(name) ?? (await this.#compute(subject));
    if (!known) return undefined;
    this.#kept.delete(name);
    this.#kept.set(name, known);
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value as string);
    return known;
  }

  async #compute({ turn: id, requestId, position, contextRoot }: Subject): Promise<Computed | undefined> {
    const { protocol, conversations, engine } = this.#o;
    const { crypto } = protocol.replica;
    const { exact } = engine;
    const turn = protocol.replica.turn(id);
    // Of an author that contradicted itself another fork may be held here.
    if (!turn || !equal(turn.open.requestId, requestId)) return undefined;
    if (!exact || !equal(turn.open.request.model, exact.root)) return undefined;
    const run = turn.runs.find(({ first, ids }) => first <= position && position < first + ids.length);
    const tokens = run && conversations.tokens(turn)?.slice(0, run.first + run.ids.length);
    if (!tokens || !equal(Context.of(crypto, tokens).root, contextRoot)) return undefined;
    this.#model ??= new ModelOpener(crypto, exact.manifest, exact.constants);
    const none = noPassOver(crypto, this.#model, tokens, position);
    if (none) return { none };
    const { request } = turn.open;
    const memory = await this.memoryOf(request);
    if (memory === "unknown") return undefined;
    const there = memory?.memories.of(memory.id);
    const reading = there && request.memory && { memory: there, gate: request.memory.gate };
    const drawn = { request, id: requestId, samplerK: exact.manifest.samplerK, reading };
    return TracedPass.of({
      hashing: crypto,
      model: this.#model,
      tokens,
      position,
      memory,
      draw: (logits) => tokenAfter(crypto, drawn, logits, tokens.slice(0, position)),
      run: inSteps,
    });
  }

  /**
   * The memories that a request reads, with exactly the root that its checkpoint has, however long ago that was. Undefined
   * where it reads none, `unknown` where they cannot be told, or the checkpoint does not stand.
   */
  async memoryOf({ memory }: Pick<Request, "memory">) {
    if (!memory) return undefined;
    const memories = await this.#memoriesAt(memory.checkpoint);
    const committed = this.#o.protocol.consensus.committed(memory.checkpoint.number);
    return memories && committed ? { id: memory.id, checkpoint: committed.checkpoint, memories } : "unknown";
  }

  async #memoriesAt({ number, hash }: CheckpointRef): Promise<Memories | undefined> {
    const { consensus } = this.#o.protocol;
    const isStanding = () => {
      const committed = consensus.committed(number);
      return consensus.standing.lastIndexOf(number) >= 0 && committed && equal(committed.hash, hash);
    };
    if (!isStanding()) return undefined;
    const memories = await inSteps(this.#past.at(number));
    return isStanding() ? memories : undefined;
  }
}

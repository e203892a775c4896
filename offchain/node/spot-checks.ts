import type { AccuseOutcome, SignedSnapshot, WrongToken } from "../chain/accuser.ts";
import { type Bytes, equal } from "../core/bytes.ts";
import { Context } from "../core/context.ts";
import type { Conversations } from "../core/conversations.ts";
import { codeOf, WeftError } from "../core/errors.ts";
import type { Protocol } from "../core/protocol.ts";
import { References } from "../core/references.ts";
import type { Place } from "../core/snapshot.ts";
import type { Turn } from "../core/turn.ts";
import type { Engine } from "../inference/engine.ts";
import type { Archive } from "./archive.ts";
import { type Drawn, firstOther } from "./next-token.ts";
import type { ComputedPasses } from "./passes.ts";

/** A committed turn, and the first position of its answer whose token does not follow. Of a float model it may by accident. */
export type WrongTurn = { turn: Turn; position: number; isExact: boolean };

export type SpotChecksOptions = {
  protocol: Protocol;
  archive: Archive;
  conversations: Conversations;
  /** A turn is re-executed by the one whose model its request names. */
  engines: readonly Engine[];
  passes: ComputedPasses;
  referenceSpan: number;
  /** Of the turns of others, the part that is re-executed. */
  share: number;
  /** 0 to 1, below 1. */
  random(): number;
  isIdle(): boolean;
  /** Where a snapshot of a turn stands in a checkpoint. */
  prove(turn: Turn, place: Place): SignedSnapshot | undefined;
  accuse(wrong: WrongToken): Promise<AccuseOutcome>;
  onChecked(wrong: WrongTurn | undefined): void;
  onAccused(wrong: WrongTurn, outcome: AccuseOutcome): void;
  onFault(kind: string, operator: Bytes | undefined, error: unknown): void;
};

/** Turns that wait to be re-executed; of more the later ones are let go. */
const LIMIT_WAITING = 256;

/**
 * Re-executes some of what others answered, once it is closed and committed, while the engine has nothing else to do. Of a
 * token that does not follow, its author is accused where the model is exact.
 */
export class SpotChecks {
  readonly #o: SpotChecksOptions;
  readonly #references: References;
  /** How far each track was looked through. */
  readonly #seen = new Map<string, number>();
  readonly #waiting: Turn[] = [];
  #running: Promise<void> | undefined;
  #abort = new AbortController();
  #isStopped = false;

  constructor(options: SpotChecksOptions) {
    this.#o = options;
    const { protocol, archive, referenceSpan } = options;
    const { replica, consensus } = protocol;
    this.#references = new References(replica, consensus, archive, referenceSpan);
    // What was committed before this process began was drawn from by the one before it.
    for (const [name, { sequence }] of consensus.latest.cut?.byName() ?? []) this.#seen.set(name, sequence);
  }

  /** To be called now and then: draws from what was committed since, and goes on, or stops for something better. */
  tick(): void {
    if (this.#isStopped) return;
    this.#draw();
    if (!this.#o.isIdle()) this.#abort.abort();
    else if (!this.#running && this.#waiting.length > 0)
      this.#running = this.#next().finally(() => {
        this.#running = undefined;
      });
  }

  /** Nothing is begun any more, nor anybody accused. */
  stop(): void {
    this.#isStopped = true;
    this.#abort.abort();
  }

  #draw(): void {
    const { protocol, random, share } = this.#o;
    const { replica, consensus } = protocol;
    const { cut } = consensus.latest;
    for (const [name, entry] of cut?.byName() ?? []) {
      const track = replica.tracks.get(name);
      const from = this.#seen.get(name) ?? 0;
      const to = Math.min(entry.sequence, track?.sequence ?? 0);
      if (!track || to <= from || !cut?.agrees(track)) continue;
      this.#seen.set(name, to);
      if (equal(entry.operator, replica.self)) continue;
      for (const turn of track.turns.values()) {
        const { sequence } = turn.latest;
        if (!turn.close || sequence <= from || sequence > to || random() >= share) continue;
        if (this.#waiting.length < LIMIT_WAITING) this.#waiting.push(turn);
      }
    }
  }

  async #next(): Promise<void> {
    const turn = this.#waiting.shift() as Turn;
    this.#abort = new AbortController();
    try {
      await this.#check(turn, this.#abort.signal);
    } catch (error) {
      if (codeOf(error) === "aborted") this.#waiting.unshift(turn);
      else this.#o.onFault("spot_check", turn.track.operator, error);
    }
  }

  async #check(turn: Turn, signal: AbortSignal): Promise<void> {
    const { protocol, conversations, engines, passes, onChecked } = this.#o;
    const { request, requestId } = turn.open;
    const engine = engines.find(({ model }) => equal(model.id, request.model));
    const tokens = conversations.tokens(turn);
    // Of what cannot be judged with certainty nothing is said.
    if (!engine || !tokens || !this.#stands(turn)) return;
    const memory = await passes.memoryOf(request);
    if (memory === "unknown") return;
    const there = memory?.memories.of(memory.id);
    const reading = there && request.memory && { memory: there, gate: request.memory.gate };
    const { samplerK } = engine.model;
    const drawn = { request, id: requestId, samplerK, reading };
    const position = await firstWrong(protocol.replica.crypto, engine, drawn, tokens, signal);
    const isExact = engine.model.class === "exact";
    const wrong = position === undefined ? undefined : { turn, position, isExact };
    onChecked(wrong);
    if (wrong && engine.exact) await this.#accuse(wrong, tokens, engine.exact.root);
  }

  /** Is it in a checkpoint that stands, and all that it refers to as well? */
  #stands(turn: Turn): boolean {
    const { protocol, archive } = this.#o;
    const number = archive.covering(turn.track, turn.latest.sequence);
    const track = protocol.replica.track(turn.track);
    if (number === undefined || !track || !archive.cutAt(number)?.agrees(track)) return false;
    const standing = protocol.replica.registry.operator(turn.track.operator)?.standing;
    return standing !== "convicted" && this.#references.of(turn, number) === "held";
  }

  async #accuse(wrong: WrongTurn, tokens: readonly number[], model: Bytes): Promise<void> {
    const { protocol, passes, prove, accuse, onAccused, onFault } = this.#o;
    const { turn, position } = wrong;
    const { operator } = turn.track;
    const run = turn.runs.find(({ first, ids }) => first <= position && position < first + ids.length);
    if (!run) return;
    // Nobody is accused by the engine's word alone: the same is computed another way.
    const contextRoot = Context.of(protocol.replica.crypto, tokens.slice(0, run.first + run.ids.length)).root;
    const pass = await passes.of({ turn: turn.id, requestId: turn.open.requestId, position, contextRoot });
    if (pass && !("none" in pass) && pass.token === tokens[position])
      throw new WeftError("engine_differs", `engine and trace of the model differ at position ${position}`, {
        field: "model",
        remedy: "check the model's files and the processor of this machine",
      });
    if (this.#isStopped) return;
    const [open, shown] = [prove(turn, turn.opened), prove(turn, run.place)];
    if (!pass || !open || !shown || !this.#stands(turn)) {
      onFault("spot_check", operator, new WeftError("not_held", "too little is held here to accuse somebody"));
      return;
    }
    onAccused(wrong, await accuse({ operator, turn: turn.id, model, position, open, tokens: shown }));
  }
}

/** The first position of an answer whose token is not what the model says, or over whose context the model says nothing. */
async function firstWrong(
  h: Parameters<typeof firstOther>[0],
  engine: Engine,
  drawn: Drawn,
  tokens: readonly number[],
  signal: AbortSignal,
): Promise<number | undefined> {
  const { vocab, maxPositions } = engine.model;
  const first = Math.max(1, drawn.request.after.length);
  const stranger = tokens.findIndex((id) => id >= vocab);
  // A position after the end has no forward pass.
  const end = Math.min(tokens.length, maxPositions + 1, stranger < 0 ? tokens.length : stranger + 1);
  if (end > first) {
    const cache = engine.createCache();
    if (first > 1) await engine.forward(cache, tokens.slice(0, first - 1), { signal });
    const logits = await engine.forward(cache, tokens.slice(first - 1, end - 1), { allLogits: true, signal });
    const other = firstOther(h, drawn, tokens.slice(0, end), { logits, from: first - 1, vocab });
    if (other !== undefined) return other;
  }
  return end < tokens.length ? Math.max(end, first) : undefined;
}

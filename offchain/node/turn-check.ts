import { equal } from "../core/bytes.ts";
import type { Conversations } from "../core/conversations.ts";
import type { Hashing } from "../core/ports.ts";
import type { Protocol } from "../core/protocol.ts";
import { References } from "../core/references.ts";
import type { Turn } from "../core/turn.ts";
import type { Engine } from "../inference/engine.ts";
import type { Archive } from "./archive.ts";
import { type Difference, firstOther } from "./comparing.ts";
import type { Drawn } from "./next-token.ts";
import type { ComputedPasses } from "./passes.ts";
import { OUT_OF_REACH } from "./tolerance.ts";

/** Positions whose logits are held at once: of large vocabularies those of a whole answer would be gigabytes. */
const AT_ONCE = 64;

export type Judgement =
  | { type: "judged"; engine: Engine; tokens: readonly number[]; wrong: Difference | undefined }
  /** Something that it takes is not here yet, or not any more. */
  | { type: "lacking"; what: string }
  /** Nothing is ever said of it here. */
  | { type: "passed" };

export type TurnCheckOptions = {
  protocol: Protocol;
  archive: Archive;
  conversations: Conversations;
  /** A turn is re-executed by the one whose model its request names. */
  engines: readonly Engine[];
  passes: Pick<ComputedPasses, "memoryOf">;
  referenceSpan: number;
  /** From commit, after which nobody is accused, in seconds. */
  retentionSeconds: number;
};

const lacking = (what: string): Judgement => ({ type: "lacking", what });

/** Re-executes committed turns. */
export class TurnCheck {
  readonly #o: TurnCheckOptions;
  readonly #references: References;

  constructor(options: TurnCheckOptions) {
    this.#o = options;
    const { replica, consensus } = options.protocol;
    this.#references = new References(replica, consensus, options.archive, options.referenceSpan);
  }

  /** @throws WeftError `aborted` */
  async judge(turn: Turn, signal: AbortSignal): Promise<Judgement> {
    const { protocol, conversations, engines, passes } = this.#o;
    const { request, requestId } = turn.open;
    const engine = engines.find(({ model }) => equal(model.id, request.model));
    if (!engine) return { type: "passed" };
    const standing = this.standing(turn);
    if (standing !== "held") return standing;
    const tokens = conversations.tokens(turn);
    if (!tokens) return lacking("its conversation");
    const memory = await passes.memoryOf(request);
    if (memory === "unknown") return lacking("the memory that it reads");
    const there = memory?.memories.of(memory.id);
    const reading = there && request.memory && { memory: there, gate: request.memory.gate };
    const drawn = { request, id: requestId, samplerK: engine.model.samplerK, reading };
    const wrong = await firstWrong(protocol.replica.crypto, engine, drawn, tokens, signal);
    return { type: "judged", engine, tokens, wrong };
  }

  /** Is it in a checkpoint that stands and is not too old, and all that it refers to as well? Of whoever is out nothing is said. */
  standing(turn: Turn): "held" | Judgement {
    const { protocol, archive, retentionSeconds } = this.#o;
    const { replica, following } = protocol;
    if (replica.registry.operator(turn.track.operator)?.standing === "convicted") return { type: "passed" };
    const number = archive.covering(turn.track, turn.latest.sequence);
    const track = replica.track(turn.track);
    if (number === undefined || !track || !archive.cutAt(number)?.agrees(track)) return lacking("its checkpoint");
    if ((following.committedAt(number) ?? 0) + retentionSeconds <= following.time) return { type: "passed" };
    const refers = this.#references.of(turn, number);
    if (refers === "orphan") return { type: "passed" };
    return refers === "unknown" ? lacking("what it refers to") : "held";
  }
}

/** The first position of an answer whose token is not what the model says, or over whose context the model says nothing. */
async function firstWrong(
  h: Hashing,
  engine: Engine,
  drawn: Drawn,
  tokens: readonly number[],
  signal: AbortSignal,
): Promise<Difference | undefined> {
  const { vocab, maxPositions } = engine.model;
  const first = Math.max(1, drawn.request.after.length);
  const stranger = tokens.findIndex((id) => id >= vocab);
  // A position after the end has no forward pass, nor has one after a token that the model does not have.
  const end = Math.min(tokens.length, maxPositions + 1, stranger < 0 ? tokens.length : stranger + 1);
  const cache = engine.createCache();
  if (end > first && first > 1) await engine.forward(cache, tokens.slice(0, first - 1), { signal });
  for (let from = first - 1; from + 1 < end; from += AT_ONCE) {
    const to = Math.min(from + AT_ONCE, end - 1);
    const logits = await engine.forward(cache, tokens.slice(from, to), { allLogits: true, signal });
    const other = firstOther(h, engine.model, drawn, tokens.slice(0, to + 1), { logits, from });
    if (other) return other;
  }
  if (end === tokens.length) return undefined;
  return { position: Math.max(end, first), distance: engine.model.class === "exact" ? 0 : OUT_OF_REACH };
}

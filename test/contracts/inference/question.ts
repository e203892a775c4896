import type { Bytes } from "../../../offchain/core/bytes.ts";
import type { Checkpoint } from "../../../offchain/core/checkpoint.ts";
import type { Memories } from "../../../offchain/core/memories.ts";
import { TracedPass } from "../../../offchain/core/pass.ts";
import { type Gate, type Request, requestId } from "../../../offchain/core/request.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { inSteps } from "../../../offchain/node/in-steps.ts";
import { type Drawn, tokenAfter } from "../../../offchain/node/next-token.ts";
import { requestOf } from "../../helpers/core.ts";
import type { Random } from "../../sim/random.ts";
import type { TrialModel } from "./models.ts";

/** The true forward pass over a context, whatever is drawn from it. */
export type Traced = { context: readonly number[]; pass: TracedPass; logits: Int32Array };

/** What is asked: one token after a context. */
export type Question = {
  model: TrialModel;
  traced: Traced;
  request: Request;
  drawn: Drawn;
  /** What the request reads. */
  memory: Remembered | undefined;
};

/** A memory as of a checkpoint, among all that there were. */
export type Remembered = { id: Bytes; checkpoint: Checkpoint; hash: Bytes; memories: Memories };

const TEMPERATURES = [0, 70, 100, 150];
const GATES = ["weak", "medium", "strong"] as const satisfies Gate[];

/** Contexts that are asked about, each traced when it is the first time. */
export class Pool {
  readonly model: TrialModel;
  readonly contexts: readonly (readonly number[])[];
  readonly #traced = new Map<readonly number[], Promise<Traced>>();

  /** @param lengths of contexts */
  constructor(model: TrialModel, lengths: readonly number[], random: Random) {
    const { vocab } = model.opener.manifest.program;
    const { text } = model;
    this.model = model;
    this.contexts = lengths.map((length) => {
      const from = text ? random.int(0, text.length - 1) : 0;
      return Array.from({ length }, (_, i) =>
        text ? (text[(from + i) % text.length] as number) : random.int(0, vocab - 1),
      );
    });
  }

  pick(random: Random): Promise<Traced> {
    const context = random.pick(this.contexts);
    const known = this.#traced.get(context) ?? trace(this.model, context);
    this.#traced.set(context, known);
    return known;
  }
}

async function trace(model: TrialModel, context: readonly number[]): Promise<Traced> {
  let logits = new Int32Array();
  const pass = await TracedPass.of({
    hashing: crypto,
    model: model.opener,
    tokens: context,
    position: context.length,
    memory: undefined,
    draw(last) {
      logits = last.slice();
      return 0;
    },
    run: inSteps,
  });
  return { context, pass, logits };
}

/** A request after this context that nobody else has. */
export function ask(model: TrialModel, traced: Traced, random: Random, memory: Remembered | undefined): Question {
  const gate = random.pick(GATES);
  const request = requestOf(traced.context, {
    model: model.root,
    nonce: random.bytes(32),
    parameters: { temperature: random.pick(TEMPERATURES), stop: [] },
    ...(memory && { memory: { id: memory.id, checkpoint: refOf(memory), gate } }),
  });
  const known = memory?.memories.of(memory.id);
  const { samplerK } = model.opener.manifest;
  const drawn = { request, id: requestId(crypto, request), samplerK, reading: known && { memory: known, gate } };
  return { model, traced, request, drawn, memory };
}

const refOf = ({ checkpoint, hash }: Remembered) => ({ number: checkpoint.number, hash });

/** The token that follows; of other logits, or drawn otherwise, another one perhaps. */
export function tokenOf({ traced, drawn }: Question, logits: Int32Array = traced.logits, changes?: Partial<Drawn>) {
  return tokenAfter(crypto, { ...drawn, ...changes }, logits, traced.context);
}

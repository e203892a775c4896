import { chooseGate } from "../../../offchain/core/gates.ts";
import type { Memory } from "../../../offchain/core/memories.ts";
import { LIMIT_ORDER } from "../../../offchain/core/memory-definition.ts";
import { mix, PROBABILITY_ONE } from "../../../offchain/core/mixing.ts";
import { GATES, type Gate } from "../../../offchain/core/request.ts";
import type { Engine } from "../../../offchain/inference/engine.ts";
import { distribution } from "../../../offchain/inference/sampling.ts";

/** Bytes of one conversation, and how many of them are given: by those `auto` chooses a gate, what follows is measured. */
const CONVERSATION = 512;
const GIVEN = 128;
/** Temperature 1. */
const PLAIN = 100;

type Conversation = { ids: number[]; probabilities: Uint32Array[] };
/** Bits per byte of the measured bytes under each gate, under the gates chosen, and how often each was chosen. */
export type Score = Record<Gate | "auto", number> & { chosen: Record<Gate, number> };

/** What the model says before each byte of a text, once for all memories. */
export async function foretold(engine: Engine, text: Uint8Array): Promise<Conversation[]> {
  const { vocab, samplerK } = engine.model;
  const out: Conversation[] = [];
  for (let at = 0; at + CONVERSATION <= text.length; at += CONVERSATION) {
    const ids = [...text.subarray(at, at + CONVERSATION)];
    const logits = await engine.forward(engine.createCache(), ids, { allLogits: true });
    const after = ids.map((_, i) => distribution(logits.subarray(i * vocab, (i + 1) * vocab), PLAIN, samplerK));
    out.push({ ids, probabilities: after });
  }
  return out;
}

/** Half a unit more for each token, so that what rounding took to zero costs 17 bits and not all. */
function bitsOf(probabilities: Uint32Array, id: number): number {
  return -Math.log2((2 * (probabilities[id] as number) + 1) / (2 * PROBABILITY_ONE + probabilities.length));
}

export function score(conversations: readonly Conversation[], memory: Memory | undefined): Score {
  const chosen = { off: 0, weak: 0, medium: 0, strong: 0 };
  const sums = { off: 0, weak: 0, medium: 0, strong: 0, auto: 0 };
  for (const { ids, probabilities } of conversations) {
    const before = (position: number) => probabilities[position - 1];
    const choice = memory ? chooseGate(ids.slice(0, GIVEN), before, memory) : "off";
    chosen[choice] += 1;
    for (let position = GIVEN; position < ids.length; position++) {
      const context = ids.slice(position - LIMIT_ORDER, position);
      for (const gate of GATES) {
        const model = before(position) as Uint32Array;
        const mixed = gate === "off" || !memory ? model : mix(model.slice(), memory, gate, context);
        const bits = bitsOf(mixed, ids[position] as number);
        sums[gate] += bits;
        if (gate === choice) sums.auto += bits;
      }
    }
  }
  const bytes = conversations.length * (CONVERSATION - GIVEN);
  const per = (name: Gate | "auto") => sums[name] / bytes;
  return {
    off: per("off"),
    weak: per("weak"),
    medium: per("medium"),
    strong: per("strong"),
    auto: per("auto"),
    chosen,
  };
}

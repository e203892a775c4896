import { WeftError } from "../core/errors.ts";
import { chooseGate } from "../core/gates.ts";
import type { Memory } from "../core/memories.ts";
import type { Gate } from "../core/request.ts";
import type { Engine } from "../inference/engine.ts";
import { nextToken } from "./next-token.ts";

/** Of a prompt its last tokens are scored: what comes next is most like them. */
const SCORED = 256;
/** Prompts scored at the same time; more are refused. */
const LIMIT_SCORING = 4;
const PLAIN = 100;

/** Chooses gates by how well a memory would have foretold a prompt, which the model is fed for it. */
export class GateScorer {
  readonly #engine: Engine;
  #scoring = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** @throws WeftError `busy`, `aborted` */
  async choose(prompt: readonly number[], memory: Memory, signal: AbortSignal): Promise<Gate> {
    if (this.#scoring >= LIMIT_SCORING)
      throw new WeftError("busy", "this worker chooses gates for as many requests as it can", {
        field: "memory.gate",
        remedy: "try again in a moment, or say the gate",
      });
    this.#scoring += 1;
    try {
      return await this.#choose(prompt, memory, signal);
    } finally {
      this.#scoring -= 1;
    }
  }

  async #choose(prompt: readonly number[], memory: Memory, signal: AbortSignal): Promise<Gate> {
    const engine = this.#engine;
    const { vocab, samplerK } = engine.model;
    // The logits of a token foretell the one after it, so of the first nothing is known.
    const first = Math.max(1, prompt.length - SCORED);
    const fed = prompt.slice(first - 1, -1);
    if (fed.length === 0) return "off";
    const cache = engine.createCache();
    if (first > 1) await engine.forward(cache, prompt.slice(0, first - 1), { signal });
    const logits = await engine.forward(cache, fed, { allLogits: true, signal });
    const probabilitiesAt = (position: number) => {
      const at = (position - first) * vocab;
      return at < 0 ? undefined : nextToken(logits.subarray(at, at + vocab), PLAIN, samplerK, undefined, []);
    };
    return chooseGate(prompt, probabilitiesAt, memory);
  }
}

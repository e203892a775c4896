import { Answerer } from "../../../offchain/chain/answerer.ts";
import { Memories } from "../../../offchain/core/memories.ts";
import { TraceLayout } from "../../../offchain/core/model-trace-layout.ts";
import { TracedPass } from "../../../offchain/core/pass.ts";
import { StatedLeaves } from "../../../offchain/core/stated-leaves.ts";
import type { Engine } from "../../../offchain/inference/engine.ts";
import { Store } from "../../../offchain/store/store.ts";
import { falsePass } from "../../helpers/false-pass.ts";

/** Everything that is taught counts twice. Whoever else does so agrees on every root. */
export function countTwice(): void {
  const { add } = Memories.prototype;
  Memories.prototype.add = function (definition, increments) {
    return add.call(
      this,
      definition,
      increments.map((one) => ({ ...one, count: 2 * one.count })),
    );
  };
}

/** No peer is told what a checkpoint states. */
export function tellNobody(): void {
  StatedLeaves.prototype.page = () => undefined;
}

/** What the chain asks for is neither answered nor concluded. */
export function leaveChallenges(): void {
  Answerer.prototype.synced = () => {};
}

/** No peer is given a segment that it was not given when it was written. */
export function giveNothing(): void {
  Store.prototype.segments = function* () {};
}

/** Where the likeliest token is the least likely one. */
const OTHER_EVERY = 16;

/** Writes another token than the model says at every 16th position. */
export function writeOtherTokens(engine: Engine): Engine {
  return {
    model: engine.model,
    exact: engine.exact,
    createCache: () => engine.createCache(),
    close: () => engine.close(),
    async forward(cache, tokens, options) {
      const logits = await engine.forward(cache, tokens, options);
      if (cache.length % OTHER_EVERY !== 0) return logits;
      const last = logits.subarray(-engine.model.vocab);
      last[last.indexOf(Math.max(...last))] = Math.min(...last) - 1;
      return logits;
    },
  };
}

/** A trace whose logits lead to the committed token. */
export function standByTokens(): void {
  const { of } = TracedPass;
  TracedPass.of = async (options) => {
    const { model, tokens, position } = options;
    const pass = await of.call(TracedPass, options);
    const token = tokens[position] as number;
    if (pass.token === token) return pass;
    const { program } = model.manifest;
    const tensor = new TraceLayout(program, position).of(program.logits).firstTensor;
    const change = (values: Int32Array) => {
      const last = values.subarray(-program.vocab);
      last[token] = Math.max(...last) + 1;
    };
    return falsePass({ pass, model, context: tokens.slice(0, position), tensor, change, token }) as TracedPass;
  };
}

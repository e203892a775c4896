import { WeftError } from "../../offchain/core/errors.ts";
import { modelRoot } from "../../offchain/core/model-manifest.ts";
import { TraceLayout } from "../../offchain/core/model-trace-layout.ts";
import { tensorsOf } from "../../offchain/core/model-trace-tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import type { KvCache } from "../../offchain/inference/cache.ts";
import type { Engine } from "../../offchain/inference/engine.ts";
import { randomModel } from "../unit/inference/exact/random-model.ts";
import { openerOf, toEnd } from "./trace.ts";

/** What a random exact model says, without ONNX Runtime: an engine as far as answers are checked with it. */
export function drawnEngine(seed: number, positions?: number): Engine {
  const { sizes, program, valuesOf } = randomModel(seed, positions);
  const { manifest } = openerOf(program, valuesOf);
  const root = modelRoot(crypto, manifest);
  const fed = new WeakMap<KvCache, number[]>();
  const { samplerK } = manifest;
  return {
    model: { ...sizes, id: root, name: "drawn", class: "exact", samplerK } as unknown as Engine["model"],
    exact: { manifest, root, constants: valuesOf },
    createCache: () => ({}) as KvCache,
    async forward(cache, tokens, { allLogits = false, signal } = {}) {
      if (signal?.aborted) throw new WeftError("aborted", "the forward pass was aborted");
      const context = [...(fed.get(cache) ?? []), ...Array.from(tokens)];
      fed.set(cache, context);
      const { firstTensor } = new TraceLayout(program, context.length).of(program.logits);
      const tensors = toEnd(tensorsOf(program, valuesOf, context, new Set([firstTensor])));
      return (tensors.get(firstTensor) as Int32Array).slice(-sizes.vocab * (allLogits ? tokens.length : 1));
    },
    close: async () => {},
  };
}

import type { Bytes } from "../../offchain/core/bytes.ts";
import { TraceLayout } from "../../offchain/core/model-trace-layout.ts";
import type { ModelOpener } from "../../offchain/core/model-trace-model.ts";
import { showGroup } from "../../offchain/core/model-trace-proof.ts";
import { groupRoots, tensorsOf, tensorTree, traceTree } from "../../offchain/core/model-trace-tree.ts";
import type { Pass } from "../../offchain/core/pass.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { toEnd } from "./trace.ts";

export type FalsePassOptions = {
  pass: Pass;
  model: ModelOpener;
  /** The tokens of the forward pass. */
  context: readonly number[];
  /** Whose values are others. */
  tensor: number;
  change(values: Int32Array): void;
  /** That it is said to lead to. */
  token: number;
};

/** A forward pass of which one tensor is false, as its author shows it. */
export function falsePass({ pass, model, context, tensor, change, token }: FalsePassOptions): Pass {
  const { program } = model.manifest;
  const values = (
    toEnd(tensorsOf(program, model.constants, context, new Set([tensor]))).get(tensor) as Int32Array
  ).slice();
  change(values);
  const groups = toEnd(groupRoots(crypto, values));
  const roots: readonly Bytes[] = (pass.roots as Bytes[]).with(tensor, tensorTree(crypto, groups).root);
  return { ...shownPass({ model, context, tensor, values, groups, roots, token }), sample: () => pass.sample() };
}

export type ShownPass = {
  model: ModelOpener;
  /** The tokens of the forward pass. */
  context: readonly number[];
  /** The first that is false: another one is never demanded. */
  tensor: number;
  values: Int32Array;
  /** Of its groups. */
  groups: readonly Bytes[];
  /** Of all tensors. */
  roots: readonly Bytes[];
  token: number;
};

/** A forward pass as an author shows it who accuses nobody. */
export function shownPass({ model, context, tensor, values, groups, roots, token }: ShownPass): Pass {
  const { number } = new TraceLayout(model.manifest.program, context.length).opAt(tensor);
  return {
    roots,
    token,
    async groups(demanded) {
      if (demanded !== tensor) throw new Error("only what is false is ever demanded");
      return { op: model.op(number), groupRoots: groups, proof: traceTree(crypto, roots).proof(tensor) };
    },
    async group(demanded, group) {
      const shown = { tensorRoots: roots, tensor: demanded, groupRoots: groups, group };
      return showGroup(crypto, { tokens: context, tensors: new Map([[tensor, values]]) }, shown);
    },
    element: async () => undefined,
    sample: () => Promise.reject(new Error("an author accuses nobody")),
  };
}

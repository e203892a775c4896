import type { Bytes } from "../../offchain/core/bytes.ts";
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
  const proof = () => traceTree(crypto, roots).proof(tensor);
  return {
    roots,
    token,
    async groups(number) {
      const { op } = await pass.groups(number);
      if (number !== tensor) throw new Error("only what is false is ever demanded");
      return { op, groupRoots: groups, proof: proof() };
    },
    async group(number, group) {
      const shown = { tensorRoots: roots, tensor: number, groupRoots: groups, group };
      return showGroup(crypto, { tokens: context, tensors: new Map([[tensor, values]]) }, shown);
    },
    element: async () => undefined,
    sample: () => pass.sample(),
  };
}

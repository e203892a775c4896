import type { Bytes } from "../../../offchain/core/bytes.ts";
import { rangeProof } from "../../../offchain/core/context.ts";
import type { Passes } from "../../../offchain/core/dispute-moves.ts";
import { tensorsAround } from "../../../offchain/core/model-trace-find.ts";
import { GROUP_VALUES, TraceLayout } from "../../../offchain/core/model-trace-layout.ts";
import { openElement } from "../../../offchain/core/model-trace-proof.ts";
import { tensorsOf } from "../../../offchain/core/model-trace-tree.ts";
import type { Pass, WrongElement, WrongSample } from "../../../offchain/core/pass.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { inSteps } from "../../../offchain/node/in-steps.ts";
import type { Random } from "../../sim/random.ts";
import { anywhere } from "./lies.ts";
import type { Question } from "./question.ts";

export type ShamKind = "falls silent" | "disputes an element" | "disputes the draw";

/**
 * What is said against a right token, as an accuser says it who computed something else.
 * @param tokens of the context and after it, as they are committed
 * @param sample what a court is shown of the logits and the memory
 */
type Sham = (
  question: Question,
  tokens: readonly number[],
  sample: () => Promise<WrongSample>,
  random: Random,
) => Passes;

export const SHAMS: Record<ShamKind, Sham> = {
  "falls silent": () => ({ of: async () => undefined }),
  "disputes an element": (question, tokens, _sample, random) => {
    const { tensor, index } = anywhere(question, random);
    const { pass } = question.traced;
    const group = Math.floor(index / GROUP_VALUES);
    let shownBefore: Promise<WrongElement> | undefined;
    const lie: Pass = {
      roots: (pass.roots as Bytes[]).with(tensor, random.bytes(32)),
      token: -1,
      async groups(demanded) {
        const { groupRoots, ...rest } = await pass.groups(demanded);
        return { ...rest, groupRoots: groupRoots.with(group, random.bytes(32)) };
      },
      group: (demanded, at) => pass.group(demanded, at),
      // The court says no, and it is tried again.
      element(shown) {
        shownBefore ??= inSteps(rightElement(question, tokens, shown, index));
        return shownBefore;
      },
      sample: () => pass.sample(),
    };
    return { of: async () => lie };
  },
  "disputes the draw": (question, _tokens, sample) => {
    const { pass } = question.traced;
    const { roots } = pass;
    const lie: Pass = {
      roots,
      token: -1,
      groups: (tensor) => pass.groups(tensor),
      group: (tensor, group) => pass.group(tensor, group),
      element: (shown) => pass.element(shown),
      sample,
    };
    return { of: async () => lie };
  },
};

/** Whatever stands at an index of a tensor: it is right. */
function* rightElement(
  { model, traced }: Question,
  tokens: readonly number[],
  shown: Parameters<Pass["element"]>[0],
  index: number,
): Generator<undefined, WrongElement> {
  const { program } = model.opener.manifest;
  const { context } = traced;
  const around = tensorsAround(program, new TraceLayout(program, context.length), shown.tensor);
  const tensors = yield* tensorsOf(program, model.opener.constants, context, around);
  const proof = yield* openElement(crypto, model.opener, { tokens: context, tensors }, shown, index);
  if (proof.token === undefined) return { ...proof, token: 0, tokenProof: [] };
  const { position } = proof.place;
  const tokenProof = rangeProof(crypto, { length: 0, peaks: [] }, tokens, position, position + 1);
  return { ...proof, token: proof.token, tokenProof };
}

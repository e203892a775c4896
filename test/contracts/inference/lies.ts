import type { Bytes } from "../../../offchain/core/bytes.ts";
import { ListTree } from "../../../offchain/core/list-tree.ts";
import type { Memory } from "../../../offchain/core/memories.ts";
import { rowOf } from "../../../offchain/core/memory-definition.ts";
import type { Kind } from "../../../offchain/core/model-program.ts";
import { MODEL_TREE } from "../../../offchain/core/model-tiles.ts";
import { type ElementPlace, TILE_BYTES, TraceLayout } from "../../../offchain/core/model-trace-layout.ts";
import { runProgram } from "../../../offchain/core/model-trace-run.ts";
import { groupBytes, groupRoots, tensorsOf, tensorTree } from "../../../offchain/core/model-trace-tree.ts";
import type { Pass } from "../../../offchain/core/pass.ts";
import { leafHash } from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { inSteps } from "../../../offchain/node/in-steps.ts";
import { falsePass, shownPass } from "../../helpers/false-pass.ts";
import type { Random } from "../../sim/random.ts";
import { type Question, tokenOf } from "./question.ts";

/** What has to convict a liar: the very element that it made up, the token that follows, or that it shows nothing. */
export type Proof =
  | { type: "element"; op: number; kind: Kind; place: ElementPlace }
  | { type: "sample"; expected: number }
  | { type: "silence"; kind: Kind; at: "tensor" | "demanded" };

/** A token that is not what the model says, and what its author says of it in court. */
export type Lie = { token: number; pass: Pass; proof: Proof };

/** Undefined where the question has nothing to lie about in that way. */
type Liar = (question: Question, random: Random) => Promise<Lie | undefined>;

export type LieKind =
  | "an element, and all that follows from it"
  | "an element, and nothing else"
  | "another token"
  | "another draw"
  | "another row of the memory"
  | "a root of nothing";

/** What one gets wrong values to be: near the right one, or anything. */
const FAR = 2 ** 20;
const TRIES = 24;

export const LIES: Record<LieKind, Liar> = {
  "an element, and all that follows from it": async (question, random) => {
    const at = anywhere(question, random);
    const { roots, logits, values } = await inSteps(runWith(question, at, random));
    const drawn = tokenOf(question, logits);
    const token = drawn === tokenOf(question) ? otherToken(question, random) : drawn;
    return { token, pass: await shown(question, at.tensor, values, roots, token), proof: elementAt(at) };
  },
  "an element, and nothing else": async (question, random) => {
    const at = anywhere(question, random);
    const { model, traced } = question;
    const token = otherToken(question, random);
    const change = (values: Int32Array) => alter(values, at.index, random);
    const { tensor } = at;
    const told = { pass: traced.pass, model: model.opener, context: traced.context, tensor, change, token };
    return { token, pass: falsePass(told), proof: elementAt(at) };
  },
  "another token": async (question, random) => insist(question, otherToken(question, random)),
  "another draw": async (question, random) => {
    for (let i = 0; i < TRIES; i++) {
      const { request, samplerK } = question.drawn;
      const temperature = random.pick([0, 20, 100, 400]);
      const token = tokenOf(
        question,
        undefined,
        random.pick([
          { id: random.bytes(32) },
          { request: { ...request, parameters: { temperature, stop: [] } } },
          { samplerK: samplerK + random.pick([-2, -1, 1, 2]) },
        ]),
      );
      if (token !== tokenOf(question)) return insist(question, token);
    }
    return undefined;
  },
  "another row of the memory": async (question, random) => {
    const { reading } = question.drawn;
    if (!reading) return undefined;
    for (let i = 0; i < TRIES; i++) {
      const memory = withOtherRow(question, reading.memory, random);
      const token = tokenOf(question, undefined, { reading: { ...reading, memory } });
      if (token !== tokenOf(question)) return insist(question, token);
    }
    return undefined;
  },
  "a root of nothing": async (question, random) => {
    const { model, traced } = question;
    const { tensor, kind } = anywhere(question, random);
    const { program } = model.opener.manifest;
    const values = (await inSteps(tensorsOf(program, model.opener.constants, traced.context, new Set([tensor])))).get(
      tensor,
    ) as Int32Array;
    const groups = await inSteps(groupRoots(crypto, values));
    const group = random.int(0, groups.length - 1);
    const level = random.pick(["tensor", "group", "tile"]);
    const nothing = level === "tile" ? tileOfNothing(values, group, random) : random.bytes(32);
    const told = level === "tensor" ? groups : groups.with(group, nothing);
    const root = level === "tensor" ? nothing : tensorTree(crypto, told).root;
    const roots = (traced.pass.roots as Bytes[]).with(tensor, root);
    const token = otherToken(question, random);
    const pass = shownPass({
      model: model.opener,
      context: traced.context,
      tensor,
      values,
      groups: told,
      roots,
      token,
    });
    const cannot = () => Promise.reject(new Error(`nobody knows what the root of this ${level} is of`));
    const opens = level === "tensor" ? { groups: cannot, group: cannot } : { group: cannot };
    return {
      token,
      pass: { ...pass, ...opens },
      proof: { type: "silence", kind, at: level === "tensor" ? level : "demanded" },
    };
  },
};

/** The right trace, and that it leads to another token. */
async function insist(question: Question, token: number): Promise<Lie> {
  const expected = tokenOf(question);
  return { token, pass: leadingTo(question.traced.pass, token), proof: { type: "sample", expected } };
}

/** A pass that is said to lead to a token. */
export function leadingTo(pass: Pass, token: number): Pass {
  return {
    roots: pass.roots,
    token,
    groups: (tensor) => pass.groups(tensor),
    group: (tensor, group) => pass.group(tensor, group),
    element: (shown) => pass.element(shown),
    sample: () => pass.sample(),
  };
}

type Somewhere = { tensor: number; index: number; op: number; kind: Kind; place: ElementPlace };

/** A tensor, then one of its elements, each as likely as any other: so is the position. */
export function anywhere({ model, traced }: Question, random: Random): Somewhere {
  const layout = new TraceLayout(model.opener.manifest.program, traced.context.length);
  const tensor = random.int(0, layout.tensors - 1);
  const of = layout.opAt(tensor);
  const index = random.int(0, layout.lengthOf(of) - 1);
  const place = layout.placeAt(of, tensor - of.firstTensor, index);
  return { tensor, index, op: of.number, kind: of.op.kind, place };
}

const elementAt = ({ op, kind, place }: Somewhere): Proof => ({ type: "element", op, kind, place });

function alter(values: Int32Array, index: number, random: Random): void {
  const right = values[index] as number;
  const wrong = random.pick([right + 1, right - 1, -right, 0, right + random.int(-FAR, FAR), random.int(-FAR, FAR)]);
  values[index] = wrong === right ? right + 1 : wrong;
}

/** A forward pass in which one element is altered before anything reads it. Goes in steps. */
function* runWith({ model, traced }: Question, { tensor, index }: Somewhere, random: Random) {
  const { manifest, constants } = model.opener;
  const { program } = manifest;
  const { firstTensor } = new TraceLayout(program, traced.context.length).of(program.logits);
  const roots: Bytes[] = [];
  let [values, logits] = [new Int32Array(), new Int32Array()];
  for (const computed of runProgram(program, constants, traced.context)) {
    yield;
    if (!computed) continue;
    if (computed.tensor === tensor) {
      alter(computed.values, index, random);
      values = computed.values.slice();
    }
    const isRight = computed.tensor < tensor;
    const root = isRight ? traced.pass.roots[computed.tensor] : undefined;
    roots.push(root ?? tensorTree(crypto, yield* groupRoots(crypto, computed.values)).root);
    if (computed.tensor === firstTensor) logits = computed.values.slice(-program.vocab);
  }
  return { roots, logits, values };
}

async function shown(question: Question, tensor: number, values: Int32Array, roots: readonly Bytes[], token: number) {
  const groups = await inSteps(groupRoots(crypto, values));
  const { model, traced } = question;
  return shownPass({ model: model.opener, context: traced.context, tensor, values, groups, roots, token });
}

function otherToken(question: Question, random: Random): number {
  const { vocab } = question.model.opener.manifest.program;
  return (tokenOf(question) + random.int(1, vocab - 1)) % vocab;
}

/** A memory with another number in a row that the context reads, or with nothing there. */
function withOtherRow({ traced, model }: Question, memory: Memory, random: Random): Memory {
  const { definition } = memory;
  const { context } = traced;
  const order = random.int(0, definition.orders.length - 1);
  const row = rowOf(definition, order, context.length, (i) => context[i] as number);
  const there = [...(memory.row(order, row)?.cells() ?? [])];
  if (there.length > 0 && random.chance(0.3))
    return memory.add(there.map(([column, count]) => ({ order, row, column, count: 2 ** 32 - count })));
  const column = random.int(0, model.opener.manifest.program.vocab - 1);
  return memory.add([{ order, row, column, count: 2 ** random.int(0, 12) }]);
}

/** The root of a group with a tile in it that nobody knows. */
function tileOfNothing(values: Int32Array, group: number, random: Random): Bytes {
  const bytes = groupBytes(values, group);
  const leaves: Bytes[] = [];
  for (let at = 0; at < bytes.length; at += TILE_BYTES)
    leaves.push(leafHash(crypto, MODEL_TREE.group, bytes.subarray(at, at + TILE_BYTES)));
  const tile = random.int(0, leaves.length - 1);
  const { root } = new ListTree(crypto, MODEL_TREE.group, leaves.with(tile, random.bytes(32)));
  return root;
}

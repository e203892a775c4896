import type { Bytes } from "./bytes.ts";
import { firstOtherValue } from "./model-trace-find.ts";
import { type ElementPlace, TraceLayout } from "./model-trace-layout.ts";
import type { ModelOpener, OpenedLeaf, OpenedOp } from "./model-trace-model.ts";
import { type Read, readsOf } from "./model-trace-reads.ts";
import { groupBytes, groupRoots, type OpenedTile, TensorOpener, tensorTree, traceTree } from "./model-trace-tree.ts";
import type { Hashing } from "./ports.ts";

/** Values of one tensor, and what stands beside the tensor's root in the trace; of constants nothing does. */
export type OpenedRun = { tiles: OpenedTile[]; proof: Bytes[] };
export type OpenedOperand = OpenedLeaf & { run: OpenedRun };

/** An element of an answer that is not what it is made of, as `IInferenceCourt.ElementProof` has it. */
export type ElementProof = {
  /** Leaf 0 of the manifest. */
  head: Bytes;
  op: OpenedOp;
  place: ElementPlace;
  run: OpenedRun;
  operands: OpenedOperand[];
  /** At the element's position, which is to be proven of the context; of operations that read no token undefined. */
  token: number | undefined;
};
/** What follows from an answer's logits, as `IInferenceCourt.SampleProof` has it, without the memory. */
export type LogitsProof = { head: Bytes; logits: OpenedOp; run: OpenedRun };

/** What an answer's author has shown: the roots of its trace, those of a tensor's groups, and the values of one group. */
export type Shown = {
  tensorRoots: readonly Bytes[];
  tensor: number;
  groupRoots: readonly Bytes[];
  group: number;
  bytes: Bytes;
};

/** What one has oneself: the context, and the tensors of one's own forward pass, see `tensorsAround`. */
export type Own = { tokens: readonly number[]; tensors: ReadonlyMap<number, Int32Array> };

/**
 * Proves the first value that is wrong in what was shown. All tensors before that one are the same on both sides. Goes in
 * steps, see `runProgram`.
 * @returns undefined where the group is one's own
 */
export function* proveElement(
  h: Hashing,
  model: ModelOpener,
  own: Own,
  shown: Shown,
): Generator<undefined, ElementProof | undefined> {
  const index = firstOtherValue(valuesOf(own.tensors, shown.tensor), shown.group, shown.bytes);
  return index === undefined ? undefined : yield* openElement(h, model, own, shown, index);
}

/** Opens the element at an index of the group that was shown, right or wrong, and all that it is made of. Goes in steps. */
export function* openElement(
  h: Hashing,
  model: ModelOpener,
  { tokens, tensors }: Own,
  shown: Shown,
  index: number,
): Generator<undefined, ElementProof> {
  const { tensor } = shown;
  const layout = new TraceLayout(model.manifest.program, tokens.length);
  const trace = traceTree(h, shown.tensorRoots);
  const traced = layout.opAt(tensor);
  const { op, number } = traced;
  const place = layout.placeAt(traced, tensor - traced.firstTensor, index);
  const token = tokens[place.position];
  const firstOf = ({ name, first }: Read) => {
    const from = layout.of(name);
    return valuesOf(tensors, from.firstTensor + first.head)[layout.indexOf(from, first)];
  };
  const operands: OpenedOperand[] = [];
  for (const { name, isConstant, count, first } of readsOf(op, place, tokens.length, token, firstOf)) {
    if (isConstant) {
      const tiles = model.run(name, first.position, first.column, count);
      operands.push({ ...model.constant(name), run: { tiles, proof: [] } });
      continue;
    }
    const from = layout.of(name);
    const read = from.firstTensor + first.head;
    const opener = yield* openerOf(h, valuesOf(tensors, read));
    const { leaf, proof: leafProof } = model.op(from.number);
    const run = { tiles: opener.run(layout.indexOf(from, first), count), proof: trace.proof(read) };
    operands.push({ leaf, leafProof, run });
  }
  const theirs = new TensorOpener(h, shown.groupRoots, () => shown.bytes);
  return {
    head: model.head,
    op: model.op(number),
    place,
    run: { tiles: theirs.run(index, 1), proof: trace.proof(tensor) },
    operands,
    token: op.kind === "embedding" ? token : undefined,
  };
}

/** Opens the logits of the last position, where an answer's whole trace is one's own. Goes in steps. */
export function* proveLogits(
  h: Hashing,
  model: ModelOpener,
  { tokens, tensors }: Own,
  tensorRoots: readonly Bytes[],
): Generator<undefined, LogitsProof> {
  const { program } = model.manifest;
  const layout = new TraceLayout(program, tokens.length);
  const traced = layout.of(program.logits);
  const opener = yield* openerOf(h, valuesOf(tensors, traced.firstTensor));
  const first = layout.indexOf(traced, { head: 0, position: tokens.length - 1, part: 0, column: 0 });
  const proof = traceTree(h, tensorRoots).proof(traced.firstTensor);
  const run = { tiles: opener.run(first, program.vocab), proof };
  return { head: model.head, logits: model.op(traced.number), run };
}

/** A tensor's groups as they are shown when it is demanded. Goes in steps. */
export function* showGroups(
  h: Hashing,
  model: ModelOpener,
  { tokens, tensors }: Own,
  tensorRoots: readonly Bytes[],
  tensor: number,
): Generator<undefined, { op: OpenedOp; groupRoots: Bytes[]; proof: Bytes[] }> {
  const { number } = new TraceLayout(model.manifest.program, tokens.length).opAt(tensor);
  const roots = yield* groupRoots(h, valuesOf(tensors, tensor));
  return { op: model.op(number), groupRoots: roots, proof: traceTree(h, tensorRoots).proof(tensor) };
}

/** A group's values as they are shown when it is demanded: what stands beside it in its tensor, then in the trace. */
export function showGroup(
  h: Hashing,
  { tensors }: Own,
  { tensorRoots, tensor, groupRoots, group }: Omit<Shown, "bytes">,
): { values: Bytes; proof: Bytes[] } {
  const values = groupBytes(valuesOf(tensors, tensor), group);
  return { values, proof: [...tensorTree(h, groupRoots).proof(group), ...traceTree(h, tensorRoots).proof(tensor)] };
}

function* openerOf(h: Hashing, values: Int32Array): Generator<undefined, TensorOpener> {
  const roots = yield* groupRoots(h, values);
  return new TensorOpener(h, roots, (group) => groupBytes(values, group));
}

function valuesOf(tensors: ReadonlyMap<number, Int32Array>, number: number): Int32Array {
  return tensors.get(number) as Int32Array;
}

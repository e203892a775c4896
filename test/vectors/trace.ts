import type { Values } from "../../offchain/core/model-forward.ts";
import { manifestLeaves, modelRoot, modelTree } from "../../offchain/core/model-manifest.ts";
import { TraceLayout, type TracedOp } from "../../offchain/core/model-trace-layout.ts";
import { openElement, proveLogits } from "../../offchain/core/model-trace-proof.ts";
import { groupBytes, groupRoots, tensorsOf, tensorTree, traceTree } from "../../offchain/core/model-trace-tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { describe } from "../../offchain/inference/exact/describe.ts";
import { openerOf, toEnd } from "../helpers/trace.ts";
import { arithmetic, constantOf } from "../unit/inference/exact/austen.ts";
import { numbers } from "../unit/inference/exact/random-model.ts";

/** Long enough for parts of positions, and wide enough for parts of sums. */
const POSITIONS = 258;
const SIZES = { vocab: 7, layers: 1, kvHeads: 1, headDim: 2, maxPositions: 300 };
const [WIDTH, HEADS, HIDDEN, EXPONENTIALS] = [3, 2, 258, 20];

/** One of which every kind of operation makes something, and some in parts. */
export function smallModel() {
  const program = describe(SIZES, {
    ...arithmetic,
    width: WIDTH,
    heads: HEADS,
    hidden: HIDDEN,
    shifts: { ...arithmetic.shifts, layers: arithmetic.shifts.layers.slice(0, 1) },
    tables: { ...arithmetic.tables, exp: { entries: EXPONENTIALS } },
  });
  const draw = numbers(1);
  const values = new Map<string, Values>();
  for (const { name, rows, columns, bytes } of program.constants) {
    const most = bytes === 1 ? 127 : 1_024;
    const drawn = () => Int16Array.from({ length: rows * columns }, () => draw(2 * most + 1) - most);
    values.set(name, name === "rsqrt" || name === "reciprocal" ? constantOf(name) : drawn());
  }
  values.set(
    "exp",
    Int16Array.from({ length: EXPONENTIALS }, (_, i) => 100 * (EXPONENTIALS - 1 - i)),
  );
  const opener = openerOf(program, (name) => values.get(name) as Values);
  return { opener, program, tokens: Array.from({ length: POSITIONS }, () => draw(SIZES.vocab)) };
}

/** An operation of each kind: of those in most parts the last. */
function onePerKind({ ops }: TraceLayout): TracedOp[] {
  const best = new Map<string, TracedOp>();
  for (const traced of ops) if (traced.parts >= (best.get(traced.op.kind)?.parts ?? 0)) best.set(traced.op.kind, traced);
  return [...best.values()];
}

/** One of the last position's elements that are not zero: of every other operation the last one, else the first. */
function chosen(layout: TraceLayout, traced: TracedOp, values: Int32Array, i: number): number {
  const { parts, columns } = traced;
  const first = layout.indexOf(traced, { head: 0, position: POSITIONS - 1, part: 0, column: 0 });
  const found = values.subarray(first, first + parts * columns);
  return first + (i % 2 === 0 ? found.findIndex((x) => x !== 0) : found.findLastIndex((x) => x !== 0));
}

/** A forward pass of a small model, one element of each kind opened in it, and its last logits. */
export function trace() {
  const { opener, program, tokens } = smallModel();
  const layout = new TraceLayout(program, POSITIONS);
  const all = new Set(Array.from({ length: layout.tensors }, (_, number) => number));
  const tensors = toEnd(tensorsOf(program, opener.constants, tokens, all));
  const groups = [...tensors.values()].map((values) => toEnd(groupRoots(crypto, values)));
  const tensorRoots = groups.map((roots) => tensorTree(crypto, roots).root);
  const elements = onePerKind(layout).map((traced, i) => {
    const tensor = traced.firstTensor + traced.heads - 1;
    const values = tensors.get(tensor) as Int32Array;
    const index = chosen(layout, traced, values, i);
    const group = Math.floor(index / 4_096);
    const shown = { tensorRoots, tensor, groupRoots: groups[tensor], group, bytes: groupBytes(values, group) };
    const proof = toEnd(openElement(crypto, opener, { tokens, tensors }, shown, index));
    return { kind: traced.op.kind, tensor, index, value: values[index], proof };
  });
  return {
    model: {
      root: modelRoot(crypto, opener.manifest),
      leaves: manifestLeaves(opener.manifest),
      headProof: modelTree(crypto, opener.manifest).proof(0),
      constants: program.constants.length,
    },
    tokens,
    tensorRoots,
    traceRoot: traceTree(crypto, tensorRoots).root,
    elements,
    logits: toEnd(proveLogits(crypto, opener, { tokens, tensors }, tensorRoots)),
  };
}

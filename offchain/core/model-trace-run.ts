import { checkTokens, type Values } from "./model-forward.ts";
import { operandsOf, PART, type Program } from "./model-program.ts";
import { kernelOf } from "./model-trace-kernels.ts";
import { TraceLayout } from "./model-trace-layout.ts";

/** One tensor of a forward pass, laid out as traces are. */
export type Computed = { tensor: number; values: Int32Array };

/** How many terms are added up between two steps, at most. */
const STEP_TERMS = 2 ** 23;

/**
 * Runs a program over a whole context, tensor after tensor in the order of their numbers: the same integers as `forward`, fast.
 * A tensor is let go of when no later operation reads it. Goes in steps of some milliseconds, most of which give nothing, so
 * that whoever runs it can do something else in between.
 * @param program whose bounds are proven, and its constants
 * @throws WeftError `out_of_range` (tokens)
 */
export function* runProgram(
  program: Program,
  constants: (name: string) => Values,
  tokens: readonly number[],
): Generator<Computed | undefined, void> {
  checkTokens(program, tokens);
  const layout = new TraceLayout(program, tokens.length);
  const lastReader = lastReaders(program);
  const held = new Map<string, Int32Array[]>();
  for (const traced of layout.ops) {
    const { op, number, firstTensor, parts, columns } = traced;
    const heads = Array.from({ length: traced.heads }, () => new Int32Array(layout.lengthOf(traced)));
    const sources = {
      positions: tokens.length,
      tokens,
      tensor: (name: string) => held.get(name) as Int32Array[],
      constant: (name: string) => Int32Array.from(constants(name)),
    };
    const compute = kernelOf(op, sources, { heads, strides: layout.stridesOf(traced) });
    const atOnce = Math.max(1, Math.floor(STEP_TERMS / (parts * columns * PART)));
    for (const [head, values] of heads.entries()) {
      for (let position = 0; position < tokens.length; position++) {
        if (position > 0 && position % atOnce === 0) yield;
        compute(head, position);
      }
      yield { tensor: firstTensor + head, values };
    }
    held.set(op.name, heads);
    for (const name of held.keys()) if ((lastReader.get(name) ?? -1) <= number) held.delete(name);
  }
}

/** Number of the last operation that reads each tensor. */
function lastReaders({ ops, vocab, maxPositions }: Program): Map<string, number> {
  const last = new Map<string, number>();
  for (const [number, op] of ops.entries())
    for (const { name } of operandsOf(op, vocab, maxPositions).tensors) last.set(name, number);
  return last;
}

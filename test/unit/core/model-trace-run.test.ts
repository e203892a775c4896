import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type EarlierRows, forward, type Tensor, type Values } from "../../../offchain/core/model-forward.ts";
import type { Program } from "../../../offchain/core/model-program.ts";
import { TraceLayout } from "../../../offchain/core/model-trace-layout.ts";
import { runProgram } from "../../../offchain/core/model-trace-run.ts";
import { austen, constantOf } from "../inference/exact/austen.ts";
import { numbers, randomModel } from "../inference/exact/random-model.ts";
import { golden, same } from "../inference/tiny-model.ts";

/** Every value of every tensor of both, from the first position on that has no rows. */
function compare(
  program: Program,
  valuesOf: (name: string) => Values,
  ids: readonly number[],
  earlier?: EarlierRows,
): number {
  const [layout, expected] = [new TraceLayout(program, ids.length), forward(program, valuesOf, ids, earlier)];
  let [next, compared] = [0, 0];
  for (const step of runProgram(program, valuesOf, ids)) {
    if (!step) continue;
    assert.equal(step.tensor, next++);
    const traced = layout.opAt(step.tensor);
    const head = step.tensor - traced.firstTensor;
    const { values, heads, parts, columns, first } = expected.get(traced.op.name) as Tensor;
    assert.equal(step.values.length, ids.length * parts * columns);
    const count = values.length / heads;
    const ours = Int32Array.from({ length: count }, (_, i) => {
      const column = i % columns;
      const part = Math.floor(i / columns) % parts;
      const position = first + Math.floor(i / (columns * parts));
      return step.values[layout.indexOf(traced, { head, position, part, column })];
    });
    same(ours, Int32Array.from(values.slice(head * count, (head + 1) * count), Number));
    compared += count;
  }
  assert.equal(next, layout.tensors);
  return compared;
}

describe("the run of a program equals its interpreter in BigInt, every value of every tensor", () => {
  for (const positions of [1, 2, 5])
    it(`weft-austen at ${positions} positions`, () => {
      compare(austen, constantOf, golden.ids.slice(0, positions));
    });

  for (const positions of [255, 257, 300])
    it(`weft-austen at the last of ${positions} positions`, () => {
      const count = positions - 1;
      const rows = new Int8Array(golden.rows.slice(0, count * 512).buffer);
      compare(austen, constantOf, golden.ids.slice(0, positions), { count, rows });
    });

  it("random models, at ends of parts", (t) => {
    let compared = 0;
    for (let seed = 1; seed <= 7; seed++) {
      const { sizes, program, valuesOf } = randomModel(seed);
      const draw = numbers(seed);
      const positions = Math.min(sizes.maxPositions, [1, 2, 3 + draw(37), 255, 256, 257, 300][seed % 7]);
      const ids = Array.from({ length: positions }, () => draw(sizes.vocab));
      compared += compare(program, valuesOf, ids);
    }
    t.diagnostic(`${compared} values`);
  });

  it("in steps that are shorter than its tensors take", () => {
    const [wide] = austen.ops.filter(({ name }) => name === "0.gate");
    const { firstTensor } = new TraceLayout(austen, 130).of(wide.name);
    const steps = [...runProgram(austen, constantOf, golden.ids.slice(0, 130))].map((step) => step?.tensor);
    const made = steps.indexOf(firstTensor);
    assert.deepEqual(steps.slice(made - 3, made), [firstTensor - 1, undefined, undefined]);
  });

  it("tokens that are none are refused", () => {
    for (const tokens of [[], [256], [-1], [0.5], new Array(1_025).fill(0)])
      assert.throws(() => runProgram(austen, constantOf, tokens).next(), { code: "out_of_range", field: "tokens" });
  });
});

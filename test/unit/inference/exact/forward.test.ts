import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe as group, it } from "node:test";
import { elementOf } from "../../../../offchain/core/model-element.ts";
import { forward, type Tensor } from "../../../../offchain/core/model-forward.ts";
import { encodeManifest } from "../../../../offchain/core/model-manifest.ts";
import { checkProgram, type Op, type Program } from "../../../../offchain/core/model-program.ts";
import { describe } from "../../../../offchain/inference/exact/describe.ts";
import { plainForward } from "../../../helpers/plain-model.ts";
import { AUSTEN, golden, same } from "../tiny-model.ts";
import { arithmetic, austen, constantOf, sizes } from "./austen.ts";
import { randomModel } from "./random-model.ts";

const numbers = ({ values }: Tensor) => values.map(Number);
const logitsOf = (first: number, count: number) => golden.logits.subarray(first * 256, (first + count) * 256);
const rowsBefore = (count: number) => ({ count, rows: new Int8Array(golden.rows.slice(0, count * 512).buffer) });

/** KV rows as they are kept, of the positions that were computed. */
function computedRows(tensors: Map<string, Tensor>, count: number): number[] {
  const parts = austen.rows.flatMap(({ keys, values }) => [keys, values]).map((name) => tensors.get(name) as Tensor);
  return Array.from({ length: count }, (_, t) =>
    parts.flatMap((part) => numbers(part).slice(t * 64, (t + 1) * 64)),
  ).flat();
}

group("the program of weft-austen, element by element, equals the integer reference", () => {
  it("over a whole context", () => {
    const tensors = forward(austen, constantOf, golden.ids.slice(0, 4));
    same(numbers(tensors.get("logits") as Tensor), logitsOf(0, 4));
    same(computedRows(tensors, 4), new Int8Array(golden.rows.slice(0, 4 * 512).buffer));
  });

  for (const count of [255, 256, 512, 599])
    it(`after the rows of ${count} positions`, () => {
      const tensors = forward(austen, constantOf, golden.ids.slice(0, count + 1), rowsBefore(count));
      same(numbers(tensors.get("logits") as Tensor), logitsOf(count, 1));
      same(computedRows(tensors, 1), new Int8Array(golden.rows.slice(count * 512, (count + 1) * 512).buffer));
    });

  it("asks for each constant once", () => {
    const asked: string[] = [];
    forward(
      austen,
      (name) => {
        asked.push(name);
        return constantOf(name);
      },
      [0],
    );
    assert.deepEqual(asked.sort(), austen.constants.map(({ name }) => name).sort());
  });

  it("refuses tokens that are none", () => {
    for (const tokens of [[], [256], [-1], [0.5], new Array(1_025).fill(0)])
      assert.throws(() => forward(austen, constantOf, tokens), { code: "out_of_range", field: "tokens" });
  });
});

group("what a manifest says by docs/models.md alone", () => {
  it("are the reference's logits and rows, of the manifest that is shipped", () => {
    const manifest = new Uint8Array(readFileSync(`${AUSTEN}/manifest.bin`));
    const { logits, rows } = plainForward(manifest, constantOf, golden.ids.slice(0, 2));
    same(logits, logitsOf(0, 2));
    same(rows, new Int8Array(golden.rows.slice(0, 2 * 512).buffer));
  });

  for (const seed of [1, 2, 3])
    it(`is what the program says, of random model ${seed}`, () => {
      const { sizes: drawn, program, valuesOf } = randomModel(seed);
      const ids = Array.from({ length: 5 }, (_, i) => (seed * 7 + i * i) % drawn.vocab);
      const about = { name: "x", tokenizer: "bytes", endTokens: [], samplerK: 6, tilesRoot: new Uint8Array(32) };
      const { logits, rows } = plainForward(encodeManifest({ ...about, program }), valuesOf, ids);
      const tensors = forward(program, valuesOf, ids);
      same(logits, numbers(tensors.get(program.logits) as Tensor));
      const width = drawn.kvHeads * drawn.headDim;
      const parts = program.rows.flatMap(({ keys, values }) => [keys, values]);
      const own = ids.flatMap((_, t) =>
        parts.flatMap((name) => numbers(tensors.get(name) as Tensor).slice(t * width, (t + 1) * width)),
      );
      same(rows, own);
    });
});

group("rules of single elements", () => {
  const rule = (op: Op, tensors: Record<string, bigint[]>, constants: Record<string, bigint[]> = {}) =>
    elementOf(op, {
      positions: 1,
      token: () => 0,
      tensor: (name) => (_h, _t, part, column) => tensors[name][part + column],
      constant: (name) => (_row, column) => constants[name][column],
    });

  it("round halves up and keep within the clip, on both sides of zero", () => {
    const sum = (shift: number, clip: number, residual?: string) =>
      rule(
        { name: "x", kind: "partSum", input: "a", heads: 1, parts: 1, width: 8, shift, clip, residual },
        { a: [5n, 6n, 7n, -5n, -6n, -7n, 9_999n, -9_999n], r: [100n, 100n, 100n, 100n, 100n, 100n, 100n, 100n] },
      );
    const all = (of: ReturnType<typeof sum>) => Array.from({ length: 8 }, (_, n) => Number(of(0, 0, 0, n)));
    assert.deepEqual(all(sum(2, 127)), [1, 2, 2, -1, -1, -2, 127, -127]);
    assert.deepEqual(all(sum(-1, 0)), [10, 12, 14, -10, -12, -14, 19_998, -19_998]);
    assert.deepEqual(all(sum(2, 127, "r")), [101, 102, 102, 99, 99, 98, 127, -127]);
  });

  it("open a gate for what is above zero only", () => {
    const gate = rule(
      { name: "x", kind: "gate", gate: "g", up: "u", width: 4, shift: 1, clip: 127 },
      { g: [-3n, 0n, 3n, 300n], u: [5n, 5n, -5n, 5n] },
    );
    assert.deepEqual(
      [0, 1, 2, 3].map((f) => Number(gate(0, 0, 0, f))),
      [0, 0, -7, 127],
    );
  });
});

group("a program is refused", () => {
  const change = (name: string, edit: object) => ({
    ...austen,
    ops: austen.ops.map((op) => (op.name === name ? ({ ...op, ...edit } as Op) : op)),
  });
  const keyed = (program: Program, keys: string) => {
    const [{ values }, ...others] = program.rows;
    return { ...program, rows: [{ keys, values }, ...others] };
  };
  const oneHead = describe({ ...sizes, kvHeads: 1 }, { ...arithmetic, heads: 1 });
  // Six matrices of 2^21 tiles in two layers, and two more in the third.
  const wide = { ...arithmetic, width: 8_192, hidden: 65_536 };
  const cases: [string, string, () => void][] = [
    ["that reads what comes later", "0.query", () => checkProgram(change("0.query", { input: "1.norm1" }))],
    ["that reads in another shape", "0.query", () => checkProgram(change("0.query", { inner: 191 }))],
    ["that reads no constant", "0.norm1", () => checkProgram(change("0.norm1", { placeTable: "x" }))],
    ["that reads another table", "0.sum.parts", () => checkProgram(change("0.sum.parts", { entries: 511 }))],
    [
      "that has a residual of another width",
      "0.block",
      () => checkProgram(change("0.block", { residual: "0.hidden" })),
    ],
    ["that makes a tensor twice", "0.query", () => checkProgram({ ...austen, ops: [...austen.ops, austen.ops[3]] })],
    ["whose heads share nothing", "0.scores", () => describe(sizes, { ...arithmetic, heads: 5 })],
    [
      "whose rows nothing makes",
      "nothing",
      () => checkProgram({ ...austen, rows: [{ keys: "nothing", values: "logits" }] }),
    ],
    ["whose logits are something else", "norm", () => checkProgram({ ...austen, logits: "norm" })],
    ["that rounds parts of a sum", "0.block.parts", () => checkProgram(change("0.block.parts", { shift: 1 }))],
    ["whose heads are too long for one element", "0.scores", () => describe({ ...sizes, headDim: 258 }, arithmetic)],
    ["whose positions have too many parts", "0.max", () => describe({ ...sizes, maxPositions: 65_537 }, arithmetic)],
    ["whose rows are of many heads", "0.max", () => checkProgram(keyed(austen, "0.max"))],
    ["whose rows have parts", "0.block.parts", () => checkProgram(keyed(austen, "0.block.parts"))],
    ["whose rows grow with positions", "0.scores", () => checkProgram(keyed(oneHead, "0.scores"))],
    ["whose token is drawn from too many", "vocab", () => describe({ ...sizes, vocab: 1_025 }, arithmetic)],
    ["that has more tiles than their tree", "2.up.weight", () => describe({ ...sizes, maxPositions: 1 }, wide)],
    ["without shifts for a layer", "layers", () => describe({ ...sizes, layers: 5 }, arithmetic)],
  ];
  for (const [name, field, act] of cases) it(name, () => assert.throws(act, { code: "bad_model", field }));
});

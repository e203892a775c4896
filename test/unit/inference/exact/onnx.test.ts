import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe as group, it } from "node:test";
import { InferenceSession, Tensor as OnnxTensor } from "onnxruntime-node";
import { forward, type Tensor } from "../../../../offchain/core/model-forward.ts";
import type { Op } from "../../../../offchain/core/model-program.ts";
import { ModelProto } from "../../../../offchain/inference/exact/generated/onnx.ts";
import { Lowering } from "../../../../offchain/inference/exact/lowering.ts";
import { buildGraph } from "../../../../offchain/inference/exact/onnx.ts";
import { LEVELS, openGraph } from "../../../helpers/onnx-run.ts";
import { AUSTEN, golden, same } from "../tiny-model.ts";
import { austen, constantOf, sizes } from "./austen.ts";
import { compareRandom } from "./compare.ts";

/** Seed of a model with room for more than one part of positions, which is filled. */
const LONGEST = 7;
const graph = new Uint8Array(readFileSync(`${AUSTEN}/model.onnx`));
const rowsOf = (first: number, count: number) =>
  new Int8Array(golden.rows.slice(first * 512, (first + count) * 512).buffer);

// Thread counts, chunks and attached rows at the level that workers use: engine.test.ts.
it("a product that is not shifted is rounded to itself below 2^23, and may not be above", async () => {
  // The last is 32,767 · 511.
  const products = [8_388_605, 8_388_607, 8_388_609, 16_743_937];
  const lower = new Lowering(() => products.flatMap((product) => [product, 0]));
  const place = lower.graph.input("place", "float32", ["N", 1]);
  const factor = lower.factor(place, "table", { near: 0, far: 23, cap: products.length });
  lower.graph.output(lower.graph.node("Identity", [lower.halfUp(factor)], {}, "rounded"), ["N", 1]);
  const session = await InferenceSession.create(lower.graph.encode("rounding", "0x"));
  const places = Float32Array.from(products.keys());
  const { rounded } = await session.run({ place: new OnnxTensor("float32", places, [products.length, 1]) });
  await session.release();
  assert.deepEqual([...(rounded.data as Float32Array)], [8_388_605, 8_388_607, 8_388_610, 16_743_938]);
});

group("the graph of weft-austen equals the integer reference", () => {
  for (const level of LEVELS)
    for (const [threads, pieces] of [
      [1, [1, 1, 1, 1, 1, 7, 64, 31, 1]],
      [2, [108]],
    ] as const)
      it(`optimised: ${level}, ${threads} thread(s), in ${pieces.length} piece(s), and after shipped rows`, async () => {
        const { run, close } = await openGraph(graph, sizes, level, threads);
        const begun = await run(golden.ids, pieces);
        same(begun.logits, golden.logits.subarray(0, 108 * 256));
        same(begun.rows, rowsOf(0, 108));
        const resumed = await run(golden.ids, [1, 30, 1], rowsOf(0, 568));
        same(resumed.logits, golden.logits.subarray(568 * 256));
        same(resumed.rows, rowsOf(0, 600));
        await close();
      });

  it("and the program at the last position, where positions and tables end", async () => {
    const { run, close } = await openGraph(graph, sizes, "all", 1);
    const ids = Array.from({ length: sizes.maxPositions }, (_, i) => golden.ids[i % 600] ^ (i >> 9));
    const last = sizes.maxPositions - 1;
    const { rows } = await run(ids, [last]);
    const { logits, rows: all } = await run(ids, [1], rows);
    await close();
    const tensors = forward(austen, constantOf, ids, { count: last, rows });
    const of = (name: string) => (tensors.get(name) as Tensor).values.map(Number);
    same(logits, of("logits"));
    same(
      all.subarray(last * 512),
      austen.rows.flatMap(({ keys, values }) => [...of(keys), ...of(values)]),
    );
  });

  it("has standard operators only, and no more of them than a token can afford", () => {
    const { graph: made, opsetImport } = ModelProto.decode(graph);
    assert.deepEqual(
      opsetImport?.map(({ domain }) => domain ?? ""),
      [""],
    );
    const run = made?.node?.filter(({ input }) => !/weight|^0$/.test(input?.[0] ?? "")) ?? [];
    assert.ok(run.length < 420, `${run.length} nodes`);
  });
});

group("the graph of any model says what its manifest says", () => {
  let steps = 0;
  for (let seed = 1; seed <= 12; seed++)
    it(`random model ${seed}`, async () => {
      steps += (await compareRandom(seed, seed === LONGEST ? 262 : undefined)).positions;
    });

  it("at 200 random positions and more", () => assert.ok(steps >= 200, `${steps}`));

  it("a program that is put together otherwise is refused", () => {
    const refused = (changed: string, edit: object, field: string) => {
      const ops = austen.ops.map((op) => (op.name === changed ? ({ ...op, ...edit } as Op) : op));
      const act = () => buildGraph({ ...austen, ops }, constantOf, { name: "x", root: "0x" });
      assert.throws(act, { code: "unsupported", field });
    };
    refused("0.keys", { shift: 13 }, "0.queries");
    refused("0.query", { residual: "embedding" }, "0.queries");
    refused("0.weighted", { residual: "embedding" }, "0.weighted");
  });
});

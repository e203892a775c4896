import { forward, type Tensor } from "../../../../offchain/core/model-forward.ts";
import { buildGraph } from "../../../../offchain/inference/exact/onnx.ts";
import { LEVELS, openGraph } from "../../../helpers/onnx-run.ts";
import { same } from "../tiny-model.ts";
import { numbers, randomModel } from "./random-model.ts";

/**
 * Runs a random model on random tokens in ONNX Runtime, in random pieces, and by its program in BigInt: logits and rows
 * are the same. Returns how many of each were compared.
 */
export async function compareRandom(seed: number, length?: number): Promise<{ positions: number; values: number }> {
  const { sizes, program, valuesOf } = randomModel(seed);
  const draw = numbers(seed);
  const positions = length ?? 2 + draw(38);
  const ids = Array.from({ length: positions }, () => draw(sizes.vocab));
  const tensors = forward(program, valuesOf, ids);
  const of = (name: string) => (tensors.get(name) as Tensor).values.map(Number);
  const pieces: number[] = [];
  for (let left = positions; left > 0; left -= pieces.at(-1) as number) pieces.push(1 + draw(left));
  const { bytes } = buildGraph(program, valuesOf, { name: "random", root: "0x" });
  const { run, close } = await openGraph(bytes, sizes, LEVELS[seed % LEVELS.length], 1 + (seed % 2));
  const { logits, rows } = await run(ids, pieces);
  await close();
  same(logits, of(program.logits));
  const parts = program.rows.flatMap(({ keys, values }) => [of(keys), of(values)]);
  const width = sizes.kvHeads * sizes.headDim;
  const wanted = ids.flatMap((_, t) => parts.flatMap((part) => part.slice(t * width, (t + 1) * width)));
  same(rows, wanted);
  return { positions, values: logits.length + rows.length };
}

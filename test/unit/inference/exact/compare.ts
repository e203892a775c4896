import { encodeManifest } from "../../../../offchain/core/model-manifest.ts";
import { buildGraph } from "../../../../offchain/inference/exact/onnx.ts";
import { distribution, draw, TEMPERATURE_MAX } from "../../../../offchain/inference/sampling.ts";
import { LEVELS, openGraph } from "../../../helpers/onnx-run.ts";
import { plainForward, plainToken } from "../../../helpers/plain-model.ts";
import { same } from "../tiny-model.ts";
import { numbers, randomModel } from "./random-model.ts";

const THREADS = [1, 2, 4];
const SAMPLER_K = 6;

/**
 * Runs a random model on random tokens in ONNX Runtime: at every optimisation level, with some numbers of threads, and in two
 * each of these ways: in one piece, step by step, in random pieces, and after rows that were shipped. Logits, rows and the
 * tokens that follow are each time what its manifest says to who reads it by the page alone. Returns how many were compared.
 */
export async function compareRandom(seed: number, length?: number): Promise<{ positions: number; values: number }> {
  const { sizes, program, valuesOf } = randomModel(seed);
  const chance = numbers(seed);
  const positions = length ?? 2 + chance(38);
  const ids = Array.from({ length: positions }, () => chance(sizes.vocab));
  const about = {
    name: "random",
    tokenizer: "bytes",
    endTokens: [],
    samplerK: SAMPLER_K,
    tilesRoot: new Uint8Array(32),
  };
  const said = plainForward(encodeManifest({ ...about, program }), valuesOf, ids);

  const draws = ids.map(() => ({ temperature: chance(TEMPERATURE_MAX + 1), threshold: chance(65_536) }));
  const at = (logits: readonly number[], position: number) =>
    logits.slice(position * sizes.vocab, (position + 1) * sizes.vocab);
  const tokens = draws.map(({ temperature, threshold }, i) =>
    plainToken(at(said.logits, i), temperature, said.k, threshold),
  );

  const irregular: number[] = [];
  for (let left = positions; left > 0; left -= irregular.at(-1) as number) irregular.push(1 + chance(left));
  const shipped = chance(positions);
  const ways = [
    { pieces: [positions], rows: 0 },
    { pieces: new Array<number>(positions).fill(1), rows: 0 },
    { pieces: irregular, rows: 0 },
    { pieces: [positions - shipped], rows: shipped },
  ];
  const { bytes } = buildGraph(program, valuesOf, { name: "random", root: "0x" });
  const rowBytes = said.rows.length / positions;
  let values = 0;
  for (const [i, level] of LEVELS.entries()) {
    const { run, close } = await openGraph(bytes, sizes, level, THREADS[(seed + i) % THREADS.length] as number);
    for (const { pieces, rows } of [0, 1].map((next) => ways[(seed + i + next) % ways.length] as (typeof ways)[0])) {
      const ran = await run(ids, pieces, said.rows.slice(0, rows * rowBytes));
      same(ran.logits, said.logits.slice(rows * sizes.vocab));
      same(ran.rows, said.rows);
      const drawn = draws.slice(rows).map(({ temperature, threshold }, j) => {
        const logits = Int32Array.from(at(ran.logits, j));
        return draw(distribution(logits, temperature, SAMPLER_K), threshold);
      });
      same(drawn, tokens.slice(rows));
      values += ran.logits.length + ran.rows.length + drawn.length;
    }
    await close();
  }
  return { positions, values };
}

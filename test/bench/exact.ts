import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { createEngine } from "../../offchain/inference/engine.ts";
import { compareRandom } from "../unit/inference/exact/compare.ts";
import { walk } from "./exactness/walk.ts";

/** Speed of a model, and a long search for an element that ONNX Runtime and the program do not agree on. */

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const options = new Command("exact")
  .description(
    "Measures tokens a second, and runs random exact models, and weft-austen, in ONNX Runtime and by what their manifests say.",
  )
  .option("--models <folders...>", "model folders whose speed is measured in turns", [here("../../models/weft-austen")])
  .option("--rounds <n>", "how often; the best counts", Number, 5)
  .option("--steps <n>", "positions of random models that are compared", Number, 1_000)
  .option("--walk <n>", "positions of weft-austen's own answers that are compared", Number, 1_000)
  .option("--seed <n>", "of the first random model, and of the answers", Number, 1)
  .parse(["node", "exact", ...process.argv.slice(2)])
  .opts<{ models: string[]; rounds: number; steps: number; walk: number; seed: number }>();

const FOREVER = Number.POSITIVE_INFINITY;
const [DECODED, LATE, PREFILLED] = [200, 100, 600];
const ids = [...readFileSync(here("../vectors/weft-austen/ref_ids.u8"))];

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}

async function speed(): Promise<void> {
  const engines = await Promise.all(options.models.map((folder) => createEngine(folder, crypto)));
  const best = engines.map(() => ({ decode: FOREVER, prefill: FOREVER, late: FOREVER }));
  for (let round = 0; round < options.rounds; round++)
    for (const [i, engine] of engines.entries()) {
      const keep = (what: "decode" | "prefill" | "late", took: number) => {
        best[i][what] = Math.min(best[i][what], took);
      };
      const one = engine.createCache();
      const stepwise = (cache: typeof one, count: number) => async () => {
        for (let step = 0; step < count; step++) await engine.forward(cache, [ids[step]]);
      };
      keep("decode", await seconds(stepwise(one, DECODED)));
      const many = engine.createCache();
      keep("prefill", await seconds(() => engine.forward(many, ids.slice(0, PREFILLED))));
      keep("late", await seconds(stepwise(many, LATE)));
    }
  for (const [i, { decode, prefill, late }] of best.entries()) {
    await engines[i].close();
    const rate = (count: number, took: number) => Math.round(count / took);
    console.log(
      `${options.models[i]}: ${rate(DECODED, decode)} tokens/s from position 0, ${rate(LATE, late)} from ` +
        `${PREFILLED}, ${rate(PREFILLED, prefill)} as a prompt`,
    );
  }
}

async function search(): Promise<void> {
  let [steps, models, compared] = [0, 0, 0];
  for (let seed = options.seed; steps < options.steps; seed++, models++) {
    const { positions, values } = await compareRandom(seed).catch((cause) => {
      throw new Error(`model ${seed}: ${cause.message}`, { cause });
    });
    steps += positions;
    compared += values;
  }
  console.log(`${models} random models, ${steps} positions, ${compared} logits, row values and tokens: all equal`);
}

async function walkOn(): Promise<void> {
  const { positions, answers, runs } = await walk(options.walk, options.seed);
  console.log(`weft-austen: ${positions} positions of ${answers} answers, computed again in ${runs} runs: all equal`);
}

if (options.rounds > 0) await speed();
if (options.steps > 0) await search();
if (options.walk > 0) await walkOn();

import { readFileSync } from "node:fs";
import { Command } from "commander";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { DEFAULT_TOLERANCE } from "../../offchain/inference/config.ts";
import { tokenAfter } from "../../offchain/node/next-token.ts";
import { DISTANCE_ONE, distanceOf, reachOf, stepsOf } from "../../offchain/node/tolerance.ts";
import { hashOf, requestOf } from "../helpers/core.ts";
import { LEVELS, type Level, openGraph } from "../helpers/onnx-run.ts";
import { golden } from "../unit/inference/tiny-model.ts";
import { buildFloatGraph, type FloatSizes, randomWeights, readFloatModel } from "./float-model.ts";

/** How far floats of one model are from themselves: threads, optimisation levels, pieces. */

const SMALL: FloatSizes = {
  vocab: 256,
  width: 64,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  hidden: 128,
  maxPositions: 1_024,
};
const TEMPERATURES = [0, 20, 80, 100];
const SAMPLER_K = 6;

const options = new Command("tolerant")
  .description("Runs one float model in many ways, and prints how far its logits, rows and draws are from one another.")
  .option("--float <file>", "safetensors file of float weights; without it a small model has random ones")
  .option("--positions <n>", "tokens that it is fed", Number, 512)
  .option("--threads <n...>", "threads within an operator", (n: string, all: number[] = []) => [...all, Number(n)])
  .parse(["node", "tolerant", ...process.argv.slice(2)])
  .opts<{ float?: string; positions: number; threads?: number[] }>();

const { sizes, weights } = options.float
  ? readFloatModel(readFileSync(options.float))
  : { sizes: SMALL, weights: randomWeights(SMALL, 1) };
const { vocab } = sizes;
const ids = golden.ids.slice(0, options.positions);
const graph = buildFloatGraph(sizes, weights, "float");

const repeated = (size: number) => {
  const pieces = new Array(Math.floor(ids.length / size)).fill(size);
  return ids.length % size > 0 ? [...pieces, ids.length % size] : pieces;
};
const PIECES = { whole: [ids.length], "64 at once": repeated(64), "7 at once": repeated(7), stepwise: repeated(1) };

type Way = { level: Level; threads: number; pieces: keyof typeof PIECES };
type Numbers = { logits: number[]; rows: Float32Array };

async function computed({ level, threads, pieces }: Way): Promise<Numbers> {
  const { run, close } = await openGraph(graph, sizes, level, threads, (count) => new Float32Array(count));
  const numbers = await run(ids, PIECES[pieces]);
  await close();
  return numbers;
}

/** Between the least and the most that any way gave. */
class Spread {
  readonly #least: Float64Array;
  readonly #most: Float64Array;

  constructor(values: ArrayLike<number>) {
    this.#least = Float64Array.from(values);
    this.#most = Float64Array.from(values);
  }

  add(values: ArrayLike<number>): void {
    for (let i = 0; i < this.#least.length; i++) {
      this.#least[i] = Math.min(this.#least[i], values[i]);
      this.#most[i] = Math.max(this.#most[i], values[i]);
    }
  }

  /** @param isRelative to itself, or to 1 where it is smaller */
  quantiles(isRelative: boolean): string {
    const spreads = this.#least.map((least, i) => {
      const most = this.#most[i];
      return (most - least) / (isRelative ? Math.max(1, Math.abs(least), Math.abs(most)) : 1);
    });
    spreads.sort();
    const at = (part: number) =>
      spreads[Math.min(spreads.length - 1, Math.floor(part * spreads.length))].toExponential(1);
    return `median ${at(0.5)}, 99 % ${at(0.99)}, 99.99 % ${at(0.9999)}, most ${at(1)}`;
  }
}

/** What is drawn after each position, and from what. */
function drawings(logits: ArrayLike<number>, temperature: number) {
  const request = requestOf([ids[0]], { parameters: { temperature, stop: [] }, nonce: hashOf(`${temperature}`) });
  const drawn = { request, id: request.nonce, samplerK: SAMPLER_K, reading: undefined };
  return ids.map((_, t) => {
    const row = Float32Array.from({ length: vocab }, (_one, v) => logits[t * vocab + v]);
    const context = ids.slice(0, t + 1);
    return { drawing: { drawn, logits: row, context }, token: tokenAfter(crypto, drawn, row, context) };
  });
}

const REFERENCE: Way = { level: "all", threads: 1, pieces: "whole" };
const reference = await computed(REFERENCE);
const logits = new Spread(reference.logits);
const rows = new Spread(reference.rows);
const expected = new Map(TEMPERATURES.map((temperature) => [temperature, drawings(reference.logits, temperature)]));
const found = new Map(TEMPERATURES.map((temperature) => [temperature, { draws: 0, others: 0, farthest: 0 }]));
let ways = 0;
for (const level of LEVELS)
  for (const threads of options.threads ?? [1, 2, 4])
    for (const pieces of Object.keys(PIECES) as (keyof typeof PIECES)[]) {
      const numbers = await computed({ level, threads, pieces });
      logits.add(numbers.logits);
      rows.add(numbers.rows);
      ways++;
      for (const [temperature, ours] of expected) {
        const figures = found.get(temperature)!;
        for (const [t, { token }] of drawings(numbers.logits, temperature).entries()) {
          figures.draws++;
          if (token === ours[t].token) continue;
          figures.others++;
          figures.farthest = Math.max(figures.farthest, distanceOf(crypto, ours[t].drawing, token));
        }
      }
    }

console.log(`${options.float ? "float weights" : "random weights"}, ${ids.length} positions, ${ways} ways`);
console.log(`logits, nats: ${logits.quantiles(false)}`);
console.log(`rows, relative to themselves or 1: ${rows.quantiles(true)}`);
const steps = stepsOf(DEFAULT_TOLERANCE);
for (const [temperature, { draws, others, farthest }] of found) {
  // What an author could choose from, and would be found to agree.
  const choices = expected.get(temperature)!.map(({ drawing, token }) => {
    const may = (v: number) => v !== token && reachOf(crypto, drawing, v)(steps);
    return Array.from({ length: vocab }, (_, v) => v).some(may);
  });
  const chosen = choices.filter(Boolean).length / choices.length;
  console.log(
    `temperature ${(temperature / 100).toFixed(2)}: ${others} of ${draws} draws are other tokens, the farthest by ` +
      `${(farthest / DISTANCE_ONE).toFixed(4)} nats; within ${DEFAULT_TOLERANCE.toFixed(5)} nats ${(100 * chosen).toFixed(1)} % of the ` +
      "positions have more than one token",
  );
}

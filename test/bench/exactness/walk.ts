import { readFileSync } from "node:fs";
import { forward, type Tensor } from "../../../offchain/core/model-forward.ts";
import { TraceLayout } from "../../../offchain/core/model-trace-layout.ts";
import { runProgram } from "../../../offchain/core/model-trace-run.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { createEngine, type Engine } from "../../../offchain/inference/engine.ts";
import { distribution, draw, TEMPERATURE_MAX } from "../../../offchain/inference/sampling.ts";
import { LEVELS, openGraph } from "../../helpers/onnx-run.ts";
import { austen, constantOf, sizes } from "../../unit/inference/exact/austen.ts";
import { numbers } from "../../unit/inference/exact/random-model.ts";
import { AUSTEN, same } from "../../unit/inference/tiny-model.ts";

const THREADS = [1, 2, 4];
const { vocab, maxPositions } = sizes;
const ROW_BYTES = austen.rows.length * 2 * sizes.kvHeads * sizes.headDim;

/** What a worker wrote of a random beginning, and by which logits and draws. */
type Answer = { ids: number[]; logits: number[]; rows: Int8Array; draws: { temperature: number; threshold: number }[] };
type Chance = (below: number) => number;

/** Step by step, as workers do. */
async function write(engine: Engine, length: number, chance: Chance): Promise<Answer> {
  const ids = Array.from({ length: 1 + chance(Math.min(32, length)) }, () => chance(vocab));
  const cache = engine.createCache();
  const logits: number[] = [];
  const draws: Answer["draws"] = [];
  for (let at = 0; at < length; at++) {
    const after = (await engine.forward(cache, [ids[at] as number])) as Int32Array;
    logits.push(...after);
    draws.push({ temperature: chance(TEMPERATURE_MAX + 1), threshold: chance(2 ** 16) });
    if (at + 1 === ids.length && ids.length < length) ids.push(tokenOf(engine, after, draws[at] as Answer["draws"][0]));
  }
  return { ids, logits, rows: new Int8Array(cache.rows(0, length)), draws };
}

const tokenOf = (engine: Engine, logits: Int32Array, { temperature, threshold }: Answer["draws"][0]) =>
  draw(distribution(logits, temperature, engine.model.samplerK), threshold);

function tokensOf(engine: Engine, logits: ArrayLike<number>, draws: Answer["draws"]): number[] {
  const all = Int32Array.from(logits);
  return draws.map((one, i) => tokenOf(engine, all.subarray(i * vocab, (i + 1) * vocab), one));
}

/** In one piece, in random ones, or after rows of the author's. */
function wayOf(length: number, chance: Chance): { pieces: number[]; shipped: number } {
  const shipped = chance(2) * chance(length);
  const most = [length, 64, 7][chance(3)] as number;
  const pieces: number[] = [];
  for (let left = length - shipped; left > 0; left -= pieces.at(-1) as number)
    pieces.push(1 + chance(Math.min(left, most)));
  return { pieces: chance(3) === 0 ? [length - shipped] : pieces, shipped };
}

/** All logits and rows by the program, which has nothing of the graph. */
function byProgram(ids: readonly number[]): { logits: number[]; rows: number[] } {
  const layout = new TraceLayout(austen, ids.length);
  const parts = austen.rows.flatMap(({ keys, values }) => [keys, values]);
  const kept = new Map<string, Int32Array>();
  for (const computed of runProgram(austen, constantOf, ids)) {
    const name = computed && layout.opAt(computed.tensor).op.name;
    if (name && (name === austen.logits || parts.includes(name))) kept.set(name, computed.values);
  }
  const at = (name: string, position: number) => {
    const traced = layout.of(name);
    const values = kept.get(name) as Int32Array;
    const index = (column: number) => layout.indexOf(traced, { head: 0, position, part: 0, column });
    return Array.from({ length: traced.columns }, (_, column) => values[index(column)] as number);
  };
  return {
    logits: ids.flatMap((_, t) => at(austen.logits, t)),
    rows: ids.flatMap((_, t) => parts.flatMap((name) => at(name, t))),
  };
}

/**
 * weft-austen writes answers, so many positions in all, which sessions of every optimisation level and number of threads
 * compute again in other ways, and its program as well; one position of each by the interpreter in BigInt.
 */
export async function walk(steps: number, seed: number): Promise<{ positions: number; answers: number; runs: number }> {
  const chance = numbers(seed);
  const engine = await createEngine(AUSTEN, crypto);
  const graph = new Uint8Array(readFileSync(`${AUSTEN}/model.onnx`));
  const sessions = await Promise.all(
    LEVELS.flatMap((level) => THREADS.map((threads) => openGraph(graph, sizes, level, threads))),
  );
  let [positions, answers, runs] = [0, 0, 0];
  while (positions < steps) {
    // The first is as long as a context may be.
    const length = Math.min(steps - positions, answers === 0 ? maxPositions : 1 + chance(maxPositions));
    const { ids, logits, rows, draws } = await write(engine, length, chance);
    for (const { run } of sessions) {
      const { pieces, shipped } = wayOf(length, chance);
      const ran = await run(ids, pieces, rows.slice(0, shipped * ROW_BYTES));
      same(ran.logits, logits.slice(shipped * vocab));
      same(ran.rows, rows);
      same(tokensOf(engine, ran.logits, draws.slice(shipped)), tokensOf(engine, logits, draws).slice(shipped));
    }
    const program = byProgram(ids);
    same(program.logits, logits);
    same(program.rows, rows);
    const last = chance(length);
    const earlier = { count: last, rows: rows.slice(0, last * ROW_BYTES) };
    const tensors = forward(austen, constantOf, ids.slice(0, last + 1), earlier);
    same((tensors.get(austen.logits) as Tensor).values.map(Number), logits.slice(last * vocab, (last + 1) * vocab));
    positions += length;
    answers++;
    runs += sessions.length;
  }
  await Promise.all([engine.close(), ...sessions.map(({ close }) => close())]);
  return { positions, answers, runs };
}

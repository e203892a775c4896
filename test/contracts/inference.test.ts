import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Op } from "../../offchain/core/model-program.ts";
import { sizesOf } from "../../offchain/core/model-program.ts";
import { tileTree } from "../../offchain/core/model-tiles.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { numbers, randomModel } from "../unit/inference/exact/random-model.ts";
import { openExaminers } from "./inference-world.ts";
import { type Known, type Place, PlainTrace, Prover } from "./plain-trace.ts";

const SEEDS = [1, 2, 3, 5];

/** A random model with its root over tiles. */
function modelOf(seed: number): Known {
  const { program, valuesOf } = randomModel(seed);
  const { root } = tileTree(crypto, program.constants, valuesOf);
  const about = { name: "random", tokenizer: "bytes", endTokens: [], samplerK: 6 };
  return { manifest: { ...about, program, tilesRoot: root }, valuesOf };
}

describe("elements of whole forward passes, opened from traces", () => {
  let examiners: Awaited<ReturnType<typeof openExaminers>>;
  before(async () => {
    examiners = await openExaminers();
  });
  after(() => examiners.close());

  async function judge(seed: number, positions: number): Promise<Map<string, bigint>> {
    const draw = numbers(seed);
    const known = modelOf(seed);
    const { vocab, ops } = known.manifest.program;
    const tokens = Array.from({ length: positions }, () => draw(vocab));
    const trace = PlainTrace.of(known, tokens);
    const gas = new Map<string, bigint>();
    await examiners.register(new Prover(trace));
    for (const op of ops) {
      const place = placeIn(op, positions, draw);
      const said = `seed ${seed}, ${op.name} (${op.kind}) at ${JSON.stringify(place)}`;
      await assert.rejects(examiners.element(new Prover(trace), op, place), /InferenceCourtSound/, said);
      const right = trace.value(op, place);
      const wrong = right + 1 - 2 * draw(2);
      trace.set(op, place, wrong);
      const { expected, stated, gas: used } = await examiners.element(new Prover(trace), op, place);
      assert.deepEqual([Number(expected), Number(stated)], [right, wrong], said);
      trace.set(op, place, right);
      gas.set(op.kind, used > (gas.get(op.kind) ?? 0n) ? used : (gas.get(op.kind) as bigint));
    }
    return gas;
  }

  function placeIn(op: Op, positions: number, draw: (below: number) => number): Place {
    const { heads, parts, columns } = sizesOf(op, positions);
    return { head: draw(heads), position: draw(positions), part: draw(parts), column: draw(columns) };
  }

  for (const seed of SEEDS)
    test(`seed ${seed}: every operation's element, right and wrong`, async (t) => {
      const gas = await judge(seed, [1, 2, 5, 17][seed % 4] as number);
      t.diagnostic([...gas].map(([kind, used]) => `${kind} ${used}`).join(", "));
    });

  test("positions in two parts", async (t) => {
    const isSmall = (seed: number) => {
      const { maxPositions, constants } = modelOf(seed).manifest.program;
      return maxPositions > 260 && constants.every(({ rows, columns }) => rows * columns < 2_000 || rows === 1);
    };
    let seed = 100;
    while (!isSmall(seed)) seed++;
    const gas = await judge(seed, 259);
    t.diagnostic([...gas].map(([kind, used]) => `${kind} ${used}`).join(", "));
  });
});

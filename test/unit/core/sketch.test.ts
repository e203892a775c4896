import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Memories } from "../../../offchain/core/memories.ts";
import { COSINE_ONE, Sketch } from "../../../offchain/core/sketch.ts";
import { surveyOf } from "../../../offchain/core/survey.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf, MEMORY } from "../../helpers/core.ts";

type Cell = [row: number, column: number, count: number];
const cells = fc.array(fc.tuple(fc.nat({ max: 2 ** 19 }), fc.nat({ max: 2 ** 18 }), fc.nat({ max: 2 ** 32 - 1 })));

function sketchOf(all: readonly Cell[], sign = 1): Sketch {
  const sketch = new Sketch();
  for (const [row, column, count] of all) sketch.add(7, row, column, sign * count);
  return sketch;
}

describe("the sketch of memories", () => {
  test("S1 is linear: in any order, and what is taken away again was never there", () => {
    fc.assert(
      fc.property(cells, cells, (a, b) => {
        const both = sketchOf([...a, ...b]);
        assert.ok(both.equals(sketchOf([...b, ...a].reverse())));
        assert.ok(both.equals(sketchOf(a).plus(sketchOf(b))));
        assert.ok(both.plus(sketchOf(b, -1)).equals(sketchOf(a)));
      }),
    );
  });

  test("its cosine is near that of the cells, 1 of what is alike and 0 of nothing and something", () => {
    const a = Array.from({ length: 2_000 }, (_, i): Cell => [i * 31, i % 256, 1 + (i % 7)]);
    const b = Array.from({ length: 2_000 }, (_, i): Cell => [i * 31 + 1, i % 256, 1 + (i % 7)]);
    for (const [share, expected] of [
      [0, 1],
      [0.2, 1 / Math.sqrt(1.04)],
      [1, 1 / Math.sqrt(2)],
    ] as const) {
      const some = b.map(([row, column, count]): Cell => [row, column, Math.round(count * 100 * share)]);
      const whole = a.map(([row, column, count]): Cell => [row, column, count * 100]);
      const cosine = sketchOf([...whole, ...some]).cosine(sketchOf(whole)) / COSINE_ONE;
      assert.ok(Math.abs(cosine - expected) < 0.05, `${cosine}, not ${expected}`);
    }
    assert.equal(sketchOf(a).cosine(sketchOf([...a, ...a])), COSINE_ONE);
    assert.equal(new Sketch().cosine(sketchOf(a)), 0);
    assert.equal(new Sketch().cosine(new Sketch()), COSINE_ONE);
    assert.equal(sketchOf([[1, 1, 2 ** 31]]).cosine(sketchOf([[1, 1, 2 ** 31]])), COSINE_ONE, "at the ends of int32");
  });

  test("a survey that follows another by what lies between equals one that begins anew", () => {
    const increment = fc.record({
      order: fc.nat({ max: 1 }),
      row: fc.nat({ max: 3 }),
      column: fc.nat({ max: 130 }),
      count: fc.constantFrom(1, 2, 2 ** 32 - 1),
    });
    const other = { ...MEMORY, salt: hashOf("other") };
    const step = fc.tuple(fc.constantFrom(MEMORY, other), fc.array(increment, { maxLength: 4 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), fc.nat({ max: 8 }), (steps, at) => {
        const fold = (from: Memories, some: typeof steps) =>
          some.reduce((to, [memory, what]) => to.add(memory, what), from);
        const before = fold(Memories.empty(crypto), steps.slice(0, at));
        const after = fold(before, steps.slice(at));
        for (const [from, to] of [
          [before, after],
          [after, before],
        ] as const) {
          const [followed, anew] = [surveyOf(to, { memories: from, survey: surveyOf(from) }), surveyOf(to)];
          assert.deepEqual([followed.memories, followed.cells], [anew.memories, anew.cells]);
          assert.ok(followed.sketch.equals(anew.sketch));
        }
      }),
    );
  });
});

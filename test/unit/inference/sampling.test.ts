import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { distribution, draw, quantiseLogits, weightTable } from "../../../offchain/inference/sampling.ts";
import { golden } from "./tiny-model.ts";

const logits = fc
  .array(fc.oneof(fc.integer({ min: -4_000_000, max: 4_000_000 }), fc.integer({ min: 0, max: 200 })), {
    minLength: 1,
    maxLength: 300,
  })
  .map((values) => Int32Array.from(values));
const temperature = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 1_000 }));
const k = fc.integer({ min: 0, max: 31 });
const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);

describe("weight table", () => {
  it("equals the tables the model was tried with", () => {
    assert.deepEqual([...weightTable(100)], golden.tables["sampler_exp_t100"]);
    assert.deepEqual([...weightTable(80)], golden.tables["sampler_exp_t080"]);
  });

  it("is the rounded exponential at every temperature, away from ties of the float one", () => {
    for (let t = 1; t <= 1_000; t++)
      for (const [i, weight] of weightTable(t).entries()) {
        const real = 65_535 * Math.exp((-i * 100) / (32 * t));
        if (i < 511) assert.ok(Math.abs(weight - real) < 0.5 + 1e-9, `t ${t} i ${i}`);
        else assert.equal(weight, 0);
      }
  });

  it("refuses other temperatures", () => {
    for (const t of [0, -1, 1001, 0.5, Number.NaN])
      assert.throws(() => weightTable(t), { code: "out_of_range", field: "temperature" });
  });
});

describe("distribution", () => {
  it("is the rule in big integers, and sums to 2^16", () => {
    fc.assert(
      fc.property(logits, fc.integer({ min: 1, max: 1_000 }), k, (values, t, shift) => {
        const max = Math.max(...values);
        const table = weightTable(t);
        const weights = [...values].map((v) => {
          const step = BigInt(max - v) >> BigInt(shift);
          return BigInt(table[step > 511n ? 511 : Number(step)]!);
        });
        const total = weights.reduce((a, b) => a + b, 0n);
        const expected = weights.map((w) => Number((w * 65_536n) / total));
        const largest = weights.findIndex((w) => weights.every((other) => other <= w));
        expected[largest]! += 65_536 - sum(expected);
        const got = distribution(values, t, shift);
        assert.deepEqual([...got], expected);
        assert.equal(sum(got), 65_536);
      }),
    );
  });

  it("is greedy at temperature 0, the lowest id among equals", () => {
    const p = distribution(Int32Array.of(3, 9, -5, 9), 0, 6);
    assert.deepEqual([...p], [0, 65_536, 0, 0]);
  });

  it("gives the remainder to the lowest id among the largest weights", () => {
    // 100 and 101 share a bucket of 64, so they weigh the same; 3 · floor(65536/3) leaves 1.
    assert.deepEqual([...distribution(Int32Array.of(101, 102, 103), 100, 6)], [21_846, 21_845, 21_845]);
  });

  it("takes logits as far apart as int32 goes", () => {
    const p = distribution(Int32Array.of(-(2 ** 31), 2 ** 31 - 1), 1_000, 0);
    assert.deepEqual([...p], [0, 65_536]);
    const close = distribution(Int32Array.of(-(2 ** 31), 2 ** 31 - 1), 1_000, 31);
    assert.deepEqual([...close], [32_716, 32_820]);
  });

  it("depends on differences only", () => {
    fc.assert(
      fc.property(logits, temperature, k, fc.integer({ min: -1_000_000, max: 1_000_000 }), (values, t, shift, by) => {
        assert.deepEqual(
          distribution(
            values.map((v) => v + by),
            t,
            shift,
          ),
          distribution(values, t, shift),
        );
      }),
    );
  });

  it("quantises float logits, masks and all", () => {
    const floats = Float32Array.of(1, -1, 0.5 / 2048, -0.5 / 2048, Number.NEGATIVE_INFINITY, 1e30);
    assert.deepEqual([...quantiseLogits(floats)], [2048, -2048, 1, 0, -(2 ** 30), 2 ** 30]);
    const whole = Int32Array.of(2048, 0, 1024);
    assert.deepEqual(distribution(Float32Array.of(1, 0, 0.5), 70, 6), distribution(whole, 70, 6));
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
      assert.throws(() => distribution(Float32Array.of(0, bad), 100, 6), { code: "out_of_range", field: "logits" });
  });

  it("refuses what it cannot take", () => {
    const one = Int32Array.of(1);
    assert.throws(() => distribution(new Int32Array(0), 100, 6), { code: "out_of_range", field: "logits" });
    for (const t of [-1, 1001, 1.5]) assert.throws(() => distribution(one, t, 6), { field: "temperature" });
    for (const shift of [-1, 32, 0.5]) assert.throws(() => distribution(one, 100, shift), { field: "k" });
  });
});

describe("draw", () => {
  it("hits each token exactly as often as its probability says", () => {
    const p = distribution(golden.logits.subarray(256 * 599), 90, 6);
    const hits = new Uint32Array(256);
    for (let threshold = 0; threshold < 65_536; threshold++) hits[draw(p, threshold)]!++;
    assert.deepEqual(hits, p);
  });

  it("never draws a token of no probability", () => {
    fc.assert(
      fc.property(logits, temperature, k, fc.integer({ min: 0, max: 65_535 }), (values, t, shift, threshold) => {
        const p = distribution(values, t, shift);
        assert.ok(p[draw(p, threshold)]! > 0);
      }),
    );
  });

  it("refuses thresholds and probabilities that are none", () => {
    for (const threshold of [-1, 65_536, 0.5])
      assert.throws(() => draw([65_536], threshold), { code: "out_of_range", field: "threshold" });
    assert.throws(() => draw([1, 2], 3), { code: "malformed", field: "probabilities" });
  });
});

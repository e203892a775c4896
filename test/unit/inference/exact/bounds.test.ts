import assert from "node:assert/strict";
import { describe as group, it } from "node:test";
import type { Values } from "../../../../offchain/core/model-forward.ts";
import type { OpOf } from "../../../../offchain/core/model-program.ts";
import type { Arithmetic, Sizes } from "../../../../offchain/inference/exact/arithmetic.ts";
import { EXACT_LIMIT, proveBounds } from "../../../../offchain/inference/exact/bounds.ts";
import { describe } from "../../../../offchain/inference/exact/describe.ts";
import { arithmetic, austen, constantOf, sizes } from "./austen.ts";

group("bounds of weft-austen", () => {
  const bounds = proveBounds(austen, constantOf);

  it("are proven of every operation that adds or multiplies", () => {
    const proven = new Set(bounds.map(({ op }) => op));
    const left = austen.ops.filter(({ name, kind }) => !proven.has(name) && !["scoreMax", "partMax"].includes(kind));
    assert.deepEqual(left, []);
    for (const { op, most } of bounds) assert.ok(most < EXACT_LIMIT, op);
  });

  it("are those worked out by hand", () => {
    const most = (op: string, of: string) => bounds.find((bound) => bound.op === op && bound.of === of)?.most;
    assert.equal(most("0.norm1.sum", "sum"), 192 * 255 ** 2);
    assert.equal(most("1.norm1", "product"), 32_767 * 255 + 2 ** 15);
    assert.equal(most("0.query", "rounded sum"), 192 * 127 ** 2 + 2 ** 5);
    assert.equal(most("0.scores", "masked score"), 32 * 127 ** 2 + 2 ** 21);
    assert.equal(most("0.sum.parts", "sum"), 1_024 * 4_095);
    assert.equal(most("0.probabilities", "product"), 8_906_753);
    assert.equal(most("0.probabilities", "sum of probabilities"), 4_639);
    assert.equal(most("2.block.parts", "sum"), 512 * 127 ** 2);
    assert.equal(Math.max(...bounds.map((bound) => bound.most)), 12_484_800);
  });

  it("hold for the probabilities that sum to most", () => {
    const total = bounds.find(({ of }) => of === "sum of probabilities")?.most as number;
    const exp = constantOf("exp");
    const table = constantOf("reciprocal");
    const { near, far, cap } = austen.ops.find(({ kind }) => kind === "probability") as OpOf<"probability">;
    let most = 0;
    // All keys but the largest are equally far below it: any two numbers of keys, any distance.
    for (let keys = 1; keys <= 1_024; keys++)
      for (let below = 0; below < 512; below += 7) {
        const sum = exp[0] + (keys - 1) * exp[below];
        const entry = Math.min(sum >> near, cap) + (sum >> far);
        const p = (e: number) => Math.floor((e * table[2 * entry]) / 2 ** table[2 * entry + 1] + 0.5);
        most = Math.max(most, p(exp[0]) + (keys - 1) * p(exp[below]));
      }
    assert.ok(most <= total, `${most} <= ${total}`);
    assert.ok(most > 0.9 * total, `${most} is near ${total}, so that a wrong bound would show`);
  });
});

group("a model is refused, and the operation named", () => {
  type Change = { sizes?: Partial<Sizes>; clips?: Partial<Arithmetic["clips"]>; layer?: object } & Partial<
    Omit<Arithmetic, "clips">
  >;
  const refusal = ({ sizes: other, clips, layer, ...rest }: Change, tables: (name: string) => Values = constantOf) => {
    const layers = arithmetic.shifts.layers.map((shifts) => ({ ...shifts, ...layer }));
    const changed = { ...arithmetic, shifts: { ...arithmetic.shifts, layers }, ...rest };
    const program = describe({ ...sizes, ...other }, { ...changed, clips: { ...arithmetic.clips, ...clips } });
    try {
      proveBounds(program, tables);
    } catch (error) {
      const { code, field, message } = error as { code?: string; field?: string; message: string };
      return `${code} ${field}: ${/(?:its (.*) reaches|reaches|(masked)|(ends?|begins)|entry)/.exec(message)?.[0]}`;
    }
    return "none";
  };
  const edited = (name: string, edit: (values: number[]) => void) => (asked: string) => {
    if (asked !== name) return constantOf(asked);
    const values = Array.from(constantOf(name));
    edit(values);
    return values;
  };

  const programs: [string, string, Change][] = [
    ["when a norm sums too large squares", "0.norm1.sum: its sum reaches", { clips: { norm: 296 } }],
    ["when the stream is too wide for a norm", "1.norm1: its product reaches", { clips: { residual: 65_700 } }],
    ["when a product is summed too long", "2.block.parts: its sum reaches", { hidden: 1_041 }],
    ["when a shift to the left leaves the range", "0.query: its rounded sum reaches", { layer: { q: -3 } }],
    ["when rounding adds too much", "0.query: its rounded sum reaches", { layer: { q: 25 } }],
    [
      "when the residual adds too much",
      "2.block: its sum with the residual reaches",
      { hidden: 520, layer: { down: -1 } },
    ],
    ["when angles turn too large values", "0.queries: its sum of products reaches", { clips: { turned: 11_600 } }],
    ["when scores and the mask are too large", "0.scores: its masked score reaches", { mask: 2 ** 24 - 1 }],
    [
      "when differences of scores are too large",
      "0.sum.parts: its difference of scores reaches",
      { mask: 2 ** 24 - 600_000 },
    ],
    ["when masked keys could count", "0.sum.parts: masked", { mask: 2 * 32 * 127 ** 2 + 511 * 8 - 1 }],
    ["when gates multiply too large values", "0.hidden: its product reaches", { clips: { gate: 4_096 } }],
    ["when rows are no bytes", "0.keys: reaches", { clips: { activation: 128 } }],
  ];
  it("when it has too many positions for a trace", () => {
    const ofPositions = (maxPositions: number) => () => describe({ ...sizes, maxPositions }, arithmetic);
    ofPositions(1_448)();
    assert.throws(ofPositions(1_449), { code: "bad_model", field: "0.scores" });
  });
  for (const [name, expected, change] of programs) it(name, () => assert.equal(refusal(change), `inexact ${expected}`));

  const half = (values: number[]) => values.length / 2;
  const unshifted = (multiplier: number) => (values: number[]) =>
    values.splice(0, values.length, ...values.map((_, i) => (i % 2 === 0 ? multiplier : 0)));
  const tables: [string, string, (name: string) => Values][] = [
    ["when exponentials add up", "0.sum.parts: its sum reaches", edited("exp", (t) => t.splice(0, 1, 32_767))],
    ["when a table is too short", "0.norm1: its sum reaches", edited("rsqrt", (t) => t.splice(-2))],
    [
      "when a multiplier is too large",
      "0.probabilities: its product reaches",
      edited("reciprocal", (t) => (t[t.length - 2] = 4_200)),
    ],
    ["when a half is added to what is not shifted", "1.norm1: its product reaches", edited("rsqrt", unshifted(257))],
    ["when a multiplier is negative", "0.norm1: entry", edited("rsqrt", (t) => (t[half(t)] = -1))],
    ["when an exponent is none", "0.norm1: entry", edited("rsqrt", (t) => (t[half(t) + 1] = -1))],
    ["when exponentials do not end", "0.sum.parts: end", edited("exp", (t) => (t[511] = 1))],
    ["when exponentials begin with nothing", "0.sum.parts: begins", edited("exp", (t) => (t[0] = 0))],
    ["when an exponential is negative", "0.sum.parts: entry", edited("exp", (t) => (t[3] = -1))],
    [
      "when probabilities sum to too much",
      "0.weighted.parts: its weighted sum reaches",
      edited("reciprocal", (t) => t.splice(0, t.length, ...t.map((x, i) => (i % 2 === 1 ? Math.max(0, x - 6) : x)))),
    ],
    [
      "when an angle is too large",
      "0.queries: its sum of products reaches",
      edited("angles", (t) => (t[1_023 * 32 + 31] = 4_097)),
    ],
  ];
  for (const [name, expected, changed] of tables)
    it(name, () => assert.equal(refusal({}, changed), `inexact ${expected}`));

  it("but not when twice what is not shifted keeps below 2^24", () =>
    // 2 · 32,767 · 256 + 1
    assert.equal(refusal({}, edited("rsqrt", unshifted(256))), "none"));
});

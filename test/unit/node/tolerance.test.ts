import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { incrementsOf } from "../../../offchain/core/fold.ts";
import { Memories, type Memory } from "../../../offchain/core/memories.ts";
import { memoryId } from "../../../offchain/core/memory-definition.ts";
import type { Reading } from "../../../offchain/core/reading.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { areOurRows, firstOther } from "../../../offchain/node/comparing.ts";
import { tokenAfter } from "../../../offchain/node/next-token.ts";
import { DISTANCE_ONE, distanceOf, OUT_OF_REACH, reachOf, stepsOf } from "../../../offchain/node/tolerance.ts";
import { hashOf, MEMORY, requestOf } from "../../helpers/core.ts";

/** What a token of a tolerant model may be by rounding, and by rounding alone. */

const VOCAB = 40;
const CONTEXT = [7, 8, 7, 8];
const memory = Memories.empty(crypto)
  .add(MEMORY, incrementsOf({ memory: MEMORY, first: 0, from: 0, ids: Array(9).fill([7, 8, 9, 7, 8, 3]).flat() }))
  .of(memoryId(crypto, MEMORY)) as Memory;

/** Of each token one, within ± most; not only extreme ones. */
const numbers = (most: number) =>
  fc.array(fc.noBias(fc.integer({ min: -most, max: most })), { minLength: VOCAB, maxLength: VOCAB });

type World = { logits: Float32Array; temperature: number; nonce: number; gate: Reading["gate"] | undefined };
const worlds: fc.Arbitrary<World> = fc.record({
  logits: numbers(1_000).map((list) => Float32Array.from(list, (one) => one / 300)),
  temperature: fc.constantFrom(0, 20, 80, 100, 300),
  nonce: fc.nat(),
  gate: fc.constantFrom(undefined, "weak" as const, "strong" as const),
});

function drawnOf({ temperature, nonce, gate }: Omit<World, "logits">) {
  const request = requestOf([1], { parameters: { temperature, stop: [] }, nonce: hashOf(`${nonce}`) });
  return { request, id: request.nonce, samplerK: 6, reading: gate && { memory, gate } };
}

test("whoever is within a distance is never taken for farther, at any temperature, with a memory and without", () => {
  // By chance, or, to shift what is drawn as far as may be, one way before a token and the other way after it.
  const across = fc.record({ pivot: fc.noBias(fc.nat({ max: VOCAB })), way: fc.constantFrom(-2, 2) });
  const moves = fc.oneof(
    numbers(2),
    across.map(({ pivot, way }) => Array.from({ length: VOCAB }, (_, v) => (v < pivot ? way : -way))),
  );
  let others = 0;
  fc.assert(
    fc.property(worlds, moves, fc.constantFrom(0, 1, 20, 200, 2_000), (world, moved, steps) => {
      const drawn = drawnOf(world);
      // An author whose every logit is another one by up to so many steps.
      const theirs = world.logits.map((logit, v) => logit + ((moved[v] as number) * steps * 0.4999) / DISTANCE_ONE);
      const token = tokenAfter(crypto, drawn, theirs, CONTEXT);
      const drawing = { drawn, logits: world.logits, context: CONTEXT };
      if (token !== tokenAfter(crypto, drawn, world.logits, CONTEXT)) others++;
      assert.ok(reachOf(crypto, drawing, token)(steps));
      assert.ok(distanceOf(crypto, drawing, token) <= steps);
    }),
    { seed: 6, numRuns: 800 },
  );
  assert.ok(others > 60, `${others} drew another token`);
});

test("a token that takes other logits is farther, and by how much is said", () => {
  const logits = new Float32Array(VOCAB).fill(-20);
  logits[3] = 1;
  logits[5] = 0.5;
  const far = (token: number, changes: Partial<World> = {}) => {
    const world = { temperature: 0, nonce: 1, gate: undefined, ...changes };
    return distanceOf(crypto, { drawn: drawnOf(world), logits, context: CONTEXT }, token);
  };
  assert.deepEqual([far(3), far(5), far(0)], [0, DISTANCE_ONE / 4, (21 * DISTANCE_ONE) / 2]);
  // At 1.00 the two have 62 % and 38 %: the threshold of one of many requests is in either.
  const distances = Array.from({ length: 40 }, (_, nonce) =>
    [3, 5].map((token) => far(token, { nonce, temperature: 100 })),
  );
  for (const [first, second] of distances) assert.equal(Math.min(first as number, second as number), 0);
  assert.ok(distances.every(([a, b]) => Math.max(a as number, b as number) < 6 * DISTANCE_ONE));
  assert.ok(distances.filter(([a, b]) => Math.max(a as number, b as number) > DISTANCE_ONE / 8).length > 30);
  // What is never drawn at a temperature takes logits that are quite others.
  assert.ok(far(0, { temperature: 20 }) > DISTANCE_ONE);
});

test("the first of an answer that is too far is named; of an exact model any other one is", () => {
  const model = { vocab: VOCAB, tolerance: 0.01 };
  const drawn = drawnOf({ temperature: 0, nonce: 1, gate: undefined });
  const rows = Float32Array.from({ length: 4 * VOCAB }, (_, i) => (i % VOCAB === 9 ? 2 : i % VOCAB === 4 ? 1.99 : 0));
  const other = (tokens: number[], logits: Float32Array | Int32Array = rows, change = {}) =>
    firstOther(crypto, { ...model, ...change }, drawn, tokens, { logits, from: 0 });
  assert.equal(other([1, 9, 4, 9, 9]), undefined, "almost as likely");
  assert.deepEqual(other([1, 9, 4, 5, 4]), { position: 3, distance: DISTANCE_ONE });
  assert.deepEqual(other([1, 9, 4, 9], rows, { tolerance: 0.001 }), { position: 2, distance: 10 });
  assert.deepEqual(other([1, 9, VOCAB]), { position: 2, distance: OUT_OF_REACH });
  assert.deepEqual(
    other(
      [1, 9, 4],
      Int32Array.from(rows, (one) => one * 100),
    ),
    { position: 2, distance: 0 },
  );
  assert.equal(stepsOf(0.01), 21);
});

test("rows are ours within the tolerance, and of an exact model when no bit is another", () => {
  const bytes = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
  const tolerant = { vocab: VOCAB, tolerance: 0.01 };
  assert.ok(areOurRows(tolerant, bytes(0.5, -100), bytes(0.509, -100.9)));
  assert.ok(!areOurRows(tolerant, bytes(0.5, -100), bytes(0.511, -100)));
  assert.ok(!areOurRows(tolerant, bytes(0.5), bytes(Number.NaN)));
  assert.ok(!areOurRows(tolerant, bytes(0.5), bytes(0.5, 0.5)));
  const exact = { vocab: VOCAB, tolerance: 0 };
  assert.ok(areOurRows(exact, bytes(0.5), bytes(0.5)));
  assert.ok(!areOurRows(exact, bytes(0.5), bytes(0.5000001)));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { incrementsOf } from "../../../offchain/core/fold.ts";
import { Memories, type Memory } from "../../../offchain/core/memories.ts";
import { memoryId } from "../../../offchain/core/memory-definition.ts";
import { mix } from "../../../offchain/core/mixing.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { distribution } from "../../../offchain/inference/sampling.ts";
import { nextToken } from "../../../offchain/node/next-token.ts";
import { MEMORY } from "../../helpers/core.ts";

const K = 6;
const logits = Int32Array.from({ length: 256 }, (_, id) => -id * 50);
/** Has seen 9 after 7, 8 more often than the model says 0. */
const memory = Memories.empty(crypto)
  .add(MEMORY, incrementsOf({ memory: MEMORY, first: 0, from: 0, ids: Array(60).fill([7, 8, 9]).flat() }))
  .of(memoryId(crypto, MEMORY)) as Memory;
const reading = { memory, gate: "strong" } as const;

test("what a memory has seen is mixed into what the model says at the request's temperature", () => {
  for (const temperature of [1, 80, 100, 250]) {
    const plain = distribution(logits, temperature, K);
    assert.deepEqual(nextToken(logits, temperature, K, undefined, [7, 8]), plain);
    assert.deepEqual(nextToken(logits, temperature, K, reading, [1, 2]), plain, "a context that it has never seen");
    const mixed = nextToken(logits, temperature, K, reading, [7, 8]);
    assert.deepEqual(mixed, mix(plain.slice(), memory, "strong", [7, 8]));
    assert.notDeepEqual(mixed, plain);
  }
});

test("at temperature 0 the likeliest of the mixture at 1.00 gets everything", () => {
  const only = (id: number) => Uint32Array.from({ length: 256 }, (_, at) => (at === id ? 65_536 : 0));
  assert.deepEqual(nextToken(logits, 0, K, undefined, [7, 8]), only(0));
  assert.deepEqual(nextToken(logits, 0, K, reading, [7, 8]), only(9));
  const flat = new Int32Array(256);
  // What rounding loses goes to the lowest, so that even equals have one.
  assert.deepEqual(nextToken(flat, 0, K, reading, [1, 2]), only(0));
});

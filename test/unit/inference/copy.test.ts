import assert from "node:assert/strict";
import { test } from "node:test";
import { COPY_END, createCopier } from "../../../offchain/inference/copy.ts";
import { distribution, draw } from "../../../offchain/inference/sampling.ts";
import { byteTokenizer } from "../../../offchain/inference/tokenizer.ts";

const engine = createCopier(byteTokenizer);
const { vocab, samplerK } = engine.model;
const likeliest = (logits: ArrayLike<number>, at = 0) => {
  const part = Int32Array.from(logits).subarray(at * vocab, (at + 1) * vocab);
  for (const temperature of [0, 100, 1_000]) {
    const probabilities = distribution(part, temperature, samplerK);
    assert.equal(draw(probabilities, 0), draw(probabilities, 65_535), "nothing is left to chance");
  }
  return draw(distribution(part, 0, samplerK), 0);
};

test("what was given is said again, and then it ends", async () => {
  const text = byteTokenizer.encode("Anne! Ännä!");
  const cache = engine.createCache();
  let token = likeliest(await engine.forward(cache, [...text, COPY_END]));
  const said: number[] = [];
  while (!engine.model.endTokens.includes(token)) {
    said.push(token);
    token = likeliest(await engine.forward(cache, [token]));
  }
  assert.deepEqual(said, text);
  assert.equal(cache.rows(0, cache.length).length, 0);
});

test("all at once or one by one: the same", async () => {
  const tokens = [7, 8, 9, COPY_END, 7, 8, 9];
  const all = await engine.forward(engine.createCache(), tokens, { allLogits: true });
  const cache = engine.createCache();
  for (const [i, token] of tokens.entries()) {
    const one = likeliest(await engine.forward(cache, [token]));
    assert.equal(likeliest(all, i), one);
    // Before the text has ended there is nothing to copy.
    assert.equal(one, [COPY_END, COPY_END, COPY_END, 7, 8, 9, COPY_END][i]);
  }
});

test("refuses what is no token, or too much, and is left as it was", async () => {
  const cache = engine.createCache();
  for (const bad of [[], [vocab], [-1], [1.5], new Array(engine.model.maxPositions + 1).fill(1)])
    await assert.rejects(engine.forward(cache, bad), { code: "out_of_range" });
  assert.equal(cache.length, 0);
  assert.throws(() => cache.attach(0, new Uint8Array(1)), { code: "malformed" });
});

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { createEngine, type Engine } from "../../../offchain/inference/engine.ts";
import { AUSTEN, golden, same } from "./tiny-model.ts";

const VOCAB = 256;
const logitsOf = (first: number, count: number) => golden.logits.subarray(first * VOCAB, (first + count) * VOCAB);
const rowsOf = (first: number, count: number) => golden.rows.subarray(first * 512, (first + count) * 512);
const code = (wanted: string, field?: string) => (error: Error & { code?: string; field?: string }) => {
  assert.equal(error.code, wanted);
  if (field !== undefined) assert.equal(error.field, field);
  return true;
};

for (const threads of [1, 2])
  describe(`weft-austen equals the integer reference, ${threads} thread(s)`, () => {
    let engine: Engine;
    before(async () => {
      engine = await createEngine(AUSTEN, crypto, { threads });
    });
    after(() => engine.close());

    const feeds: Record<string, number[]> = {
      "in one call": [600],
      "in irregular pieces": [1, 7, 64, 31, 1, 1, 100, 95, 96, 97, 107],
      "token by token": new Array(200).fill(1),
    };
    for (const [name, sizes] of Object.entries(feeds))
      it(name, async () => {
        const cache = engine.createCache();
        for (const size of sizes) {
          const at = cache.length;
          const logits = await engine.forward(cache, golden.ids.slice(at, at + size), { allLogits: true });
          same(logits, logitsOf(at, size));
        }
        same(cache.rows(0, cache.length), rowsOf(0, cache.length));
      });

    it("in one piece of 600 positions", async () => {
      const whole = await createEngine(AUSTEN, crypto, { threads, chunk: 600 });
      const cache = whole.createCache();
      same(await whole.forward(cache, golden.ids, { allLogits: true }), golden.logits);
      same(cache.rows(0, 600), golden.rows);
      await whole.close();
    });

    it("resumed from rows attached to a fresh cache, in several pieces", async () => {
      const cache = engine.createCache();
      for (const [first, count] of [
        [0, 1],
        [1, 130],
        [131, 69],
      ] as const)
        cache.attach(first, rowsOf(first, count));
      const last = await engine.forward(cache, golden.ids.slice(200, 420));
      same(last, logitsOf(419, 1));
      cache.attach(420, rowsOf(420, 80));
      same(await engine.forward(cache, golden.ids.slice(500), { allLogits: true }), logitsOf(500, 100));
      same(cache.rows(0, 600), golden.rows);
    });

    it("many sequences at once, interleaved", async () => {
      const run = async (start: number, step: number) => {
        const cache = engine.createCache();
        cache.attach(0, rowsOf(0, start));
        while (cache.length < start + 60) {
          const at = cache.length;
          const logits = await engine.forward(cache, golden.ids.slice(at, at + step), { allLogits: true });
          same(logits, logitsOf(at, step));
        }
        same(cache.rows(0, cache.length), rowsOf(0, cache.length));
      };
      await Promise.all([run(0, 1), run(10, 2), run(100, 3), run(260, 20), run(500, 60), run(63, 5)]);
    });
  });

describe("engine", () => {
  let engine: Engine;
  before(async () => {
    engine = await createEngine(AUSTEN, crypto);
  });
  after(() => engine.close());

  it("describes the model", () => {
    const { id, ...rest } = engine.model;
    assert.equal(id.length, 32);
    assert.equal(rest.rowBytes, 512);
    assert.equal(rest.class, "exact");
    assert.equal(rest.maxPositions, 1024);
    assert.deepEqual(rest.endTokens, []);
  });

  it("continues a truncated cache, and a clone independently of its origin", async () => {
    const cache = engine.createCache();
    await engine.forward(cache, golden.ids.slice(0, 300));
    const clone = cache.clone();
    cache.truncate(150);
    cache.attach(150, rowsOf(400, 10));
    same(clone.rows(0, 300), rowsOf(0, 300));
    cache.truncate(150);
    cache.attach(150, rowsOf(150, 10));
    const other = await engine.forward(clone, [1, 2, 3]);
    same(await engine.forward(cache, golden.ids.slice(160, 200), { allLogits: true }), logitsOf(160, 40));
    assert.equal(clone.length, 303);
    clone.truncate(300);
    clone.compact();
    same(await engine.forward(clone, golden.ids.slice(300, 310), { allLogits: true }), logitsOf(300, 10));
    assert.notDeepEqual(other, logitsOf(302, 1));
    same(clone.rows(300, 10), rowsOf(300, 10));
  });

  it("sees other rows attached at the same positions", async () => {
    const cache = engine.createCache();
    cache.attach(0, rowsOf(100, 50));
    await engine.forward(cache, [1]);
    cache.truncate(0);
    cache.attach(0, rowsOf(0, 51));
    same(await engine.forward(cache, golden.ids.slice(51, 52)), logitsOf(51, 1));
  });

  it("reaches the last position and no farther", async () => {
    const cache = engine.createCache();
    const fed = await engine.forward(
      cache,
      Array.from({ length: 1023 }, (_, i) => golden.ids[i % 600]!),
    );
    assert.equal(fed.length, VOCAB);
    await assert.rejects(engine.forward(cache, [1, 2]), code("out_of_range", "tokens"));
    await engine.forward(cache, [1]);
    assert.equal(cache.length, 1024);
    await assert.rejects(engine.forward(cache, [1]), code("out_of_range", "tokens"));
    assert.throws(() => cache.attach(1024, rowsOf(0, 1)), code("out_of_range", "rows"));
  });

  it("refuses tokens that are none", async () => {
    const cache = engine.createCache();
    for (const tokens of [[], [256], [-1], [1.5], [Number.NaN]])
      await assert.rejects(engine.forward(cache, tokens), code("out_of_range", "tokens"));
    assert.equal(cache.length, 0);
    await engine.forward(cache, new Uint32Array([72, 101]));
    assert.equal(cache.length, 2);
  });

  it("refuses garbage rows and keeps the cache", async () => {
    const cache = engine.createCache();
    cache.attach(0, rowsOf(0, 40));
    const bad = rowsOf(40, 3).slice();
    bad[2 * 512 + 7] = 0x80;
    assert.throws(
      () => cache.attach(40, bad),
      (error: Error) => /position 42/.test(error.message) && code("malformed", "rows")(error),
    );
    assert.throws(() => cache.attach(40, rowsOf(40, 1).subarray(1)), code("malformed", "rows"));
    for (const first of [0, 39, 41, -1, 0.5])
      assert.throws(() => cache.attach(first, rowsOf(0, 1)), code("out_of_range", "first"));
    for (const length of [41, -1, 0.5]) assert.throws(() => cache.truncate(length), code("out_of_range", "length"));
    for (const [first, count] of [
      [0, 41],
      [40, 1],
      [-1, 1],
      [0, 0.5],
    ] as const)
      assert.throws(() => cache.rows(first, count), code("out_of_range", "first"));
    assert.equal(cache.length, 40);
    same(await engine.forward(cache, golden.ids.slice(40, 41)), logitsOf(40, 1));
  });

  it("hands out copies of rows", () => {
    const cache = engine.createCache();
    const rows = rowsOf(0, 2).slice();
    cache.attach(0, rows);
    rows.fill(1);
    cache.rows(0, 2).fill(2);
    same(cache.rows(0, 2), rowsOf(0, 2));
  });

  it("lets one forward at a time touch a cache", async () => {
    const cache = engine.createCache();
    const first = engine.forward(cache, golden.ids.slice(0, 200), { allLogits: true });
    await assert.rejects(engine.forward(cache, [1]), code("busy", "cache"));
    for (const act of [() => cache.attach(0, rowsOf(0, 1)), () => cache.truncate(0), () => cache.compact()])
      assert.throws(act, code("busy", "cache"));
    same(await first, logitsOf(0, 200));
    same(await engine.forward(cache, golden.ids.slice(200, 201)), logitsOf(200, 1));
  });

  it("undoes an aborted forward", async () => {
    const cache = engine.createCache();
    await engine.forward(cache, golden.ids.slice(0, 10));
    const controller = new AbortController();
    const pending = engine.forward(cache, golden.ids.slice(10, 600), { signal: controller.signal });
    const reason = new Error("client went away");
    const poll = setInterval(() => {
      if (cache.length > 10) controller.abort(reason);
    }, 1);
    await assert.rejects(pending, (error: Error) => error.cause === reason && code("aborted")(error));
    clearInterval(poll);
    assert.equal(cache.length, 10);
    same(await engine.forward(cache, golden.ids.slice(10, 20), { allLogits: true }), logitsOf(10, 10));
    await assert.rejects(engine.forward(cache, [1], { signal: AbortSignal.abort() }), code("aborted"));
  });

  it("takes turns: a short sequence does not wait for a long one, nor do timers", async () => {
    const order: string[] = [];
    await Promise.all([
      engine.forward(engine.createCache(), golden.ids).then(() => order.push("long")),
      engine.forward(engine.createCache(), [1]).then(() => order.push("short")),
    ]);
    assert.deepEqual(order, ["short", "long"]);
    let rounds = 0;
    let done = false;
    const count = () => {
      rounds++;
      if (!done) setImmediate(count);
    };
    setImmediate(count);
    await Promise.all(Array.from({ length: 8 }, () => engine.forward(engine.createCache(), [1])));
    done = true;
    assert.ok(rounds >= 8, `8 runs in ${rounds} rounds of the event loop`);
  });

  it("refuses a cache of another engine, and work after close", async () => {
    const other = await createEngine(AUSTEN, crypto);
    const cache = other.createCache();
    await assert.rejects(engine.forward(cache, [1]), code("foreign_cache", "cache"));
    const pending = other.forward(cache, golden.ids);
    const closed = assert.rejects(pending, code("closed"));
    await Promise.all([other.close(), other.close()]);
    await closed;
    assert.equal(cache.length, 0);
    await assert.rejects(other.forward(cache, [1]), code("closed", "engine"));
  });
});

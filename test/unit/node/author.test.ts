import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Consensus } from "../../../offchain/core/consensus.ts";
import { incrementsOf } from "../../../offchain/core/fold.ts";
import type { GenerateOrder } from "../../../offchain/core/generate.ts";
import { Memories } from "../../../offchain/core/memories.ts";
import { memoryId } from "../../../offchain/core/memory-definition.ts";
import { Pen } from "../../../offchain/core/pen.ts";
import { Pens } from "../../../offchain/core/pens.ts";
import { requestId } from "../../../offchain/core/request.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { createEngine, type Engine } from "../../../offchain/inference/engine.ts";
import { Author, type AuthorOptions } from "../../../offchain/node/author.ts";
import { tokenAfter } from "../../../offchain/node/next-token.ts";
import type { Piece } from "../../../offchain/node/row-book.ts";
import { buildFloatGraph, floatConfig, randomWeights } from "../../bench/float-model.ts";
import { hashOf, incarnationOf, MEMORY, operatorAt, requestOf, SEPARATOR } from "../../helpers/core.ts";
import { modelFolder } from "../inference/tiny-model.ts";

/** An author with a tolerant model takes over what others computed and said, within rounding. */

const SIZES = { vocab: 256, width: 32, layers: 1, heads: 2, kvHeads: 1, headDim: 16, hidden: 32, maxPositions: 32 };
const PROMPT = [1, 2, 3, 4, 5, 6];
const keys = operatorAt(1);
const hash = hashOf("checkpoint");
const large = { ...MEMORY, columns: 2 ** 18 };
const memories = Memories.empty(crypto).add(large, incrementsOf({ memory: large, first: 0, from: 0, ids: [1, 2, 3] }));

let engine: Engine;
before(async () => {
  const graph = buildFloatGraph(SIZES, randomWeights(SIZES, 5), "small");
  engine = await createEngine(modelFolder(floatConfig(SIZES, "small"), graph), crypto);
});
after(() => engine.close());

/** The engine of a model that says other things of itself. */
const saying = (change: Partial<Engine["model"]>): Engine => ({
  model: { ...engine.model, ...change },
  createCache: () => engine.createCache(),
  forward: (...args) => engine.forward(...args),
  close: () => engine.close(),
});

function author(pieces: readonly Piece[], using = engine): Author {
  const pens = new Pens(
    () =>
      new Pen({
        hashing: crypto,
        separator: SEPARATOR,
        signer: keys.signer,
        track: { operator: keys.operator, incarnation: incarnationOf("author") },
        random: (count) => hashOf("salt").slice(0, count),
        commit: () => {},
        onFailure: (error) => assert.fail(String(error)),
      }),
  );
  const options: Partial<AuthorOptions> = {
    crypto,
    engines: [using],
    consensus: {
      standing: [0],
      committed: () => ({ hash }),
      memoriesAt: () => memories,
    } as unknown as Consensus,
    pens,
    rows: { adoptable: () => pieces, markVerified: () => {}, markFalse: () => {} } as unknown as AuthorOptions["rows"],
    parents: { find: () => undefined } as unknown as AuthorOptions["parents"],
    admission: { enter: () => () => {} } as unknown as AuthorOptions["admission"],
    now: () => performance.now(),
    onFalseRows: () => {},
    onTokens: () => {},
    onOpened: () => {},
  };
  return new Author(options as AuthorOptions);
}

const orderOf = (answered: readonly number[] = []): GenerateOrder => {
  const request = requestOf(PROMPT, {
    model: engine.model.id,
    parameters: { temperature: 100, stop: [] },
    maxLength: 8,
  });
  return { request, prompt: PROMPT, answered };
};

/** All that it says, to the end. */
async function written(by: Author, order: GenerateOrder): Promise<number[]> {
  const ids: number[] = [];
  for await (const event of by.generate(keys.operator, order, new AbortController().signal))
    if (event.type === "tokens") ids.push(...event.ids);
  return ids;
}

/** Rows of the prompt, each number another by a part of itself. */
async function shipped(part: number): Promise<Piece> {
  const cache = engine.createCache();
  await engine.forward(cache, PROMPT.slice(0, -1));
  const rows = new Float32Array(cache.rows(0, cache.length).slice().buffer).map((value) => value * (1 + part));
  return { first: 0, rows: new Uint8Array(rows.buffer), trusted: false } as Piece;
}

test("rows of another that differ by rounding are taken, and others are refused", async () => {
  const alone = await written(author([]), orderOf());
  assert.deepEqual(await written(author([await shipped(1e-5)]), orderOf()), alone);
  await assert.rejects(written(author([await shipped(1e-2)]), orderOf()), { code: "rows_mismatch" });
});

test("tokens of another that rounding may have drawn are carried on, and others are refused", async () => {
  const alone = await written(author([]), orderOf());
  const { request } = orderOf();
  const drawn = { request, id: requestId(crypto, request), samplerK: engine.model.samplerK, reading: undefined };
  // What a logit is moved by there moves what is drawn, within a tolerance of as much.
  const wide = saying({ tolerance: 8 });
  const logits = await engine.forward(engine.createCache(), PROMPT);
  const first = alone[0] as number;
  const moved = (logits as Float32Array).map((logit, v) => logit + (v < first ? 4 : -4));
  const other = tokenAfter(crypto, drawn, moved, PROMPT);
  assert.notEqual(other, first);
  assert.equal((await written(author([]), orderOf(alone.slice(0, 3)))).length, 5);
  assert.equal((await written(author([], wide), orderOf([other]))).length, 7);
  await assert.rejects(written(author([]), orderOf([other])), { code: "carried_mismatch" });
});

test("X10 with an exact model nothing is read of a memory that no court could be shown", async () => {
  const exact = saying({ class: "exact" });
  const { request, ...order } = orderOf();
  const memory = { id: memoryId(crypto, large), checkpoint: { number: 0, hash }, gate: "weak" as const };
  const reads = { ...order, request: { ...request, memory } };
  await assert.rejects(written(author([], exact), reads), { code: "unprovable_memory", field: "memory" });
  assert.equal((await written(author([]), reads)).length, 8, "with a tolerant one nothing is proven anyway");
});

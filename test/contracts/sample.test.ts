import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { toHex, Writer } from "../../offchain/core/bytes.ts";
import { Memories, type Memory } from "../../offchain/core/memories.ts";
import { type MemoryDefinition, rowOf } from "../../offchain/core/memory-definition.ts";
import { drawThreshold, GATES, type Gate } from "../../offchain/core/request.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { draw, TEMPERATURE_MAX, weightTable } from "../../offchain/inference/sampling.ts";
import { nextToken } from "../../offchain/node/next-token.ts";
import { chanceOf } from "./model-cases.ts";
import { type Harness, openHarness } from "./model-world.ts";

const CASES = 120;
const CONTEXT = [7, 0, 255, 3];
const MOST = 2 ** 32 - 1;

type Case = {
  logits: Int32Array;
  sampling: { temperature: number; k: number; gate: number };
  memory: Memory | undefined;
  rows: string[];
};

function memoryOf(definition: MemoryDefinition, counts: Map<number, number>[]): Memory | undefined {
  const increments = counts.flatMap((cells, order) => {
    const row = rowOf(definition, order, CONTEXT.length, (at) => CONTEXT[at] as number);
    return [...cells].map(([column, count]) => ({ order, row, column, count }));
  });
  const all = [...Memories.empty(crypto).add(definition, increments).entries()] as [number, Memory][];
  return all[0]?.[1];
}

/** Tiles of 64 columns side by side. */
function opening(columns: number, cells: Map<number, number>): string {
  const out = new Writer();
  for (let first = 0; first < columns; first += 64) {
    const held = [...Array(64).keys()].filter((i) => cells.has(first + i));
    out.u32(held.reduce((map, i) => (i < 32 ? map : map + 2 ** (i - 32)), 0));
    out.u32(held.reduce((map, i) => (i < 32 ? map + 2 ** i : map), 0));
    for (const i of held) out.u32(cells.get(first + i) as number);
  }
  return toHex(out.done());
}

function caseOf(seed: number): Case {
  const { of, below } = chanceOf(seed);
  const vocab = of([1, 2, 65, 256, 256, 256]);
  const spread = of([1, 2, 100, 2 ** 12, 2 ** 16, 2 ** 32]);
  const logits = Int32Array.from({ length: vocab }, () => below(spread) - Math.floor(spread / 2));
  if (below(4) === 0) logits[below(vocab)] = of([2 ** 31 - 1, -(2 ** 31)]);
  const sampling = {
    temperature: of([0, 1, 80, 100, TEMPERATURE_MAX, below(TEMPERATURE_MAX + 1)]),
    k: of([0, 6, 6, 31]),
    gate: of([0, 1, 2, 3]),
  };
  if (sampling.gate === 0) return { logits, sampling, memory: undefined, rows: [] };
  // Memories count tokens that the model does not have, and need not count all that it has.
  const columns = of([64, 256, 300]);
  const orders = of([[1], [1, 2], [1, 2, 4]]);
  const counts = orders.map(() => {
    const cells = new Map<number, number>();
    for (let left = of([0, 1, 2, 40, 200]); left > 0; left--)
      cells.set(below(columns), of([1, 2, 1 + below(99), MOST]));
    return cells;
  });
  const definition = { columns, orders, salt: crypto.keccak256(Uint8Array.of(seed)), writers: [] };
  return {
    logits,
    sampling,
    memory: memoryOf(definition, counts),
    rows: counts.map((cells) => opening(columns, cells)),
  };
}

function chancesOf({ logits, sampling: { temperature, k, gate }, memory }: Case): Uint32Array {
  const reading = memory && { memory, gate: GATES[gate] as Exclude<Gate, "off"> };
  return nextToken(logits, temperature, k, reading, CONTEXT);
}

const packed = (logits: Int32Array) => {
  const out = new Writer();
  for (const logit of logits) out.u32(logit >>> 0);
  return toHex(out.done());
};

describe("sampling: the contracts' library against what workers do", () => {
  let harness: Harness;
  before(async () => {
    harness = await openHarness();
  });
  after(() => harness.close());

  const probabilities = ({ logits, sampling, rows }: Case) =>
    harness.call<readonly bigint[]>("probabilities", packed(logits), sampling, rows);

  test("weights of every kind of temperature, to the last entry but one", async () => {
    for (const temperature of [1, 2, 3, 25, 80, 99, 100, 313, 999, TEMPERATURE_MAX]) {
      const table = await harness.call<readonly bigint[]>("weights", temperature, 510);
      assert.deepEqual([...table.map(Number), 0], [...weightTable(temperature)], `${temperature}`);
    }
  });

  test("the same probabilities, with and without a memory, and the same token", async (t) => {
    let most = 0n;
    for (let seed = 1; seed <= CASES; seed++) {
      const one = caseOf(seed);
      // A gate without any row in the memory: the context was never seen.
      if (one.sampling.gate !== 0 && !one.memory) continue;
      const said = `seed ${seed}`;
      const chances = chancesOf(one);
      assert.deepEqual((await probabilities(one)).map(Number), [...chances], said);
      const request = crypto.keccak256(Uint8Array.of(seed, 1));
      const position = seed === 1 ? 2 ** 32 - 1 : seed;
      const args = [packed(one.logits), one.sampling, one.rows, toHex(request), position];
      const [token, used] = await harness.call<[bigint, bigint]>("tokenAt", ...args);
      assert.equal(Number(token), draw(chances, drawThreshold(crypto, request, position)), said);
      if (used > most) most = used;
    }
    t.diagnostic(`at most ${most} gas for a token`);
  });

  test("256 tokens, all of two rows, every weight: gas", async (t) => {
    const logits = Int32Array.from({ length: 256 }, (_, i) => -i * 128);
    const row = opening(256, new Map([...Array(256).keys()].map((i) => [i, i + 1])));
    const sampling = { temperature: 80, k: 6, gate: 3 };
    const args = [packed(logits), sampling, [row, row], toHex(crypto.keccak256(Uint8Array.of(1))), 1_023];
    const [, used] = await harness.call<[bigint, bigint]>("tokenAt", ...args);
    t.diagnostic(`${used} gas`);
    assert.ok(used < 1_000_000n, `${used}`);
  });

  test("a draw takes the first token whose running sum exceeds the threshold", async () => {
    for (const chances of [[65_536], [0, 65_536], [1, 65_535], [65_535, 0, 1], [32_768, 0, 32_768, 0]])
      for (const threshold of [0, 1, 32_767, 32_768, 65_534, 65_535])
        assert.equal(Number(await harness.call("draw", chances, threshold)), draw(chances, threshold));
  });

  test("a row that was seen never, or adds nothing, changes nothing", async () => {
    const plain = { temperature: 100, k: 6, gate: 0 };
    const logits = Int32Array.from({ length: 256 }, (_, i) => i * 40);
    const without = await probabilities({ logits, sampling: plain, memory: undefined, rows: [] });
    for (const rows of [[], ["0x"], [opening(256, new Map())], [opening(256, new Map([[9, 0]]))]])
      assert.deepEqual(
        await probabilities({ logits, sampling: { ...plain, gate: 2 }, memory: undefined, rows }),
        without,
      );
  });

  test("a cell of zero is none", async () => {
    const sampling = { temperature: 100, k: 6, gate: 2 };
    const of = (cells: [number, number][]) =>
      probabilities({ logits: new Int32Array(64), sampling, memory: undefined, rows: [opening(64, new Map(cells))] });
    const seen: [number, number] = [5, 3];
    assert.deepEqual(await of([seen, [9, 0]]), await of([seen]));
  });

  test("the likeliest token with a memory is that of temperature 1.00", async () => {
    const likeliest = (chances: Uint32Array) => chances.indexOf(Math.max(...chances));
    let close = 0;
    for (let step = 1; step <= 60; step++)
      for (let count = 1; count <= 60; count++) {
        const logits = Int32Array.of(step * 64, 0);
        const cells = new Map([[1, count]]);
        const definition = { columns: 64, orders: [1], salt: new Uint8Array(32).fill(1), writers: [] };
        const memory = memoryOf(definition, [cells]) as Memory;
        const of = (temperature: number) =>
          likeliest(nextToken(logits, temperature, 6, { memory, gate: "strong" }, CONTEXT));
        if (of(99) === of(100) && of(101) === of(100)) continue;
        const sampling = { temperature: 0, k: 6, gate: 3 };
        const chances = await probabilities({ logits, sampling, memory, rows: [opening(64, cells)] });
        assert.equal(chances[of(100)], 65_536n, `${step} ${count}`);
        close++;
      }
    assert.ok(close > 4, `${close}`);
  });

  test("what no request says is refused", async () => {
    const logits = Int32Array.of(1, 2);
    const sampling = { temperature: 100, k: 6, gate: 0 };
    const refused = (edit: object, rows: string[] = []) =>
      assert.rejects(
        probabilities({ logits, sampling: { ...sampling, ...edit }, memory: undefined, rows }),
        /SampleOutOfRange/,
        JSON.stringify(edit),
      );
    for (const edit of [{ temperature: 1_001 }, { k: 32 }, { gate: 4 }]) await refused(edit);
    await refused({}, ["0x"]);
    await assert.rejects(harness.call("probabilities", "0x", sampling, []), /SampleOutOfRange/);
    await assert.rejects(harness.call("probabilities", "0x00000000ff", sampling, []), /SampleOutOfRange/);
    const full = opening(64, new Map([[63, 5]]));
    for (let length = 4; length < full.length; length += 2) {
      const rows = [full, full.slice(0, length)];
      const cut = probabilities({ logits, sampling: { ...sampling, gate: 1 }, memory: undefined, rows });
      await assert.rejects(cut, /SampleRow/, `${length}`);
    }
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Memories, type Memory } from "../../../offchain/core/memories.ts";
import { type MemoryDefinition, rowOf } from "../../../offchain/core/memory-definition.ts";
import { DOUBT, mix, PROBABILITY_ONE } from "../../../offchain/core/mixing.ts";
import type { Gate } from "../../../offchain/core/request.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf } from "../../helpers/core.ts";

const MOST = 2 ** 32 - 1;
const definitionOf = (columns: number, orders = [1, 2]): MemoryDefinition => ({
  columns,
  orders,
  salt: hashOf("mixing"),
  writers: [],
});
/** Cells by order: column and count. */
type Counts = readonly (readonly (readonly [number, number])[])[];

/** A memory that has these counts after `context`, order by order. */
function memoryOf(definition: MemoryDefinition, context: readonly number[], counts: Counts): Memory {
  const increments = counts.flatMap((cells, order) => {
    const row = rowOf(definition, order, context.length, (at) => context[at] as number);
    return cells.map(([column, count]) => ({ order, row, column, count }));
  });
  const [[, memory]] = [...Memories.empty(crypto).add(definition, increments).entries()] as [[number, Memory]];
  return memory;
}

/** The words of the rule, in integers without bounds. */
function reference(before: readonly number[], counts: Counts, gate: Exclude<Gate, "off">): number[] {
  const one = BigInt(PROBABILITY_ONE);
  let p = before.map(BigInt);
  for (const cells of counts) {
    if (cells.length === 0) continue;
    const byId = new Map(cells.map(([id, count]) => [id, BigInt(count)]));
    const total = [...byId.values()].reduce((sum, count) => sum + count, 0n);
    const weight = (total * one) / (total + BigInt(DOUBT[gate] * byId.size));
    p = p.map((old, id) => (weight * (((byId.get(id) ?? 0n) * one) / total) + (one - weight) * old) / one);
    const largest = p.indexOf([...p].sort((a, b) => Number(b - a))[0] as bigint);
    p[largest] = (p[largest] as bigint) + one - p.reduce((sum, value) => sum + value, 0n);
  }
  return p.map(Number);
}

const even = (columns: number) => new Uint32Array(columns).fill(PROBABILITY_ONE / columns);
const gate = fc.constantFrom<Exclude<Gate, "off">>("weak", "medium", "strong");

/** Any distribution over so many tokens: thresholds cut 2^16 into pieces. */
const distribution = (columns: number) =>
  fc
    .array(fc.integer({ min: 0, max: PROBABILITY_ONE }), { minLength: columns - 1, maxLength: columns - 1 })
    .map((cuts) => {
      const edges = [0, ...cuts.sort((a, b) => a - b), PROBABILITY_ONE];
      return edges.slice(1).map((edge, i) => edge - (edges[i] as number));
    });

const countsOf = (columns: number) =>
  fc.array(
    fc.uniqueArray(
      fc.tuple(
        fc.nat(columns - 1),
        fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: MOST }), fc.constant(MOST)),
      ),
      { maxLength: columns, selector: ([id]) => id },
    ),
    { minLength: 2, maxLength: 2 },
  );

describe("mixing", () => {
  test("is the rule exactly, and sums to 2^16, whatever is mixed", () => {
    const cases = fc
      .integer({ min: 1, max: 12 })
      .chain((columns) => fc.tuple(fc.constant(columns), distribution(columns), countsOf(columns), gate));
    fc.assert(
      fc.property(cases, ([columns, before, counts, how]) => {
        fc.pre(counts.some((cells) => cells.length > 0));
        const memory = memoryOf(definitionOf(columns), [0, 0], counts);
        const after = mix(Uint32Array.from(before), memory, how, [0, 0]);
        assert.deepEqual([...after], reference(before, counts, how));
        assert.equal(
          after.reduce((sum, value) => sum + value, 0),
          PROBABILITY_ONE,
        );
      }),
      { seed: 0x313, numRuns: 300 },
    );
  });

  test("totals near 2^50 are exact", () => {
    const columns = 2 ** 18;
    const cells = Array.from({ length: columns }, (_, id) => [id, MOST - (id % 3)] as const);
    const before = new Uint32Array(columns);
    before[columns - 1] = PROBABILITY_ONE;
    const expected = reference([...before], [cells, []], "weak");
    const memory = memoryOf(definitionOf(columns), [1, 2], [cells, []]);
    assert.ok(
      (memory.row(
        0,
        rowOf(memory.definition, 0, 2, (at) => [1, 2][at] as number),
      )?.total ?? 0) >
        2 ** 49.99,
    );
    assert.deepEqual([...mix(before, memory, "weak", [1, 2])], expected);
  });

  test("a weight just below an integer is not rounded up to it", () => {
    const columns = 2 ** 18;
    // total·2^16 / (total + doubt·distinct) is 65535 − 2^-41: a division of doubles says 65535.
    const each = 65_535 * DOUBT.weak;
    const cells = Array.from({ length: columns }, (_, id) => [id, id === 0 ? each - 1 : each] as const);
    const before = new Uint32Array(columns);
    before[0] = PROBABILITY_ONE / 2;
    before[columns - 1] = PROBABILITY_ONE / 2;
    const expected = reference([...before], [cells, []], "weak");
    assert.deepEqual([...mix(before, memoryOf(definitionOf(columns), [1, 2], [cells, []]), "weak", [1, 2])], expected);
  });

  test("an order whose row is empty, or whose context is longer than the text, changes nothing", () => {
    const memory = memoryOf(definitionOf(4, [1, 3]), [0, 0, 1], [[[0, 5]], [[1, 5]]]);
    assert.deepEqual(mix(even(4), memory, "strong", [3, 3, 3]), even(4), "other contexts");
    assert.deepEqual(mix(even(4), memory, "strong", []), even(4));
    assert.deepEqual(
      [...mix(even(4), memory, "strong", [1])],
      reference([...even(4)], [[[0, 5]]], "strong"),
      "the short one only",
    );
  });

  test("what rounding loses goes to the largest, of equal ones to the lowest id", () => {
    const memory = memoryOf(
      definitionOf(3, [1]),
      [0],
      [
        [
          [0, 1],
          [1, 1],
          [2, 1],
        ],
      ],
    );
    const after = mix(Uint32Array.of(0, 32_768, 32_768), memory, "medium", [0]);
    assert.ok((after[1] as number) > (after[2] as number), `${after}`);
    assert.ok((after[1] as number) - (after[2] as number) <= 3);
  });

  test("the only token of a vocabulary keeps all", () => {
    const memory = memoryOf(definitionOf(1, [1]), [0], [[[0, 1]]]);
    assert.deepEqual([...mix(Uint32Array.of(PROBABILITY_ONE), memory, "weak", [0])], [PROBABILITY_ONE]);
  });

  test("a stronger gate listens more", () => {
    const memory = memoryOf(definitionOf(4, [1]), [0], [[[2, 8]]]);
    const heard = (["weak", "medium", "strong"] as const).map((how) => mix(even(4), memory, how, [0])[2] as number);
    assert.deepEqual(
      heard,
      [...heard].sort((a, b) => a - b),
    );
    assert.ok((heard[0] as number) > 16_384 && (heard[0] as number) < (heard[2] as number));
  });

  test("tokens beyond the memory's columns lose to those within", () => {
    const memory = memoryOf(definitionOf(2, [1]), [0], [[[1, 100]]]);
    const after = mix(even(4), memory, "strong", [0]);
    assert.deepEqual([...after], reference([...even(4)], [[[1, 100]]], "strong"));
  });
});

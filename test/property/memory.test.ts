import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { toHex } from "../../offchain/core/bytes.ts";
import { type Increment, Memories } from "../../offchain/core/memories.ts";
import { LIMIT_COLUMNS, type MemoryDefinition, memoryId } from "../../offchain/core/memory-definition.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { hashOf } from "../helpers/core.ts";
import { type NaiveMemory, rootOfCells } from "../helpers/naive-memory.ts";
import { runs, SEED } from "./world.ts";

const DEFINITIONS: readonly MemoryDefinition[] = [1, 64, 65, 256, LIMIT_COLUMNS].map((columns, i) => ({
  columns,
  orders: [1, 3],
  salt: hashOf(`salt ${i}`),
  writers: [],
}));

/** Something added to one of the memories. Few rows and columns, so that cells meet; counts that bring some back to zero. */
type Addition = { memory: number; increment: Increment };

const addition: fc.Arbitrary<Addition> = fc.integer({ min: 0, max: DEFINITIONS.length - 1 }).chain((memory) =>
  fc.record({
    memory: fc.constant(memory),
    increment: fc.record({
      order: fc.integer({ min: 0, max: 1 }),
      row: fc.constantFrom(0, 1, 40_000, 65_535),
      column: fc
        .constantFrom(0, 1, 63, 64, 255, LIMIT_COLUMNS - 1)
        .map((column) => Math.min(column, (DEFINITIONS[memory] as MemoryDefinition).columns - 1)),
      count: fc.constantFrom(1, 2, 3, 2 ** 32 - 1, 2 ** 32 - 2, 2 ** 31),
    }),
  }),
);
const additions = fc.array(addition, { maxLength: 40 });

function naive(all: readonly Addition[]): NaiveMemory[] {
  const memories = DEFINITIONS.map((definition) => ({ definition, cells: new Map<string, number>() }));
  for (const { memory, increment } of all) {
    const { cells } = memories[memory] as (typeof memories)[number];
    const name = `${increment.order} ${increment.row} ${increment.column}`;
    cells.set(name, ((cells.get(name) ?? 0) + increment.count) % 2 ** 32);
  }
  return memories;
}

const apply = (memories: Memories, memory: number, increments: Increment[]) =>
  memories.add(DEFINITIONS[memory] as MemoryDefinition, increments);

function addAll(all: readonly Addition[], from = Memories.empty(crypto)): Memories {
  return all.reduce((memories, { memory, increment }) => apply(memories, memory, [increment]), from);
}

/** Additions to one memory together, in batches of random sizes. */
function addBatched(all: readonly Addition[], size: number): Memories {
  let memories = Memories.empty(crypto);
  for (let i = 0; i < all.length; i += size)
    for (const [at] of DEFINITIONS.entries()) {
      const increments = all.slice(i, i + size).filter(({ memory }) => memory === at);
      memories = apply(
        memories,
        at,
        increments.map(({ increment }) => increment),
      );
    }
  return memories;
}

const shuffled = (all: readonly Addition[], key: number) =>
  all
    .map((one, i) => ({ one, by: toHex(hashOf(`${key} ${i}`)) }))
    .sort((a, b) => (a.by < b.by ? -1 : 1))
    .map(({ one }) => one);

describe(`memory, seed ${SEED}`, () => {
  test("S1 same increments: same root, whatever the order and the batches; it is that of the cells alone", () => {
    fc.assert(
      fc.property(additions, fc.nat(), fc.integer({ min: 1, max: 9 }), (all, key, size) => {
        const root = rootOfCells(naive(all));
        assert.deepEqual(addAll(all).root, root);
        assert.deepEqual(addBatched(shuffled(all, key), size).root, root);
      }),
      runs(25),
    );
  });

  test("S8 a state that others were made from is as it was", () => {
    fc.assert(
      fc.property(additions, additions, additions, (base, one, other) => {
        const before = addAll(base);
        const [left, right] = [addAll(one, before), addAll(other, before)];
        assert.deepEqual(right.root, rootOfCells(naive([...base, ...other])));
        assert.deepEqual(before.root, rootOfCells(naive(base)));
        assert.deepEqual(left.root, rootOfCells(naive([...base, ...one])));
      }),
      runs(25),
    );
  });

  test("what differs from an earlier state is exactly what has changed since", () => {
    fc.assert(
      fc.property(additions, additions, (base, more) => {
        const before = addAll(base);
        const after = addAll(more, before);
        const changed = new Map(after.entries(before));
        const [old, now] = [naive(base), naive([...base, ...more])].map((memories) => memories.map(rowsOf));
        for (const [i, definition] of DEFINITIONS.entries()) {
          const id = memoryId(crypto, definition);
          const [was, is] = [old?.[i] ?? new Map(), now?.[i] ?? new Map()];
          const differ = [...new Set([...was.keys(), ...is.keys()])].filter((row) => was.get(row) !== is.get(row));
          assert.equal(changed.has(slotOf(id)), differ.length > 0);
          assert.equal(changed.get(slotOf(id)) !== undefined, differ.length > 0 && is.size > 0);
          const rows = after.of(id)?.rows.entries(before.of(id)?.rows) ?? [];
          const shown = new Map([...rows].map(([at, row]) => [at, row && [...row.cells()].join(" ")]));
          const expected = is.size > 0 ? differ.map((at) => [at, is.get(at)] as const) : [];
          assert.deepEqual(shown, new Map(expected.sort(([a], [b]) => a - b)));
        }
      }),
      runs(25),
    );
  });
});

const slotOf = (id: Uint8Array) => [...id.subarray(0, 5)].reduce((sum, byte) => sum * 256 + byte, 0);

/** What each row holds that is not empty, as text. */
function rowsOf({ cells }: NaiveMemory): Map<number, string> {
  const rows = new Map<number, [column: number, count: number][]>();
  for (const [name, count] of cells) {
    const [order, row, column] = name.split(" ").map(Number) as [number, number, number];
    const at = order * 65_536 + row;
    if (count !== 0) rows.set(at, [...(rows.get(at) ?? []), [column, count]]);
  }
  return new Map([...rows].map(([at, row]) => [at, row.sort(([a], [b]) => a - b).join(" ")]));
}

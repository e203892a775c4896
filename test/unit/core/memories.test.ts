import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Bytes, toHex } from "../../../offchain/core/bytes.ts";
import { learn } from "../../../offchain/core/fold.ts";
import { type Increment, Memories, Memory, memorySlot } from "../../../offchain/core/memories.ts";
import {
  LIMIT_COLUMNS,
  type MemoryDefinition,
  memoryId,
  ROWS_PER_ORDER,
  rowOf,
} from "../../../offchain/core/memory-definition.ts";
import { Row, rowTree, sumHash, tileHash } from "../../../offchain/core/memory-row.ts";
import { emptyRoot, leafHash, rootOf, TREE } from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf, MEMORY, operatorAt } from "../../helpers/core.ts";
import { rootOfCells, rootOfRow } from "../../helpers/naive-memory.ts";

const EMPTY = Memories.empty(crypto);
const one = (column: number, count = 1, row = 7, order = 0): Increment => ({ order, row, column, count });
const wide = (columns: number): MemoryDefinition => ({ ...MEMORY, columns, salt: hashOf(`${columns}`) });
const memoryOf = (memories: Memories, definition: MemoryDefinition = MEMORY) =>
  memories.of(memoryId(crypto, definition));

describe("rows", () => {
  test("a row is a tree over tiles of 64 columns, as deep as its columns need", () => {
    const depths = [1, 64, 65, 128, 256, 257, 50_257, LIMIT_COLUMNS].map((columns) => rowTree(columns).depth);
    assert.deepEqual(depths, [0, 0, 1, 1, 2, 3, 10, 12]);
  });

  for (const columns of [1, 64, 65, 256, 1000, LIMIT_COLUMNS])
    test(`of ${columns} columns: root, sums and every tile's proof`, () => {
      const cells = new Map([...new Set([0, columns - 1, columns >> 1, columns >> 2])].map((at, i) => [at, 3 + i]));
      let row = Row.empty(columns);
      for (const [column, count] of cells) row = row.add(column, count);
      const root = row.root(crypto);
      assert.deepEqual(root, rootOfRow(columns, cells).hash);
      assert.equal(row.distinct, cells.size);
      assert.deepEqual(new Map(row.cells()), cells);
      for (const column of [0, columns - 1, columns >> 3]) {
        const tile = Math.floor(column / 64);
        const shown = row.tile(tile);
        let total = shown.reduce((sum, cell) => sum + cell, 0);
        let distinct = shown.filter((cell) => cell > 0).length;
        let node: Bytes = tileHash(crypto, shown);
        for (const [level, beside] of row.proof(crypto, tile).entries()) {
          const here = { hash: node, total, distinct };
          node = (tile >>> level) & 1 ? sumHash(crypto, beside, here) : sumHash(crypto, here, beside);
          total += beside.total;
          distinct += beside.distinct;
        }
        assert.deepEqual(node, root);
        assert.deepEqual([total, distinct], [row.total, row.distinct]);
      }
    });

  test("a tile shown whole is the tile that was added", () => {
    const row = Row.empty(200).add(64, 5).add(127, 9).add(128, 1);
    let copy = Row.empty(200);
    for (const [tile, cells] of row.tiles()) copy = copy.withTile(tile, cells);
    assert.deepEqual(copy.root(crypto), row.root(crypto));
  });

  test("counts wrap around to zero and back; totals are exact", () => {
    const most = 2 ** 32 - 1;
    const row = Row.empty(256).add(3, most).add(200, most);
    assert.deepEqual([row.total, row.distinct], [2 * most, 2]);
    const wrapped = row.add(3, 1);
    assert.deepEqual([wrapped.total, wrapped.distinct], [most, 1]);
    assert.deepEqual(wrapped.root(crypto), Row.empty(256).add(200, most).root(crypto));
    assert.deepEqual(wrapped.add(3, most).root(crypto), row.root(crypto));
    const none = wrapped.add(200, 1);
    assert.deepEqual([none.total, none.distinct], [0, 0]);
    assert.deepEqual(none.root(crypto), Row.empty(256).root(crypto));
  });
});

describe("memories", () => {
  test("without anything learnt there is the empty tree; what wraps around to nothing is nothing", () => {
    assert.deepEqual(EMPTY.root, emptyRoot(crypto, TREE.memory));
    const some = EMPTY.add(MEMORY, [one(1, 5)]);
    const none = some.add(MEMORY, [one(1, 2 ** 32 - 5)]);
    assert.deepEqual(none.root, EMPTY.root);
    assert.equal(memoryOf(none), undefined);
    assert.deepEqual([...none.entries()], []);
    assert.deepEqual(
      [...none.entries(some)].map(([slot, memory]) => [slot, memory]),
      [[memorySlot(memoryId(crypto, MEMORY)), undefined]],
    );
    assert.deepEqual(none.add(MEMORY, [one(1, 5)]).root, some.root);
  });

  test("a memory stands at the first 40 bits of its id, and its proof leads to the root", () => {
    const memories = EMPTY.add(MEMORY, [one(1)]).add(wide(300), [one(299)]);
    const id = memoryId(crypto, MEMORY);
    assert.equal(memorySlot(id), Number(BigInt(toHex(id)) >> 216n));
    const rows = memoryOf(memories)?.rows.root(crypto) as Bytes;
    const leaf = leafHash(crypto, TREE.memory, Uint8Array.from([...id, ...rows]));
    assert.deepEqual(rootOf(crypto, TREE.memory, leaf, memorySlot(id), memories.proof(id)), memories.root);
  });

  test("one that would stand where another does adds nothing, until that one has no cell left", () => {
    const id = memoryId(crypto, MEMORY);
    const alike = Uint8Array.from(id, (byte, i) => (i < 5 ? byte : byte ^ 1));
    const before = EMPTY.with(new Memory(alike, MEMORY).add([one(1)]));
    const { root } = before;
    assert.deepEqual(before.add(MEMORY, [one(2)]).root, root);
    assert.equal(before.of(id), undefined);
    assert.deepEqual(before.at(id)?.id, alike);
    const gone = EMPTY.with(new Memory(alike, MEMORY).add([one(1)]).add([one(1, 2 ** 32 - 1)]));
    assert.deepEqual(gone.add(MEMORY, [one(2)]).root, EMPTY.add(MEMORY, [one(2)]).root);
  });

  test("earlier states stay as they were, whatever is added and in whichever order they are read", () => {
    const states = [EMPTY];
    const expected = [emptyRoot(crypto, TREE.memory)];
    const cells = new Map<string, number>();
    for (let i = 0; i < 12; i++) {
      const [row, column] = [(i * 5) % 3, (i * 7) % 256];
      states.push((states[i] as Memories).add(MEMORY, [one(column, i + 1, row, i % 2)]));
      cells.set(`${i % 2} ${row} ${column}`, i + 1);
      expected.push(rootOfCells([{ definition: MEMORY, cells: new Map(cells) }]));
    }
    for (const at of [5, 12, 0, 3, 11, 4, 5]) assert.deepEqual(states[at]?.root, expected[at]);
  });

  test("what is put off is bounded and loses nothing", () => {
    const many = Array.from({ length: 2 ** 16 + 5 }, (_, i) => one(i % 256, 1, i % 1000));
    let few = EMPTY;
    for (let i = 0; i < many.length; i += 999) few = few.add(MEMORY, many.slice(i, i + 999));
    assert.deepEqual(EMPTY.add(MEMORY, many).root, few.root);
    assert.equal(memoryOf(few)?.row(0, 0)?.total, Math.ceil(many.length / 1000));
  });
});

describe("learning", () => {
  const [author, other] = [operatorAt(1).operator, operatorAt(2).operator];
  const definition: MemoryDefinition = { ...MEMORY, orders: [1, 2], writers: [author] };
  const ids = [9, 8, 9, 8, 300, 9];

  test("adds one where the row of each context meets the token", () => {
    const after = learn(EMPTY, { author, memory: definition, first: 10, from: 10, ids });
    const cells = new Map<string, number>();
    for (const [order, length] of definition.orders.entries())
      for (let i = length; i < ids.length; i++) {
        if ((ids[i] as number) >= 256) continue;
        const row = rowOf(definition, order, i, (at) => ids[at] as number);
        assert.ok(row >= 0 && row < ROWS_PER_ORDER);
        const name = `${order} ${row} ${ids[i]}`;
        cells.set(name, (cells.get(name) ?? 0) + 1);
      }
    assert.deepEqual(after.root, rootOfCells([{ definition, cells }]));
    assert.ok([...cells.values()].includes(2), "equal cells are merged");
  });

  test("by somebody who may not teach adds nothing", () => {
    assert.deepEqual(learn(EMPTY, { author: other, memory: definition, first: 0, from: 0, ids }).root, EMPTY.root);
  });

  test("in parts is learning at once", () => {
    const whole = learn(EMPTY, { author, memory: definition, first: 2, from: 0, ids });
    const head = learn(EMPTY, { author, memory: definition, first: 2, from: 0, ids: ids.slice(0, 4) });
    const both = learn(head, { author, memory: definition, first: 4, from: 2, ids: ids.slice(2) });
    assert.deepEqual(both.root, whole.root);
  });
});

import { Writer } from "../../offchain/core/bytes.ts";
import { Context, rangeProof } from "../../offchain/core/context.ts";
import { learn, type Lesson } from "../../offchain/core/fold.ts";
import { writeTile } from "../../offchain/core/fold-proof.ts";
import { Memories, memorySlot } from "../../offchain/core/memories.ts";
import { encodeDefinition, type MemoryDefinition, memoryId, rowOf } from "../../offchain/core/memory-definition.ts";
import { Row, tileHash } from "../../offchain/core/memory-row.ts";
import { encodeSnapshot } from "../../offchain/core/snapshot.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { hashOf, operatorAt } from "../helpers/core.ts";

const operators = [0, 1].map((i) => operatorAt(i).operator).sort((a, b) => Buffer.compare(a, b));
const ids = [0, 1, 255, 2 ** 32 - 1, 77, 77, 77, 300];

/** The narrowest there is, a byte model's, and the widest, which two operators write. */
const definitions: MemoryDefinition[] = [
  { columns: 1, orders: [1], salt: hashOf("narrow"), writers: [] },
  { columns: 256, orders: [3, 4, 5, 6], salt: hashOf("bytes"), writers: [] },
  { columns: 2 ** 18, orders: [1, 2, 3, 4, 5, 6, 7, 8], salt: hashOf("wide"), writers: operators },
];

const definitionOf = (memory: MemoryDefinition) => {
  const id = memoryId(crypto, memory);
  return {
    ...memory,
    encoding: encodeDefinition(memory),
    id,
    slot: memorySlot(id),
    emptyRow: Row.empty(memory.columns).root(crypto),
    rows: memory.orders.map((_, order) => rowOf(memory, order, ids.length, (position) => ids[position] as number)),
  };
};

const tileOf = (cells: [number, number][]) => {
  const tile = new Uint32Array(64);
  for (const [cell, count] of cells) tile[cell] = count;
  return { cells, hash: tileHash(crypto, tile) };
};

/** A row with cells in its first and its last tile, and as it is when one is added to the last cell, which wraps around. */
const rowsOf = () =>
  [64, 100, 256, 2 ** 18].map((columns) => {
    const last = columns - 1;
    const row = Row.empty(columns)
      .add(0, 1)
      .add(last, 2 ** 32 - 1)
      .add(5, 7);
    const out = new Writer();
    writeTile(crypto, out, row, Math.floor(last / 64));
    const node = (it: Row) => ({ root: it.root(crypto), total: it.total, distinct: it.distinct });
    return { columns, cells: [...row.cells()], opening: out.done(), before: node(row), after: node(row.add(last, 1)) };
  });

const lessons: Lesson[] = [
  { author: operators[0] as Uint8Array, memory: definitions[1] as MemoryDefinition, first: 10, from: 4, ids: ids.concat(1) },
  { author: operators[1] as Uint8Array, memory: definitions[2] as MemoryDefinition, first: 2, from: 0, ids },
];

/** Memories as they grow lesson by lesson. */
function folds() {
  let memories = Memories.empty(crypto);
  return [
    { root: memories.root },
    ...lessons.map((lesson) => {
      memories = learn(memories, lesson);
      return { ...lesson, memory: memoryId(crypto, lesson.memory), root: memories.root };
    }),
  ];
}

const learnSnapshot = () => {
  const memory = definitions[2] as MemoryDefinition;
  const previous = { sequence: 2 ** 40, index: 3 };
  const stated = { start: 5, first: 20, count: 8, length: 40, root: hashOf("context") };
  const body = encodeSnapshot({ type: "learn", turn: hashOf("turn"), previous, memory, ...stated });
  return { ...stated, memory: memoryId(crypto, memory), orders: memory.orders, body, operators };
};

/** Contiguous tokens of contexts of some lengths, of which a prover knows only the peaks at the beginning. */
const ranges = () =>
  [
    { known: 0, length: 1, from: 0, end: 1 },
    { known: 0, length: 13, from: 3, end: 9 },
    { known: 11, length: 40, from: 12, end: 40 },
    { known: 32, length: 90, from: 32, end: 64 },
  ].map(({ known, length, from, end }) => {
    const tokens = Array.from({ length }, (_, i) => (i * 2654435761) % 2 ** 32);
    const start = Context.of(crypto, tokens.slice(0, known));
    return {
      root: Context.of(crypto, tokens).root,
      first: from,
      tokens: tokens.slice(from, end),
      siblings: rangeProof(crypto, start, tokens.slice(known), from, end),
    };
  });

export const memories = () => ({
  ids,
  definitions: definitions.map(definitionOf),
  tiles: [tileOf([]), tileOf([[0, 1]]), tileOf([[63, 2 ** 32 - 1], [7, 2]])],
  rows: rowsOf(),
  folds: folds(),
  learn: learnSnapshot(),
  ranges: ranges(),
});

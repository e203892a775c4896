import type { Bytes } from "../../offchain/core/bytes.ts";
import { type Cell, cellsOf, incrementsOf, type Lesson, learn } from "../../offchain/core/fold.ts";
import { Memories, Memory } from "../../offchain/core/memories.ts";
import { type MemoryDefinition, mayTeach, memoryId, ROWS_PER_ORDER } from "../../offchain/core/memory-definition.ts";
import { TILE_COLUMNS } from "../../offchain/core/memory-row.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { hashOf } from "../helpers/core.ts";
import type { Random } from "../sim/random.ts";
import type { Story } from "./fold-world.ts";

/** What a saboteur makes of one segment: other memories, or a root of nothing. The same as the truth where it cannot. */
type Corruption = (at: {
  before: Memories;
  lesson: Lesson | undefined;
  random: Random;
  shapes: readonly MemoryDefinition[];
}) => Memories | Bytes | undefined;

const MINUS_ONE = 2 ** 32 - 1;
const TOP = 2 ** 32 - 1;

/** Changes one of the cells that a lesson touches, after it was learnt. */
const atCell =
  (change: (after: Memories, memory: MemoryDefinition, cell: Cell) => Memories): Corruption =>
  ({ before, lesson, random }) => {
    const cells = lesson && mayTeach(lesson.memory, lesson.author) ? [...cellsOf(lesson)] : [];
    if (!lesson || cells.length === 0) return undefined;
    const cell = cells[random.int(0, cells.length - 1)] as Cell;
    return change(learn(before, lesson), lesson.memory, cell);
  };

export const CORRUPTIONS: Record<string, Corruption> = {
  "an increment in another column": atCell((after, memory, cell) =>
    after.add(memory, [
      { ...cell, count: MINUS_ONE },
      { ...cell, column: (cell.column + 1) % memory.columns, count: 1 },
    ]),
  ),
  "an increment in another row": atCell((after, memory, cell) =>
    after.add(memory, [
      { ...cell, count: MINUS_ONE },
      { ...cell, row: (cell.row + 1) % ROWS_PER_ORDER, count: 1 },
    ]),
  ),
  "an increment forgotten": atCell((after, memory, cell) => after.add(memory, [{ ...cell, count: MINUS_ONE }])),
  "an increment doubled": atCell((after, memory, cell) => after.add(memory, [{ ...cell, count: 1 }])),
  "a counter that saturates": ({ before, lesson }) => {
    if (!lesson || !mayTeach(lesson.memory, lesson.author)) return undefined;
    const memory = before.of(memoryId(crypto, lesson.memory));
    const top = [...cellsOf(lesson)].find(({ order, row, column }) => {
      const tile = memory?.row(order, row)?.tile(Math.floor(column / TILE_COLUMNS));
      return tile?.[column % TILE_COLUMNS] === TOP;
    });
    return top && learn(before, lesson).add(lesson.memory, [{ ...top, count: MINUS_ONE }]);
  },
  "a row that decays": atCell((after, memory, cell) => {
    const row = after.of(memoryId(crypto, memory))?.row(cell.order, cell.row);
    const halved = [...(row?.cells() ?? [])].map(([column, count]) => ({
      order: cell.order,
      row: cell.row,
      column,
      count: 2 ** 32 - Math.ceil(count / 2),
    }));
    return after.add(memory, halved);
  }),
  "everything learnt twice": ({ before, lesson }) => lesson && learn(learn(before, lesson), lesson),
  "nothing learnt": ({ before }) => before,
  "one position fewer": ({ before, lesson }) => lesson && learn(before, { ...lesson, first: lesson.first + 1 }),
  "into another memory": ({ before, lesson }) =>
    lesson && learn(before, { ...lesson, memory: { ...lesson.memory, salt: hashOf("another salt") } }),
  "by somebody who may not": ({ before, lesson }) =>
    lesson && !mayTeach(lesson.memory, lesson.author) ? before.add(lesson.memory, incrementsOf(lesson)) : undefined,
  "where another memory has the place": ({ before, lesson }) => {
    const there = lesson && before.at(memoryId(crypto, lesson.memory));
    if (!there || there === before.of(memoryId(crypto, lesson.memory))) return undefined;
    return before.with(there.add(incrementsOf(lesson)));
  },
  "a memory out of nothing": ({ before, lesson, shapes }) =>
    lesson ? undefined : before.add(shapes[0] as MemoryDefinition, [{ order: 0, row: 1, column: 1, count: 1 }]),
  "a memory wiped out": ({ before }) => {
    const [[, there] = []] = before.entries();
    return there && before.with(new Memory(there.id, there.definition));
  },
  "learnt on top of nothing": ({ lesson }) => {
    const empty = Memories.empty(crypto);
    return lesson ? learn(empty, lesson) : empty;
  },
  "a root of nothing": () => hashOf("nothing"),
};

const after = (memories: Memories, lesson: Lesson | undefined) => (lesson ? learn(memories, lesson) : memories);

/** The trace with two entries that differ in each other's place, as if the segments had come in another order. */
export function reordered({ trace }: Story): { trace: Bytes[]; index: number } | undefined {
  const index = trace.findIndex((root, i) => i + 1 < trace.length && Buffer.compare(root, trace[i + 1] as Bytes) !== 0);
  if (index < 0) return undefined;
  const swapped = [...trace];
  [swapped[index], swapped[index + 1]] = [trace[index + 1] as Bytes, trace[index] as Bytes];
  return { trace: swapped, index };
}

/** The trace of a story in which one segment was folded wrongly, and those after it on top of that. */
export function corrupt(
  story: Story,
  corruption: Corruption,
  random: Random,
  shapes: readonly MemoryDefinition[],
): { trace: Bytes[]; index: number } | undefined {
  const indices = [...story.lessons.keys()];
  const shift = random.int(0, indices.length - 1);
  for (const index of [...indices.slice(shift), ...indices.slice(0, shift)]) {
    const trace: Bytes[] = [];
    let memories = story.memories;
    let root: Bytes | undefined;
    for (const [i, lesson] of story.lessons.entries()) {
      if (i === index) {
        const wrong = corruption({ before: memories, lesson, random, shapes });
        if (wrong instanceof Uint8Array) root = wrong;
        else memories = wrong ?? after(memories, lesson);
      } else memories = after(memories, lesson);
      trace.push(root ?? memories.root);
    }
    const truth = story.trace[index] as Bytes;
    if (Buffer.compare(trace[index] as Bytes, truth) !== 0) return { trace, index };
  }
  return undefined;
}

import type { Bytes } from "./bytes.ts";
import type { Increment, Memories } from "./memories.ts";
import { type MemoryDefinition, mayTeach, ROWS_PER_ORDER, rowOf } from "./memory-definition.ts";

/** What a `Learn` snapshot names, with the tokens that it needs. */
export type Lesson = {
  /** Whose turn it is. */
  author: Bytes;
  memory: MemoryDefinition;
  /** The first position that is learnt. */
  first: number;
  /** Token ids from position `from` up to the last one that is learnt. No context reaches before `from`. */
  from: number;
  ids: readonly number[];
};

/** A cell: `order` is an index into the definition's orders. */
export type Cell = Omit<Increment, "count">;

/**
 * The cells to which a lesson adds one each, position by position and order by order: where the row of the context before
 * a token meets the token's column. A token that the memory has no column for adds nothing.
 */
export function* cellsOf({ memory, first, from, ids }: Omit<Lesson, "author">): Generator<Cell> {
  const idAt = (position: number) => ids[position - from];
  for (let position = first; position < from + ids.length; position++) {
    const column = idAt(position);
    if (column >= memory.columns) continue;
    for (const [order, length] of memory.orders.entries()) {
      if (position - length < from) break;
      yield { order, row: rowOf(memory, order, position, idAt), column };
    }
  }
}

/** What a lesson adds, equal cells merged. */
export function incrementsOf(lesson: Omit<Lesson, "author">): Increment[] {
  const merged = new Map<number, Increment>();
  for (const { order, row, column } of cellsOf(lesson)) {
    const cell = (order * ROWS_PER_ORDER + row) * lesson.memory.columns + column;
    const known = merged.get(cell);
    if (known) known.count += 1;
    else merged.set(cell, { order, row, column, count: 1 });
  }
  return [...merged.values()];
}

/** What a lesson adds by whom it is: by somebody who may not teach nothing. */
export function taughtBy(lesson: Lesson): Increment[] {
  return mayTeach(lesson.memory, lesson.author) ? incrementsOf(lesson) : [];
}

/** The memories after a lesson. */
export function learn(memories: Memories, lesson: Lesson): Memories {
  return memories.add(lesson.memory, taughtBy(lesson));
}

/** The memories before a lesson, from those after it: what was added is taken away. */
export function unlearn(memories: Memories, lesson: Lesson): Memories {
  const taken = taughtBy(lesson).map((increment) => ({ ...increment, count: -increment.count }));
  return memories.add(lesson.memory, taken);
}

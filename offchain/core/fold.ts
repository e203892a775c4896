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

/**
 * What a lesson adds: for each of its positions and each order, +1 where the row of the context before it meets the
 * token's column. Equal cells are merged. A token that the memory has no column for adds nothing.
 */
export function incrementsOf({ memory, first, from, ids }: Omit<Lesson, "author">): Increment[] {
  const merged = new Map<number, Increment>();
  const idAt = (position: number) => ids[position - from];
  for (let position = first; position < from + ids.length; position++) {
    const column = idAt(position);
    if (column >= memory.columns) continue;
    for (const [order, length] of memory.orders.entries()) {
      if (position - length < from) break;
      const row = rowOf(memory, order, position, idAt);
      const cell = (order * ROWS_PER_ORDER + row) * memory.columns + column;
      const known = merged.get(cell);
      if (known) known.count += 1;
      else merged.set(cell, { order, row, column, count: 1 });
    }
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

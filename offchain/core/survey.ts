import type { Memories, Memory } from "./memories.ts";
import { Sketch, sketchKey } from "./sketch.ts";

/** How much there is in memories, and which way it points. */
export type Survey = { readonly memories: number; readonly cells: number; readonly sketch: Sketch };

/**
 * The survey of `after`, from that of `before`, at the price of the rows in which they differ: what they share is not
 * looked at.
 */
export function surveyOf(after: Memories, before?: { memories: Memories; survey: Survey }): Survey {
  let [memories, cells] = [before?.survey.memories ?? 0, before?.survey.cells ?? 0];
  const moved = new Sketch();
  const pairs = new Map<number, { was?: Memory; is?: Memory }>();
  for (const [slot, is] of after.entries(before?.memories)) pairs.set(slot, { is });
  if (before) for (const [slot, was] of before.memories.entries(after)) pairs.set(slot, { ...pairs.get(slot), was });
  for (const { was, is } of pairs.values()) {
    memories += Number(is !== undefined) - Number(was !== undefined);
    cells += add(moved, is, was, 1) - add(moved, was, is, -1);
  }
  return { memories, cells, sketch: before ? before.survey.sketch.plus(moved) : moved };
}

/** Adds the rows of one memory that another does not have just so. @returns how many cells they have */
function add(sketch: Sketch, memory: Memory | undefined, other: Memory | undefined, sign: 1 | -1): number {
  let cells = 0;
  if (!memory) return cells;
  const key = sketchKey(memory.id);
  for (const [at, row] of memory.rows.entries(other?.rows)) {
    cells += row?.distinct ?? 0;
    for (const [column, count] of row?.cells() ?? []) sketch.add(key, at, column, sign * count);
  }
  return cells;
}

import { type Bytes, Reader, Writer } from "./bytes.ts";
import { Memories, Memory } from "./memories.ts";
import {
  encodeDefinition,
  LIMIT_DEFINITION_BYTES,
  type MemoryDefinition,
  memoryId,
  ROWS_PER_ORDER,
  readDefinition,
} from "./memory-definition.ts";
import type { Hashing } from "./ports.ts";

/** The cells of a row that are not zero: columns, ascending, each followed by its count. */
export type RowCells = {
  readonly row: number;
  readonly cells: readonly number[];
  /** Of the whole row, where our own disk has kept it with the cells; nobody else's word for it is taken. */
  readonly root?: Bytes;
};
/** Some rows of one memory, ascending. */
export type MemoryPart = { readonly memory: MemoryDefinition; readonly rows: Iterable<RowCells> };

/** Where in all memories, by slot, row and column, something begins. */
export type MemoryCursor = { readonly slot: number; readonly row: number; readonly column: number };
export const FIRST_CELL: MemoryCursor = { slot: 0, row: 0, column: 0 };

/** So much of the memories as of a checkpoint as fits into one answer, and where the next one goes on. */
export type MemoryPage = {
  readonly parts: readonly (MemoryPart & { readonly rows: readonly RowCells[] })[];
  readonly next?: MemoryCursor;
};

/** The most bytes of a page's cells. Also what a worker reads in one go without keeping others waiting. */
export const MEMORY_PAGE_BYTES = 128 * 1024;
const CELL_BYTES = 8;
const PART_BYTES = LIMIT_DEFINITION_BYTES + 4;
/** A page ends where it is full: after its last cell come at most the names of one more memory and row. */
export const LIMIT_MEMORY_PAGE_BYTES = MEMORY_PAGE_BYTES + PART_BYTES + 64;
const CURSOR_BYTES = 16;

/** What stands from a cell on, up to about so many bytes; fewer than a definition has bring nothing on. */
export function pageOf(memories: Memories, from: MemoryCursor, most = MEMORY_PAGE_BYTES): MemoryPage {
  const parts: { memory: MemoryDefinition; rows: RowCells[] }[] = [];
  let room = most;
  for (const [slot, { definition, rows }] of memories.from(from.slot)) {
    const part = { memory: definition, rows: [] as RowCells[] };
    parts.push(part);
    room -= PART_BYTES;
    const isFirst = slot === from.slot;
    for (const [row, held] of rows.from(isFirst ? from.row : 0)) {
      const first = isFirst && row === from.row ? from.column : 0;
      const cells: number[] = [];
      if (room <= 0) return { parts, next: { slot, row, column: first } };
      part.rows.push({ row, cells });
      room -= CELL_BYTES;
      for (const [column, count] of held.cells()) {
        if (column < first) continue;
        if (room <= 0) return { parts, next: { slot, row, column } };
        cells.push(column, count);
        room -= CELL_BYTES;
      }
    }
  }
  return { parts };
}

/** Rows made into a memory together: sharing the paths to them costs less than making each anew. */
const BATCH_ROWS = 4096;

/** The memories with these cells, none of which they have yet. */
export function withPart(h: Hashing, memories: Memories, { memory: definition, rows }: MemoryPart): Memories {
  const id = memoryId(h, definition);
  let memory = memories.of(id) ?? new Memory(id, definition);
  let batch: RowCells[] = [];
  for (const row of rows) {
    batch.push(row);
    if (batch.length < BATCH_ROWS) continue;
    memory = memory.withCells(batch);
    batch = [];
  }
  return memories.with(memory.withCells(batch));
}

export function memoriesOf(h: Hashing, parts: Iterable<MemoryPart>): Memories {
  let memories = Memories.empty(h);
  for (const part of parts) memories = withPart(h, memories, part);
  return memories;
}

/** Is `a` before `b`? */
export function isBefore(a: MemoryCursor, b: MemoryCursor): boolean {
  return (a.slot - b.slot || a.row - b.row || a.column - b.column) < 0;
}

function writeCursor(out: Writer, { slot, row, column }: MemoryCursor): Writer {
  return out.u64(slot).u32(row).u32(column);
}

function readCursor(from: Reader): MemoryCursor {
  return { slot: from.u64(), row: from.u32(), column: from.u32() };
}

export const encodeCursor = (cursor: MemoryCursor): Bytes => writeCursor(new Writer(), cursor).done();

/** @throws WeftError `malformed` */
export function decodeCursor(bytes: Bytes): MemoryCursor {
  const from = new Reader(bytes, "memory cursor");
  const cursor = readCursor(from);
  from.end();
  return cursor;
}

/** @param cells columns, ascending, each followed by its count */
export function encodeCells(cells: readonly number[]): Bytes {
  const out = new Writer();
  for (const word of cells) out.u32(word);
  return out.done();
}

/** @throws WeftError `malformed` unless these are cells of a row of so many columns. */
export function decodeCells(bytes: Bytes, columns: number): number[] {
  const from = new Reader(bytes, "memory row");
  const cells = readCells(from, Math.floor(bytes.length / CELL_BYTES), columns);
  from.end();
  return cells;
}

function readCells(from: Reader, count: number, columns: number): number[] {
  const cells: number[] = [];
  for (let left = count, last = -1; left > 0; left--) {
    const [column, value] = [from.u32(), from.u32()];
    if (column <= last || column >= columns) throw from.malformed("has columns that do not ascend within the memory");
    if (value === 0) throw from.malformed("has a cell that is zero");
    cells.push(column, value);
    last = column;
  }
  return cells;
}

export function encodePage({ parts, next }: MemoryPage): Bytes {
  const out = new Writer().u8(next ? 1 : 0);
  if (next) writeCursor(out, next);
  out.u32(parts.length);
  for (const { memory, rows } of parts) {
    out.raw(encodeDefinition(memory)).u32(rows.length);
    for (const { row, cells } of rows)
      out
        .u32(row)
        .u32(cells.length / 2)
        .raw(encodeCells(cells));
  }
  return out.done();
}

/** @throws WeftError `malformed` */
export function decodePage(bytes: Bytes): MemoryPage {
  const from = new Reader(bytes, "memory page");
  const next = from.bool() ? readCursor(from) : undefined;
  const parts = Array.from({ length: from.count(Math.floor(from.left / CURSOR_BYTES)) }, () => {
    const memory = readDefinition(from);
    let last = -1;
    const rows = Array.from({ length: from.count(Math.floor(from.left / CELL_BYTES)) }, () => {
      const row = from.u32();
      if (row <= last || row >= memory.orders.length * ROWS_PER_ORDER)
        throw from.malformed("has rows that do not ascend within the memory");
      last = row;
      return { row, cells: readCells(from, from.count(Math.floor(from.left / CELL_BYTES)), memory.columns) };
    });
    return { memory, rows };
  });
  from.end();
  return { parts, next };
}

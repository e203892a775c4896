import { hash } from "node:crypto";
import { type Bytes, equal, Writer } from "../core/bytes.ts";
import type { StoreRecord } from "../core/events.ts";
import { decodeDefinition, encodeDefinition } from "../core/memory-definition.ts";
import { decodeCells, encodeCells, type MemoryPart, type RowCells } from "../core/memory-page.ts";
import type { Row } from "../core/memory-row.ts";
import type { Sql } from "./sql.ts";

type Base = Extract<StoreRecord, { type: "memory" }>;

/** Rows read at once. */
const BATCH = 4096;
const PUT_ROW = "INSERT OR REPLACE INTO memory_rows (slot, row, cells, root, sum) VALUES (?, ?, ?, ?, ?)";

type StoredRow = { row: number; cells: Bytes; root: Bytes | null; sum: Bytes | null };

/** Tells what was written together from what a disk has harmed: then the root is worked out again. */
function sumOf(slot: number, row: number, cells: Bytes, root: Bytes): Bytes {
  const place = new Writer().u64(slot).u32(row).done();
  return new Uint8Array(hash("sha256", Buffer.concat([place, root, cells]), "buffer"));
}

/** The memories as of one checkpoint, by slot and row. What writes is called within a transaction. */
export class MemoryTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  put({ number, hash: name, memories, before }: Base): void {
    if (!before) for (const table of ["memory_rows", "memories"]) this.#sql.run(`DELETE FROM ${table}`);
    for (const [slot, memory] of memories.entries(before)) {
      const old = memory && before?.of(memory.id);
      if (!old)
        for (const table of ["memory_rows", "memories"]) this.#sql.run(`DELETE FROM ${table} WHERE slot = ?`, slot);
      if (!memory) continue;
      if (!old) this.#sql.run("INSERT INTO memories VALUES (?, ?)", slot, encodeDefinition(memory.definition));
      for (const [row, held] of memory.rows.entries(old?.rows)) {
        if (held) this.#putRow(slot, row, held);
        else this.#sql.run("DELETE FROM memory_rows WHERE slot = ? AND row = ?", slot, row);
      }
    }
    this.#sql.run("INSERT OR REPLACE INTO memory_base VALUES (1, ?, ?)", number, name);
  }

  #putRow(slot: number, row: number, held: Row): void {
    const cells = encodeCells([...held.cells()].flat());
    const { knownRoot: known } = held;
    this.#sql.run(PUT_ROW, slot, row, cells, known ?? null, known ? sumOf(slot, row, cells, known) : null);
  }

  /** @throws WeftError `malformed` when what is read is no memory. */
  base(): { number: number; hash: Bytes; parts: Iterable<MemoryPart> } | undefined {
    const base = this.#sql.one<{ number: number; hash: Bytes }>("SELECT number, hash FROM memory_base");
    return base && { ...base, parts: this.#parts() };
  }

  *#parts(): Generator<MemoryPart> {
    const all = this.#sql.all<{ slot: number; definition: Bytes }>(
      "SELECT slot, definition FROM memories ORDER BY slot",
    );
    for (const { slot, definition } of all) {
      const memory = decodeDefinition(definition);
      yield { memory, rows: this.#rows(slot, memory.columns) };
    }
  }

  *#rows(slot: number, columns: number): Generator<RowCells> {
    const sql = "SELECT row, cells, root, sum FROM memory_rows WHERE slot = ? AND row > ? ORDER BY row LIMIT ?";
    for (let after = -1; ; ) {
      const batch = this.#sql.all<StoredRow>(sql, slot, after, BATCH);
      for (const { row, cells, root, sum } of batch) {
        const isSound = root && sum && equal(sum, sumOf(slot, row, cells, root));
        yield { row, cells: decodeCells(cells, columns), ...(isSound && { root }) };
      }
      const last = batch.at(-1);
      if (!last) return;
      after = last.row;
    }
  }
}

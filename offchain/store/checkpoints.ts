import { type Bytes, equal, Reader, Writer } from "../core/bytes.ts";
import { type CutEntry, decodeEntries, encodeEntries, readAdvance, writeAdvance } from "../core/cut.ts";
import { WeftError } from "../core/errors.ts";
import { TREE } from "../core/tree.ts";
import type { Sql } from "./sql.ts";

/** `entries` is undefined once they are forgotten. */
export type KeptCheckpoint = {
  number: number;
  hash: Bytes;
  checkpoint: Bytes;
  entries: readonly CutEntry[] | undefined;
};

/** Between these numbers, of each cut only that is stored which differs from the one before. */
const WHOLE_EVERY = 64;
const MOST_ENTRIES = 2 ** TREE.cut.depth;

type Row = { number: number; hash: Bytes; checkpoint: Bytes; entries: Bytes; whole: number };
const ROW = "SELECT number, hash, checkpoint, entries, whole FROM checkpoints";
/** The latest up to a number that no other is needed to read. */
const WHOLE = "SELECT number FROM checkpoints WHERE whole AND number <= ? ORDER BY number DESC LIMIT 1";

function isSame(a: CutEntry, b: CutEntry): boolean {
  const fields = a.sequence === b.sequence && a.ended === b.ended && equal(a.head, b.head);
  return fields && equal(a.operator, b.operator) && equal(a.incarnation, b.incarnation);
}

/**
 * What differs from the cut before. Where segments begin in their tree follows from how far the tracks went, and changes
 * for nearly every track, so it is not stored. Undefined when these are not entries that follow from those before.
 */
function encodeChanges(before: readonly CutEntry[], entries: readonly CutEntry[]): Bytes | undefined {
  const changed: number[] = [];
  let first = 0;
  for (const [slot, entry] of entries.entries()) {
    const old = before[slot];
    if (entry.first !== first) return undefined;
    if (!old || !isSame(old, entry)) changed.push(slot);
    first += entry.sequence - (old?.sequence ?? 0);
  }
  const out = new Writer().u32(entries.length).u32(changed.length);
  for (const slot of changed) writeAdvance(out.u32(slot), entries[slot]).u8(entries[slot].ended ? 1 : 0);
  return out.done();
}

function applyChanges(before: readonly CutEntry[], bytes: Bytes): CutEntry[] {
  const from = new Reader(bytes, "stored cut");
  const entries: CutEntry[] = new Array(from.count(MOST_ENTRIES));
  for (let left = from.count(entries.length); left > 0; left--) {
    const slot = from.u32();
    entries[slot] = { ...readAdvance(from), ended: from.bool(), first: 0 };
  }
  from.end();
  let first = 0;
  for (let slot = 0; slot < entries.length; slot++) {
    const old = before[slot];
    const entry = entries[slot] ?? old;
    if (!entry) throw from.malformed(`has nothing in slot ${slot}`);
    entries[slot] = entry.first === first ? entry : { ...entry, first };
    first += entry.sequence - (old?.sequence ?? 0);
  }
  return entries;
}

/** Checkpoints with their cuts. What writes is called within a transaction; when that fails, `forget`. */
export class CheckpointTable {
  readonly #sql: Sql;
  /** The one that was put last: the next is stored as a difference to it. */
  #last?: { number: number; entries: readonly CutEntry[] };

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** A transaction was undone: what is remembered of the table may never have been. */
  forget(): void {
    this.#last = undefined;
  }

  /** @throws WeftError `conflict` when another checkpoint has this number. */
  put(number: number, hash: Bytes, checkpoint: Bytes, entries: readonly CutEntry[]): void {
    const held = this.#sql.one<{ hash: Bytes }>("SELECT hash FROM checkpoints WHERE number = ?", number);
    if (held && equal(held.hash, hash)) return;
    if (held)
      throw new WeftError("conflict", `another checkpoint has number ${number}`, {
        field: "number",
        remedy: "drop the checkpoints from this number on first",
      });
    const before = number % WHOLE_EVERY === 0 ? undefined : this.#entries(number - 1);
    const changes = before && encodeChanges(before, entries);
    const put = "INSERT INTO checkpoints (number, hash, checkpoint, entries, whole) VALUES (?, ?, ?, ?, ?)";
    this.#sql.run(put, number, hash, checkpoint, changes ?? encodeEntries(entries), changes ? 0 : 1);
    this.#last = { number, entries };
  }

  dropFrom(number: number): void {
    this.#last = undefined;
    this.#sql.run("DELETE FROM checkpoints WHERE number >= ?", number);
  }

  /** Forgets the entries of those before `before`, but for up to 63 that later ones are differences to. */
  prune(before: number): void {
    this.#last = undefined;
    this.#sql.run(`UPDATE checkpoints SET entries = x'' WHERE length(entries) > 0 AND number < (${WHOLE})`, before);
  }

  at(number: number): KeptCheckpoint | undefined {
    const row = this.#sql.one<Row>(`${ROW} WHERE number = ?`, number);
    return row && this.#kept(row, this.#entries(number));
  }

  #kept({ number, hash, checkpoint }: Row, entries: readonly CutEntry[] | undefined): KeptCheckpoint {
    return { number, hash, checkpoint, entries };
  }

  /** From the latest whole one up to this one. */
  #entries(number: number): readonly CutEntry[] | undefined {
    if (this.#last?.number === number) return this.#last.entries;
    const rows = this.#sql.all<Row>(
      `${ROW} WHERE number <= ? AND number >= (${WHOLE}) ORDER BY number`,
      number,
      number,
    );
    let entries: readonly CutEntry[] | undefined;
    for (const row of rows) entries = this.#follow(row, entries);
    return rows.at(-1)?.number === number ? entries : undefined;
  }

  #follow(row: Row, before: readonly CutEntry[] | undefined): readonly CutEntry[] | undefined {
    if (row.entries.length === 0) return undefined;
    return row.whole ? decodeEntries(row.entries, MOST_ENTRIES) : applyChanges(before ?? [], row.entries);
  }

  /** Ascending, from number `from` on. Not to be dropped from before it was read to its end. */
  *since(from: number): Generator<KeptCheckpoint> {
    const next = (number: number) => this.#sql.one<Row>(`${ROW} WHERE number >= ? ORDER BY number LIMIT 1`, number);
    let row = next(from);
    let before = row && !row.whole ? this.#entries(row.number - 1) : undefined;
    while (row) {
      before = this.#follow(row, before);
      yield this.#kept(row, before);
      row = next(row.number + 1);
    }
  }

  /** The number of the `count`-th latest, or of the first of them if there are fewer. */
  late(count: number): number {
    const sql = "SELECT number FROM checkpoints ORDER BY number DESC LIMIT ?";
    return this.#sql.all<{ number: number }>(sql, count).at(-1)?.number ?? 0;
  }
}

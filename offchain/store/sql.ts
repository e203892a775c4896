import type { Statement } from "better-sqlite3";
import { type Db, guarded } from "./database.ts";

type Row = Record<string, unknown>;

/** Callers compare and slice bytes, and Node's Buffer does the latter differently. */
function unbuffered<T>(row: unknown): T {
  const out: Row = {};
  for (const [key, value] of Object.entries(row as Row))
    out[key] = Buffer.isBuffer(value) ? new Uint8Array(value.buffer, value.byteOffset, value.length) : value;
  return out as T;
}

/** Statements over one database, each prepared once; SQLite's errors come out typed. */
export class Sql {
  readonly #db: Db;
  readonly #failpoint: (name: string) => void;
  readonly #statements = new Map<string, Statement>();

  constructor(db: Db, failpoint: (name: string) => void) {
    this.#db = db;
    this.#failpoint = failpoint;
  }

  #statement(text: string): Statement {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  run(text: string, ...values: unknown[]): { changes: number; rowid: number } {
    const { changes, lastInsertRowid } = guarded(() => this.#statement(text).run(...values));
    return { changes, rowid: Number(lastInsertRowid) };
  }

  /** Reads all there is at once: no cursor is held, so writes may follow. */
  all<T>(text: string, ...values: unknown[]): T[] {
    const rows = guarded(() => this.#statement(text).all(...values));
    return rows.map((row) => unbuffered<T>(row));
  }

  one<T>(text: string, ...values: unknown[]): T | undefined {
    return this.all<T>(text, ...values)[0];
  }

  /**
   * One transaction, one fsync: when this returns, `work` is on disk; when it throws, nothing of it is.
   * @param points names of the places just before and after the fsync, for tests that have the process killed there.
   */
  durably(points: Iterable<string>, work: () => void): void {
    const names = [...points];
    guarded(() => {
      this.#db
        .transaction(() => {
          work();
          for (const name of names) this.#failpoint(`${name}.before-fsync`);
        })
        .immediate();
    });
    for (const name of names) this.#failpoint(`${name}.after-fsync`);
  }
}

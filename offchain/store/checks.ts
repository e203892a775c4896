import type { Bytes } from "../core/bytes.ts";
import type { CheckReport, SignedReport } from "../core/check-report.ts";
import type { Sql } from "./sql.ts";

/** A report with its place among those of this worker, from 1 on. */
export type KeptReport = SignedReport & { id: number };

type Row = Omit<CheckReport, "agrees"> & { id: number; agrees: number; signature: Bytes };

/** The oldest go. */
export const KEPT_CHECKS = 10_000;

/** What this worker says of turns that it computed again: of each turn once. */
export class CheckTable {
  readonly #sql: Sql;
  readonly #kept: number;

  constructor(sql: Sql, kept = KEPT_CHECKS) {
    this.#sql = sql;
    this.#kept = kept;
  }

  /** @returns whether nothing was said of the turn before */
  put({ report, signature }: SignedReport, isSettled: boolean): boolean {
    let isNew = false;
    this.#sql.durably(["store.check"], () => {
      const put = `INSERT INTO checks (turn, reporter, model, author, agrees, position, distance, signature, settled)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;
      const { turn, reporter, model, author, agrees, position, distance } = report;
      const verdict = [agrees ? 1 : 0, position, distance];
      const { changes, rowid } = this.#sql.run(put, turn, reporter, model, author, ...verdict, signature, +isSettled);
      isNew = changes > 0;
      if (isNew) this.#sql.run("DELETE FROM checks WHERE id <= ?", rowid - this.#kept);
    });
    return isNew;
  }

  /** Nothing is left to be done about a turn. */
  settle(turn: Bytes): void {
    this.#sql.durably(["store.check"], () => {
      this.#sql.run("UPDATE checks SET settled = 1 WHERE turn = ?", turn);
    });
  }

  isSettled(turn: Bytes): boolean {
    return this.#sql.one("SELECT 1 FROM checks WHERE turn = ? AND settled = 1", turn) !== undefined;
  }

  /** Ascending from after an id on; the id of the last that there is, 0 without any. */
  page(after: number, limit: number): { items: KeptReport[]; last: number } {
    const rows = this.#sql.all<Row>("SELECT * FROM checks WHERE id > ? ORDER BY id LIMIT ?", after, limit);
    const items = rows.map(({ id, signature, reporter, model, turn, author, agrees, position, distance }) => ({
      id,
      report: { reporter, model, turn, author, agrees: agrees === 1, position, distance },
      signature,
    }));
    const last = this.#sql.one<{ last: number | null }>("SELECT max(id) AS last FROM checks")?.last ?? 0;
    return { items, last };
  }
}

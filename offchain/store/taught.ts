import type { Bytes } from "../core/bytes.ts";
import type { Sql } from "./sql.ts";

/** What a client asked under a key of its own, as a hash, and what came of it once all of it was done. */
export type AskedOnce = { asked: Bytes; outcome: string | null };

/** So long an outcome is kept, in ms. */
export const KEPT_MS = 24 * 60 * 60 * 1000;
/** How many of one client, and of all; the oldest go. */
export type KeptTaught = { ofClient: number; ofAll: number };
const KEPT: KeptTaught = { ofClient: 1_024, ofAll: 16_384 };

/** Which texts were to be taught under which keys: what a method returned from is on disk. */
export class TaughtTable {
  readonly #sql: Sql;
  readonly #kept: KeptTaught;

  constructor(sql: Sql, kept = KEPT) {
    this.#sql = sql;
    this.#kept = kept;
  }

  /** @param now in ms since 1970 */
  find(requester: Bytes, key: string, now: number): AskedOnce | undefined {
    const find = "SELECT asked, outcome FROM taught WHERE requester = ? AND key = ? AND at > ?";
    return this.#sql.one<AskedOnce>(find, requester, key, now - KEPT_MS);
  }

  /** Before any of it is done. @param now in ms since 1970 */
  begin(requester: Bytes, key: string, asked: Bytes, now: number): void {
    this.#sql.durably(["store.taught"], () => {
      this.#sql.run("DELETE FROM taught WHERE at <= ?", now - KEPT_MS);
      const put = "INSERT INTO taught (requester, key, asked, at) VALUES (?, ?, ?, ?)";
      const { rowid } = this.#sql.run(put, requester, key, asked, now);
      const drop =
        "DELETE FROM taught WHERE requester = ? AND id <= (SELECT id FROM taught WHERE requester = ? ORDER BY id DESC LIMIT 1 OFFSET ?)";
      this.#sql.run(drop, requester, requester, this.#kept.ofClient);
      this.#sql.run("DELETE FROM taught WHERE id <= ?", rowid - this.#kept.ofAll);
    });
  }

  end(requester: Bytes, key: string, outcome: string): void {
    this.#sql.durably(["store.taught"], () => {
      this.#sql.run("UPDATE taught SET outcome = ? WHERE requester = ? AND key = ?", outcome, requester, key);
    });
  }
}

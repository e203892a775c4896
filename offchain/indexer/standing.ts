import { WeftError } from "../core/errors.ts";
import type { Sql } from "./sql.ts";

/** A checkpoint as it stands at the newest indexed block. */
export type Standing = { number: number; hash: string; status: "attested" | "final" | "fallen"; finalAt: number };

type Row = { number: number; hash: string; final_at: string; fallen: boolean; disputed: boolean; now: string };

/** How checkpoints stand; finality is a matter of the newest block's time, which no row has. */
export class Standings {
  readonly #sql: Sql;
  readonly #query: string;

  constructor(sql: Sql, databaseSchema: string) {
    this.#sql = sql;
    const schema = `"${databaseSchema}"`;
    // The first ten digits of what Ponder calls a checkpoint are a block's time.
    this.#query = `
      WITH chain AS (SELECT max(substr(latest_checkpoint, 1, 10)::numeric) AS now FROM ${schema}._ponder_checkpoint),
      standing AS (
        SELECT c.number, c.hash, c.final_at, c.fallen_at IS NOT NULL AS fallen, chain.now,
          EXISTS (SELECT 1 FROM ${schema}.checkpoint d
                  WHERE d.open_disputes > 0 AND d.fallen_at IS NULL AND d.number <= c.number) AS disputed
        FROM ${schema}.checkpoint c, chain)
      SELECT number, hash, final_at::text, fallen, disputed, now::text FROM standing`;
  }

  /** @throws WeftError `not_found` */
  at(number: number): Promise<Standing> {
    return this.#one("WHERE number = $1", [number]);
  }

  latestAttested(): Promise<Standing> {
    return this.#one("WHERE NOT fallen ORDER BY number DESC LIMIT 1", []);
  }

  latestFinal(): Promise<Standing> {
    return this.#one("WHERE NOT fallen AND NOT disputed AND final_at <= now ORDER BY number DESC LIMIT 1", []);
  }

  async #one(where: string, values: readonly unknown[]): Promise<Standing> {
    const [row] = await this.#sql.query<Row>(`${this.#query} ${where}`, values);
    if (!row) throw new WeftError("not_found", "no such checkpoint is committed", { field: "checkpoint" });
    const isFinal = !row.disputed && Number(row.final_at) <= Number(row.now);
    return {
      number: row.number,
      hash: row.hash,
      status: row.fallen ? "fallen" : isFinal ? "final" : "attested",
      finalAt: Number(row.final_at),
    };
  }
}

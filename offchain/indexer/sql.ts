import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { WeftError } from "../core/errors.ts";

/** PGlite or PostgreSQL, one statement at a time: what must be whole is one statement. */
export type Sql = {
  query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  close(): Promise<void>;
};

type Queryable = { query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> };

export function sqlOn(client: Queryable, close: () => Promise<void> = async () => {}): Sql {
  return {
    query: async <Row>(text: string, values: readonly unknown[] = []) =>
      (await client.query(text, [...values])).rows as Row[],
    close,
  };
}

/** @throws WeftError `database_unreachable` */
export async function connectPostgres(url: string, connections: number): Promise<Sql> {
  const { default: pg } = await import("pg");
  const pool = new pg.Pool({ connectionString: url, max: connections });
  // A connection that breaks is replaced at the next statement, which fails by itself if there is none to be had.
  pool.on("error", () => {});
  try {
    await pool.query("SELECT 1");
  } catch (cause) {
    await pool.end();
    throw unreachable(cause);
  }
  return sqlOn(pool, () => pool.end());
}

export function pgliteFolder(folder: string): string {
  return join(folder, "pglite");
}

/** Nobody else may have it open. @throws WeftError `database_unreachable` */
export async function openPglite(folder: string): Promise<Sql> {
  const { PGlite } = await import("@electric-sql/pglite");
  const path = pgliteFolder(folder);
  mkdirSync(path, { recursive: true });
  try {
    const instance = await PGlite.create(path);
    return sqlOn(instance, () => instance.close());
  } catch (cause) {
    throw unreachable(cause);
  }
}

function unreachable(cause: unknown): WeftError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new WeftError("database_unreachable", `the database does not open: ${why}`, {
    field: "database-url",
    cause,
    remedy: "check the address, and that this user may create schemas in it",
  });
}

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WeftError } from "../core/errors.ts";

export type Lock = { release(): Promise<void> };

const inUse = (where: string, field: string) =>
  new WeftError("indexer_running", `another indexer uses ${where}`, { field, remedy: "stop it, or name another one" });

/** PGlite does not see to it that its files are open once. @throws WeftError `indexer_running` */
export function lockFolder(folder: string): Lock {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "indexer.pid");
  for (;;) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      return { release: async () => rmSync(file, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (isAlive(Number(readFileSync(file, "utf8")))) throw inUse(`the folder ${folder}`, "folder");
      rmSync(file, { force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Held for as long as its connection, so that one that is killed holds it no longer. @throws WeftError `indexer_running` */
export async function lockSchema(databaseUrl: string, schema: string): Promise<Lock> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on("error", () => {});
  await client.connect();
  const { rows } = await client.query("SELECT pg_try_advisory_lock(hashtext($1)) AS held", [schema]);
  if ((rows[0] as { held: boolean }).held) return { release: () => client.end() };
  await client.end();
  throw inUse(`the schema ${schema}`, "database-url");
}

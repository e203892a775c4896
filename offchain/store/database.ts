import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import Database from "better-sqlite3";
import { WeftError } from "../core/errors.ts";
import { type Identity, prepare } from "./schema.ts";

export type Db = Database.Database;

const SQLITE_ERRORS: readonly [prefix: string, code: string, remedy: string][] = [
  ["SQLITE_FULL", "disk_full", "free space on the disk of the data folder; nothing of this write was kept"],
  ["SQLITE_IOERR", "disk_error", "check the disk of the data folder, then start again"],
  [
    "SQLITE_CORRUPT",
    "store_corrupt",
    "move the data folder away and start with an empty one: peers send what is missing",
  ],
  [
    "SQLITE_NOTADB",
    "store_corrupt",
    "move the data folder away and start with an empty one: peers send what is missing",
  ],
  ["SQLITE_READONLY", "store_readonly", "make the data folder writable for this user"],
  ["SQLITE_CANTOPEN", "store_readonly", "make the data folder writable for this user"],
  ["SQLITE_BUSY", "store_in_use", "stop the other program that has the data folder open"],
];

/** Runs `work` and turns what SQLite throws into typed errors. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof Database.SqliteError)) throw cause;
    const known = SQLITE_ERRORS.find(([prefix]) => cause.code.startsWith(prefix));
    if (!known) throw new WeftError("store_failed", `the store failed: ${cause.message}`, { cause });
    throw new WeftError(known[1], `the store failed: ${cause.message}`, { cause, field: "store", remedy: known[2] });
  }
}

function syncFolder(folder: string): void {
  // Windows opens no folders, and keeps new names in its journal.
  if (process.platform === "win32") return;
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    syncFolder(dirname(resolve(folder)));
  } catch (cause) {
    throw new WeftError("store_readonly", `cannot make the data folder ${folder}`, {
      cause,
      field: "folder",
      remedy: "name a folder that this user may write to",
    });
  }
}

/** A lock of the operating system, through SQLite because Node has none: it goes when the process goes. */
function lock(folder: string): Db {
  const held = new Database(join(folder, "lock.sqlite"), { timeout: 0 });
  try {
    held.exec("BEGIN EXCLUSIVE");
    return held;
  } catch (cause) {
    held.close();
    if (!(cause instanceof Database.SqliteError) || !cause.code.startsWith("SQLITE_BUSY")) throw cause;
    throw new WeftError("store_in_use", `another process works in the data folder ${folder}`, {
      cause,
      field: "folder",
      remedy: "stop the other worker, or give this one a folder of its own",
    });
  }
}

/** Opens the folder for this process alone. `close` gives it back. */
export function openDatabase(folder: string, identity: Identity, mostBytes?: number): { db: Db; close(): void } {
  makeFolder(folder);
  return guarded(() => {
    const held = lock(folder);
    let db: Db | undefined;
    try {
      db = new Database(join(folder, "weft.sqlite"), { timeout: 5_000 });
      db.pragma("journal_mode = WAL");
      db.pragma("synchronous = FULL");
      // On macOS fsync alone leaves the data in the drive's cache.
      db.pragma("fullfsync = ON");
      db.pragma("checkpoint_fullfsync = ON");
      db.pragma("foreign_keys = ON");
      db.pragma("journal_size_limit = 67108864");
      if (mostBytes !== undefined) {
        const page = db.pragma("page_size", { simple: true }) as number;
        db.pragma(`max_page_count = ${Math.max(1, Math.floor(mostBytes / page))}`);
      }
      prepare(db, identity);
      syncFolder(folder);
    } catch (error) {
      db?.close();
      held.close();
      throw error;
    }
    const open = db;
    return {
      db: open,
      close() {
        open.close();
        held.close();
      },
    };
  });
}

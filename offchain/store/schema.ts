import type { Database } from "better-sqlite3";
import { type Bytes, equal, toHex, utf8 } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";

/** Whose data a folder has. */
export type Identity = { operator: Bytes; chainId: number; ledger: Bytes };

const APPLICATION = 0x57656674; // "Weft"

/** What makes each version out of the one before. A step that was released never changes. */
const STEPS: readonly string[] = [
  `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE tracks (
    id INTEGER PRIMARY KEY, operator BLOB NOT NULL, incarnation BLOB NOT NULL, UNIQUE (operator, incarnation)
  );
  CREATE TABLE segments (
    track INTEGER NOT NULL REFERENCES tracks (id), sequence INTEGER NOT NULL, hash BLOB NOT NULL, bytes BLOB NOT NULL,
    PRIMARY KEY (track, sequence)
  );
  CREATE TABLE evidence (id INTEGER PRIMARY KEY, operator BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL);
  CREATE TABLE checkpoints (
    number INTEGER PRIMARY KEY, hash BLOB NOT NULL, checkpoint BLOB NOT NULL, entries BLOB NOT NULL
  );
  CREATE TABLE attested (number INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (number, hash)) WITHOUT ROWID;
  CREATE TABLE reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, author BLOB NOT NULL, details TEXT NOT NULL
  );
  CREATE TABLE blocks (
    number INTEGER PRIMARY KEY, hash TEXT NOT NULL, parent_hash TEXT NOT NULL, timestamp INTEGER NOT NULL
  );
  CREATE TABLE events (
    block INTEGER NOT NULL, log_index INTEGER NOT NULL, event TEXT NOT NULL, PRIMARY KEY (block, log_index)
  ) WITHOUT ROWID;
  `,
  // A track may begin after its first segment; a checkpoint may keep only what changed, or (no bytes) no entries at all.
  `
  ALTER TABLE tracks ADD COLUMN base_sequence INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE tracks ADD COLUMN base_head BLOB;
  ALTER TABLE checkpoints ADD COLUMN whole INTEGER NOT NULL DEFAULT 1;
  `,
  // The long-term memories as of one checkpoint: columns and counts of each row, 4 bytes each.
  `
  CREATE TABLE memory_base (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL, hash BLOB NOT NULL);
  CREATE TABLE memories (slot INTEGER PRIMARY KEY, definition BLOB NOT NULL);
  CREATE TABLE memory_rows (
    slot INTEGER NOT NULL, row INTEGER NOT NULL, cells BLOB NOT NULL, PRIMARY KEY (slot, row)
  ) WITHOUT ROWID;
  `,
  // Clients give names to long-term memories.
  `
  CREATE TABLE memory_names (
    id INTEGER PRIMARY KEY, requester BLOB NOT NULL, name TEXT NOT NULL, definition BLOB NOT NULL,
    UNIQUE (requester, name)
  );
  `,
  // What turns of others were found to be worth; settled ones are not looked at again.
  `
  CREATE TABLE checks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, turn BLOB NOT NULL UNIQUE, reporter BLOB NOT NULL, model BLOB NOT NULL,
    author BLOB NOT NULL, agrees INTEGER NOT NULL, position INTEGER NOT NULL, distance INTEGER NOT NULL,
    signature BLOB NOT NULL, settled INTEGER NOT NULL
  );
  `,
  // Clients name by keys what is to be taught once.
  `
  CREATE TABLE taught (
    id INTEGER PRIMARY KEY AUTOINCREMENT, requester BLOB NOT NULL, key TEXT NOT NULL, asked BLOB NOT NULL,
    at INTEGER NOT NULL, outcome TEXT, UNIQUE (requester, key)
  );
  CREATE INDEX taught_at ON taught (at);
  `,
  // The root of each row of a memory, and a sum over the row and it.
  `
  ALTER TABLE memory_rows ADD COLUMN root BLOB;
  ALTER TABLE memory_rows ADD COLUMN sum BLOB;
  `,
];

/**
 * Makes the tables of a new database, and brings those of an older program up to date.
 * @throws WeftError `store_too_new`, `store_of_another`, `store_corrupt` when it is another program's.
 */
export function prepare(db: Database, identity: Identity): void {
  const version = db.pragma("user_version", { simple: true }) as number;
  const application = db.pragma("application_id", { simple: true }) as number;
  const tables = db.prepare("SELECT count(*) FROM sqlite_schema").pluck().get() as number;
  if (application !== APPLICATION && tables > 0)
    throw new WeftError("store_corrupt", "the data folder holds a database of another program", {
      field: "folder",
      remedy: "name another folder",
    });
  if (version > STEPS.length)
    throw new WeftError("store_too_new", `the data folder has version ${version}, this program knows ${STEPS.length}`, {
      field: "folder",
      remedy: "run the newer program that wrote it, or name an empty folder",
    });
  if (version > 0) checkIdentity(db, identity);
  if (version === STEPS.length) return;
  db.transaction(() => {
    for (const step of STEPS.slice(version)) db.exec(step);
    if (version === 0) {
      for (const [name, value] of Object.entries(stored(identity)))
        db.prepare("INSERT INTO meta VALUES (?, ?)").run(name, value);
      db.pragma(`application_id = ${APPLICATION}`);
    }
    db.pragma(`user_version = ${STEPS.length}`);
  }).immediate();
}

const stored = ({ operator, chainId, ledger }: Identity) => ({ operator, chainId: utf8(String(chainId)), ledger });

function checkIdentity(db: Database, identity: Identity): void {
  const value = db.prepare("SELECT value FROM meta WHERE name = ?").pluck();
  for (const [field, wanted] of Object.entries(stored(identity))) {
    const there = value.get(field) as Bytes;
    if (equal(there, wanted)) continue;
    const show = (bytes: Bytes) => (field === "chainId" ? new TextDecoder().decode(bytes) : toHex(bytes));
    throw new WeftError("store_of_another", `the data folder belongs to ${field} ${show(there)}, not ${show(wanted)}`, {
      field,
      remedy: "name the folder that this worker had before, or an empty one",
    });
  }
}

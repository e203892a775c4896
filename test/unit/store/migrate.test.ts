import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import Database from "better-sqlite3";
import { utf8 } from "../../../offchain/core/bytes.ts";
import { encodeCheckpoint } from "../../../offchain/core/checkpoint.ts";
import { Cut, encodeEntries } from "../../../offchain/core/cut.ts";
import { encodeSegment } from "../../../offchain/core/segment.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import {
  advanceOf,
  checkpointRecord,
  contents,
  IDENTITY,
  openStore,
  segmentOf,
  segmentRecord,
  temporary,
  trackOf,
} from "./fixture.ts";

/** As the first release made it. */
const VERSION_1 = `
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
`;

const A = trackOf(1);
const cuts = [3, 4].map((sequence) => Cut.of(crypto, [{ ...advanceOf(A, sequence), ended: false, first: 0 }]));

function oldFolder(folder: string): void {
  const db = new Database(join(folder, "weft.sqlite"));
  db.pragma("journal_mode = WAL");
  db.exec(VERSION_1);
  const put = db.prepare("INSERT INTO meta VALUES (?, ?)");
  put.run("operator", IDENTITY.operator);
  put.run("chainId", utf8(String(IDENTITY.chainId)));
  put.run("ledger", IDENTITY.ledger);
  db.prepare("INSERT INTO tracks VALUES (7, ?, ?)").run(A.operator, A.incarnation);
  for (const sequence of [1, 2, 3, 4]) {
    const { segment } = segmentRecord(A, sequence);
    const values = [sequence, segmentOf(A, sequence).hash, encodeSegment(segment)];
    db.prepare("INSERT INTO segments VALUES (7, ?, ?, ?)").run(...values);
  }
  for (const [i, cut] of cuts.entries()) {
    const { number, hash, checkpoint } = checkpointRecord(i + 1, cut);
    const values = [number, hash, encodeCheckpoint(checkpoint), encodeEntries(cut.entries)];
    db.prepare("INSERT INTO checkpoints VALUES (?, ?, ?, ?)").run(...values);
  }
  db.prepare("INSERT INTO attested VALUES (2, ?)").run(checkpointRecord(2, cuts[1]!).hash);
  db.prepare("INSERT INTO blocks VALUES (9, '0x09', '0x08', 900)").run();
  db.pragma("application_id = 1466263156");
  db.pragma("user_version = 1");
  db.close();
}

test("a folder of the first version is taken over with everything in it", (t) => {
  const folder = temporary(t);
  oldFolder(folder);
  let store = openStore(folder);
  const expected = {
    bases: [],
    segments: [1, 2, 3, 4].map((sequence) => {
      const { segment } = segmentRecord(A, sequence);
      return { segment, hash: segmentOf(A, sequence).hash };
    }),
    checkpoints: cuts.map((cut, i) => ({
      number: i + 1,
      hash: checkpointRecord(i + 1, cut).hash,
      entries: cut.entries,
    })),
    evidence: [],
    chain: { events: [], time: 900 },
  };
  assert.deepEqual(contents(store), expected);
  assert.deepEqual(store.attested(2), [checkpointRecord(2, cuts[1]!).hash]);
  const cut = cuts[1]!.extend(crypto, [advanceOf(A, 5)], () => false);
  store.write([segmentRecord(A, 5), checkpointRecord(3, cut), { type: "base", base: advanceOf(A, 3) }]);
  store.write([{ type: "prune-checkpoints", before: 2 }]);
  store.close();
  store = openStore(folder);
  t.after(() => store.close());
  assert.deepEqual(store.disk().bases(), [advanceOf(A, 3)]);
  assert.deepEqual(
    [...store.checkpoints()].map(({ entries }) => entries),
    [undefined, encodeEntries(cuts[1]!.entries), encodeEntries(cut.entries)],
  );
});

test("a folder of the first version that belongs to another is refused, and left as it is", (t) => {
  const folder = temporary(t);
  oldFolder(folder);
  const ledger = new Uint8Array(20);
  assert.throws(() => openStore(folder, { identity: { ...IDENTITY, ledger } }), { code: "store_of_another" });
  const db = new Database(join(folder, "weft.sqlite"), { readonly: true });
  assert.equal(db.pragma("user_version", { simple: true }), 1);
  db.close();
});

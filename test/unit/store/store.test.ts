import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import Database from "better-sqlite3";
import type { ChainEvent, Hex } from "../../../offchain/core/chain.ts";
import { decodeChainEvent, encodeChainEvent, KEPT_BLOCKS } from "../../../offchain/core/chain.ts";
import { Cut, encodeEntries } from "../../../offchain/core/cut.ts";
import type { StoreRecord } from "../../../offchain/core/events.ts";
import { encodeEvidence } from "../../../offchain/core/evidence.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import {
  advanceOf,
  checkpointRecord,
  evidenceOf,
  IDENTITY,
  openStore,
  segmentOf,
  segmentRecord,
  temporary,
  trackOf,
} from "./fixture.ts";

const A = trackOf(1);
const B = trackOf(2);

test("segments come back in order, after a restart too", (t) => {
  const folder = temporary(t);
  let store = openStore(folder);
  store.write([segmentRecord(B, 1), segmentRecord(A, 1), segmentRecord(A, 2)]);
  store.write(Array.from({ length: 98 }, (_, i) => segmentRecord(A, i + 3)));
  store.write([]);
  store.close();
  store = openStore(folder);
  t.after(() => store.close());
  assert.deepEqual(store.segment(A, 2), segmentOf(A, 2));
  assert.equal(Buffer.isBuffer(store.segment(A, 2)?.bytes), false);
  assert.equal(store.segment(A, 101), undefined);
  assert.equal(store.segment(trackOf(3), 1), undefined);
  assert.deepEqual(
    [...store.segments(A, 30, 70)].map(({ sequence }) => sequence),
    Array.from({ length: 41 }, (_, i) => i + 30),
  );
  const last = new Map<number, number>();
  for (const { incarnation, sequence } of store.allSegments()) {
    assert.equal(sequence, (last.get(incarnation[0]) ?? 0) + 1);
    last.set(incarnation[0], sequence);
  }
  assert.deepEqual(
    [...last],
    [
      [2, 1],
      [1, 100],
    ],
  );
  assert.deepEqual(
    store.heads().map(({ incarnation, sequence, hash }) => [incarnation[0], sequence, hash]),
    [
      [2, 1, segmentOf(B, 1).hash],
      [1, 100, segmentOf(A, 100).hash],
    ],
  );
});

test("writes go on while somebody reads", (t) => {
  const store = openStore(temporary(t));
  t.after(() => store.close());
  store.write(Array.from({ length: 40 }, (_, i) => segmentRecord(A, i + 1)));
  let read = 0;
  for (const _ of store.allSegments()) {
    read += 1;
    if (read === 35) store.write([segmentRecord(A, 41)]);
  }
  assert.equal(read, 41);
});

test("S2: the same segment twice is harmless, another one in its place is refused with its whole batch", (t) => {
  const store = openStore(temporary(t));
  t.after(() => store.close());
  store.write([segmentRecord(A, 1), segmentRecord(A, 1)]);
  store.write([segmentRecord(A, 1), segmentRecord(A, 2)]);
  const { segment, ...rest } = segmentRecord(A, 2);
  store.write([{ ...rest, segment: { ...segment, signature: new Uint8Array(65) } }]);
  assert.deepEqual(store.segment(A, 2), segmentOf(A, 2), "the first stays");
  assert.throws(() => store.write([segmentRecord(B, 1), segmentRecord(A, 3), segmentRecord(A, 2, 1)]), {
    code: "conflict",
    field: "sequence",
  });
  assert.deepEqual(
    store.heads().map(({ sequence }) => sequence),
    [2],
  );
  store.write([segmentRecord(B, 1)]);
  assert.deepEqual(store.segment(B, 1), segmentOf(B, 1), "the track of the failed batch is made anew");
});

test("a track that lost its fork goes on with the other", (t) => {
  const store = openStore(temporary(t));
  t.after(() => store.close());
  store.write([1, 2, 3].map((sequence) => segmentRecord(A, sequence)));
  store.write([
    { type: "rewind", track: A, to: 1 },
    { type: "rewind", track: B, to: 0 },
  ]);
  store.write([segmentRecord(A, 2, 1)]);
  assert.deepEqual([...store.allSegments()], [segmentOf(A, 1), segmentOf(A, 2, 1)]);
  store.write([{ type: "rewind", track: A, to: 0 }]);
  assert.deepEqual(store.heads(), []);
});

test("evidence, checkpoints, attestations and reports are kept", (t) => {
  const folder = temporary(t);
  let store = openStore(folder);
  const bytes = (fill: number, length = 32) => new Uint8Array(length).fill(fill);
  const other = { ...A, operator: bytes(1, 20) };
  store.write([evidenceOf(A), evidenceOf(other)]);
  store.write([evidenceOf(A, 2)]);
  const cut = Cut.of(crypto, [{ ...advanceOf(A, 1), ended: false, first: 0 }]);
  store.write([1, 2, 3].map((number) => checkpointRecord(number, cut)));
  store.write([checkpointRecord(3, cut)]);
  assert.throws(() => store.write([checkpointRecord(3, cut, 1)]), { code: "conflict" });
  for (const fill of [1, 2, 1]) store.write([{ type: "attested", number: 5, hash: bytes(fill) }]);
  store.putReport({ kind: "rows", author: bytes(1, 20), details: { place: [1, 2], why: "digest" } });
  store.close();
  store = openStore(folder);
  t.after(() => store.close());
  const first = [evidenceOf(A), evidenceOf(other)];
  assert.deepEqual(
    store.evidence(),
    first.map(({ operator, evidence }) => ({ operator, bytes: encodeEvidence(evidence) })),
  );
  assert.deepEqual(store.checkpoint(2)?.entries, encodeEntries(cut.entries));
  assert.equal(store.checkpoint(4), undefined);
  store.write([{ type: "drop-checkpoints", from: 3 }]);
  assert.deepEqual(
    [...store.checkpoints()].map(({ number }) => number),
    [1, 2],
  );
  store.write([checkpointRecord(3, cut, 1)]);
  assert.deepEqual(store.attested(5), [bytes(1), bytes(2)]);
  assert.deepEqual(store.attested(6), []);
  assert.deepEqual(store.reports(), [
    { kind: "rows", author: bytes(1, 20), details: { place: [1, 2], why: "digest" } },
  ]);
});

const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, "0")}`;
const blockAt = (number: number) => ({ number, hash: hash(number), parentHash: hash(number - 1), timestamp: number });

function eventAt(block: number, logIndex = 0): ChainEvent {
  const set = [{ signer: new Uint8Array(20).fill(3), stake: 2n ** 80n }];
  const fields = { position: block, hash: new Uint8Array(32).fill(block) };
  return { kind: "registry", event: { kind: "activated", epoch: 1, set, ...fields }, block, logIndex };
}

test("S11: the chain log keeps blocks and events, and forgets from a block on", (t) => {
  const folder = temporary(t);
  let store = openStore(folder);
  const endpoint: ChainEvent = {
    kind: "endpoint",
    operator: new Uint8Array(20).fill(9),
    endpoint: "0x00:1",
    block: 2,
    logIndex: 1,
  };
  store.chainLog.append([blockAt(1)], [eventAt(1)]);
  store.chainLog.append([blockAt(2), blockAt(3)], [endpoint, eventAt(2), eventAt(3)]);
  store.close();
  store = openStore(folder);
  t.after(() => store.close());
  assert.deepEqual(store.chainLog.blocks(), [blockAt(1), blockAt(2), blockAt(3)]);
  assert.deepEqual(store.chainLog.events(), [eventAt(1), eventAt(2), endpoint, eventAt(3)]);
  store.chainLog.truncate(2);
  assert.deepEqual(store.chainLog.blocks(), [blockAt(1)]);
  assert.deepEqual(store.chainLog.events(), [eventAt(1)]);
  store.chainLog.append(
    Array.from({ length: KEPT_BLOCKS + 50 }, (_, i) => blockAt(i + 2)),
    [],
  );
  const kept = store.chainLog.blocks();
  assert.equal(kept.length, KEPT_BLOCKS, "only what a reorganisation walk needs");
  assert.deepEqual(kept.at(-1), blockAt(KEPT_BLOCKS + 51));
  assert.deepEqual(store.chainLog.events(), [eventAt(1)], "events stay");
});

test("equal events have one encoding", () => {
  const event = eventAt(4, 2);
  const other = Object.fromEntries(Object.entries(event).reverse()) as ChainEvent;
  assert.equal(encodeChainEvent(other), encodeChainEvent(event));
  assert.deepEqual(decodeChainEvent(encodeChainEvent(event)), event);
});

test("a folder is refused to another operator, chain or ledger", (t) => {
  const folder = temporary(t);
  openStore(folder).close();
  const others = [{ operator: new Uint8Array(20) }, { chainId: 1 }, { ledger: new Uint8Array(20) }];
  for (const other of others)
    assert.throws(() => openStore(folder, { identity: { ...IDENTITY, ...other } }), {
      code: "store_of_another",
      field: Object.keys(other)[0],
      remedy: /folder/,
    });
  openStore(folder).close();
});

test("a folder of a newer program, of another program, or of no database is refused", (t) => {
  const newer = temporary(t);
  openStore(newer).close();
  const db = new Database(join(newer, "weft.sqlite"));
  db.pragma("user_version = 99");
  db.close();
  assert.throws(() => openStore(newer), { code: "store_too_new", remedy: /newer/ });
  const foreign = temporary(t);
  const theirs = new Database(join(foreign, "weft.sqlite"));
  theirs.exec("CREATE TABLE cats (name TEXT)");
  theirs.close();
  assert.throws(() => openStore(foreign), { code: "store_corrupt" });
  const garbage = temporary(t);
  writeFileSync(join(garbage, "weft.sqlite"), "not a database, but long enough to look at ".repeat(200));
  assert.throws(() => openStore(garbage), { code: "store_corrupt", remedy: /empty/ });
  assert.throws(() => openStore(join(garbage, "weft.sqlite", "below")), { code: "store_readonly" });
});

test("a folder is held by one process, until that process is gone", async (t) => {
  const folder = temporary(t);
  const child = spawn(process.execPath, [join(import.meta.dirname, "writer.ts"), folder, "1", "never", "0"]);
  await once(child.stdout, "data");
  assert.throws(() => openStore(folder), { code: "store_in_use", remedy: /stop the other/ });
  child.kill("SIGKILL");
  await once(child, "close");
  const store = openStore(folder);
  assert.throws(() => openStore(folder), { code: "store_in_use" });
  store.close();
  openStore(folder).close();
});

test("a full disk is a typed error and leaves nothing half-applied", (t) => {
  const folder = temporary(t);
  let store = openStore(folder, { databaseBytes: 256 * 1024 });
  const big = (sequence: number): StoreRecord => {
    const { segment, ...rest } = segmentRecord(A, sequence);
    const snapshots = [{ salt: new Uint8Array(16), body: new Uint8Array(20_000).fill(sequence) }];
    return { ...rest, segment: { ...segment, snapshots } };
  };
  let sequence = 0;
  const fill = () => {
    for (; sequence < 100; sequence += 3) store.write([big(sequence + 1), big(sequence + 2), big(sequence + 3)]);
  };
  assert.throws(fill, { code: "disk_full", field: "store", remedy: /free space/ });
  assert.ok(sequence >= 3);
  const block: ChainEvent = {
    kind: "endpoint",
    operator: A.operator,
    endpoint: "x".repeat(60_000),
    block: 1,
    logIndex: 0,
  };
  assert.throws(() => store.chainLog.append([blockAt(1)], [block]), { code: "disk_full" });
  assert.deepEqual(store.chainLog.blocks(), []);
  assert.equal([...store.allSegments()].length, sequence, "whole batches only");
  store.close();
  store = openStore(folder);
  t.after(() => store.close());
  assert.equal([...store.allSegments()].length, sequence);
  fill();
  assert.equal(store.heads()[0].sequence, sequence, "it goes on where there is room again");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Cut } from "../../../offchain/core/cut.ts";
import type { StoreRecord } from "../../../offchain/core/events.ts";
import { encodeSegment } from "../../../offchain/core/segment.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import {
  advanceOf,
  batchOf,
  checkpointRecord,
  contents,
  evidenceOf,
  openStore,
  segmentOf,
  segmentRecord,
  temporary,
  trackOf,
} from "./fixture.ts";

const A = trackOf(1);
const B = trackOf(2);
const segments = (track: typeof A, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => segmentRecord(track, from + i));
const sequences = (store: ReturnType<typeof openStore>, track: typeof A) =>
  [...store.segments(track, 0, 1000)].map(({ sequence }) => sequence);

test("records of every kind are written together, in their order, and read again by a worker that starts", (t) => {
  const folder = temporary(t);
  let store = openStore(folder);
  const { evidence } = evidenceOf(A);
  const cut = Cut.of(crypto, [{ ...advanceOf(A, 3), ended: false, first: 0 }]);
  const records: StoreRecord[] = [
    ...segments(A, 1, 3),
    ...segments(B, 8, 9),
    { type: "base", base: advanceOf(B, 7) },
    evidenceOf(A),
    { type: "attested", number: 4, hash: segmentOf(A, 3).hash },
    checkpointRecord(4, cut),
    checkpointRecord(5, cut),
    { type: "drop-checkpoints", from: 5 },
    { type: "rewind", track: A, to: 2 },
    segmentRecord(A, 3, 1),
  ];
  store.write([]);
  store.write(records);
  store.close();
  store = openStore(folder);
  t.after(() => store.close());
  const expected = {
    bases: [advanceOf(B, 7)],
    segments: [...segments(A, 1, 2), segmentRecord(A, 3, 1), ...segments(B, 8, 9)].map(({ segment, ...rest }) => ({
      segment,
      hash: (rest as { hash: Uint8Array }).hash,
    })),
    checkpoints: [{ number: 4, hash: checkpointRecord(4, cut).hash, entries: cut.entries }],
    evidence: [evidence],
    chain: { events: [], time: 0 },
  };
  assert.deepEqual(contents(store), expected);
  assert.deepEqual(store.attested(4), [segmentOf(A, 3).hash]);
  const block = { number: 5, hash: "0x05", parentHash: "0x04", timestamp: 1234 } as const;
  store.chainLog.append([block, { ...block, number: 6, timestamp: 1240 }], []);
  assert.deepEqual(store.disk().chain(), { events: [], time: 1240 });
});

test("L8: what was attested to goes when nobody may accuse who did any more; all that is later stays, also after a restart", (t) => {
  const folder = temporary(t);
  let store = openStore(folder);
  const { hash } = segmentOf(A, 1);
  const other = segmentOf(A, 2).hash;
  for (let number = 1; number <= 6; number++) store.write([{ type: "attested", number, hash }]);
  store.write([{ type: "attested", number: 4, hash: other }]);
  store.write([{ type: "prune-checkpoints", before: 4 }]);
  store.close();
  store = openStore(folder);
  t.after(() => store.close());
  const kept = [1, 2, 3, 4, 5, 6].map((number) => store.attested(number).length);
  assert.deepEqual(kept, [0, 0, 0, 2, 1, 1]);
});

test("S2: the same records again change nothing", (t) => {
  const store = openStore(temporary(t));
  t.after(() => store.close());
  for (const n of [1, 2]) {
    store.write(batchOf(A, n));
    const once = contents(store);
    store.write(batchOf(A, n));
    assert.deepEqual(contents(store), once);
  }
});

test("a write that throws leaves no trace, wherever it does, and the next goes through", (t) => {
  let armed = "";
  const store = openStore(temporary(t), {
    failpoint(name) {
      if (name === armed) throw new Error("injected");
    },
  });
  t.after(() => store.close());
  store.write(batchOf(A, 1));
  const before = contents(store);
  const cut = Cut.of(crypto, [{ ...advanceOf(A, 6), ended: false, first: 0 }]);
  const more: StoreRecord[] = [
    ...segments(B, 1, 2),
    ...segments(A, 4, 6),
    { type: "base", base: advanceOf(A, 5) },
    { type: "attested", number: 2, hash: segmentOf(A, 6).hash },
    checkpointRecord(2, cut),
  ];
  for (const [bad, code] of [
    [segmentRecord(B, 2, 1), "conflict"],
    [checkpointRecord(1, cut, 1), "conflict"],
    [{ type: "attested", number: 2, hash: undefined as unknown as Uint8Array }, undefined],
  ] as const) {
    assert.throws(() => store.write([...more, bad]), code ? { code } : Error);
    assert.deepEqual(contents(store), before);
    assert.deepEqual(store.attested(2), []);
  }
  armed = "store.before-fsync";
  assert.throws(() => store.write(more), /injected/);
  armed = "";
  assert.deepEqual(contents(store), before);
  store.write(segments(A, 4, 5));
  assert.deepEqual(sequences(store, A), [1, 2, 3, 4, 5], "the base that was undone is not remembered");
  store.write([checkpointRecord(3, cut)]);
  assert.deepEqual([...store.disk().checkpoints()].at(-1)?.entries, cut.entries, "nor is the cut that was undone");
  store.write(more);
  assert.deepEqual(sequences(store, B), [1, 2]);
  assert.deepEqual(store.disk().bases(), [advanceOf(A, 5)]);
  assert.deepEqual([...store.disk().checkpoints()].map(({ entries }) => entries)[1], cut.entries);
});

test("the places where tests cut a write short are passed once each, whatever is in it", (t) => {
  const passed: string[] = [];
  const store = openStore(temporary(t), { failpoint: (name) => passed.push(name) });
  t.after(() => store.close());
  store.write([...segments(A, 1, 3), { type: "attested", number: 1, hash: segmentOf(A, 1).hash }]);
  const of = (when: string) => ["store", "store.attested"].map((point) => `${point}.${when}`);
  assert.deepEqual(passed.splice(0), [...of("before-fsync"), ...of("after-fsync")]);
  store.write([checkpointRecord(1, Cut.empty(crypto)), { type: "drop-checkpoints", from: 1 }]);
  const names = ["store", "store.checkpoint", "store.drop"].map((point) => `${point}.before-fsync`);
  assert.deepEqual(passed.slice(0, 3), names);
});

test("a track begins where its base says: nothing up to it is kept, and nothing of that comes back", (t) => {
  const folder = temporary(t);
  let store = openStore(folder);
  store.write([...segments(A, 1, 9), { type: "base", base: advanceOf(A, 4) }]);
  assert.deepEqual(sequences(store, A), [5, 6, 7, 8, 9]);
  store.write(segments(A, 3, 5));
  assert.deepEqual(sequences(store, A), [5, 6, 7, 8, 9], "what comes late is let go");
  store.close();
  store = openStore(folder);
  t.after(() => store.close());
  store.write(segments(A, 3, 5));
  assert.deepEqual(sequences(store, A), [5, 6, 7, 8, 9], "after a restart too");
  store.write([{ type: "base", base: advanceOf(A, 20) }]);
  assert.deepEqual(store.disk().bases(), [advanceOf(A, 20)]);
  const { sequence, head } = advanceOf(A, 20);
  assert.deepEqual(
    store.heads(),
    [{ ...A, sequence, hash: head }],
    "a track of which only the base is held has a head",
  );
  store.write([{ type: "base", base: advanceOf(A, 2) }, ...segments(A, 3, 4)]);
  assert.deepEqual(sequences(store, A), [3, 4], "history that was fetched");
  store.write([{ type: "base", base: { ...A, sequence: 0, head: advanceOf(A, 0).head } }, ...segments(A, 1, 2)]);
  assert.deepEqual(store.disk().bases(), []);
  assert.deepEqual(sequences(store, A), [1, 2, 3, 4]);
  store.write([{ type: "base", base: advanceOf(B, 0) }]);
  assert.equal(store.heads().length, 1, "a track that begins with its first segment has no head before that");
  assert.deepEqual(store.segment(A, 2)?.bytes, encodeSegment(segmentRecord(A, 2).segment));
});

test("a track that is rewound keeps its base, and goes on with the other fork", (t) => {
  const store = openStore(temporary(t));
  t.after(() => store.close());
  store.write([...segments(A, 1, 6), { type: "base", base: advanceOf(A, 2) }]);
  store.write([{ type: "rewind", track: A, to: 4 }, segmentRecord(A, 5, 1)]);
  assert.deepEqual(sequences(store, A), [3, 4, 5]);
  assert.deepEqual(store.segment(A, 5)?.hash, segmentOf(A, 5, 1).hash);
  store.write([
    { type: "rewind", track: A, to: 2 },
    { type: "rewind", track: B, to: 2 },
  ]);
  assert.deepEqual(store.heads(), [{ ...A, sequence: 2, hash: segmentOf(A, 2).hash }]);
});

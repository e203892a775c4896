import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import Database from "better-sqlite3";
import { Cut, type CutEntry, encodeEntries } from "../../../offchain/core/cut.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import type { Store } from "../../../offchain/store/store.ts";
import { advanceOf, checkpointRecord, openStore, random, temporary, trackOf } from "./fixture.ts";

const recalled = (store: Store) => [...store.disk().checkpoints()];
const bytesOf = (store: Store, number: number) => store.checkpoint(number)?.entries;

/** What is stored for each number, in bytes, and whether no other is needed to read it. */
function sizes(folder: string): { number: number; whole: number; bytes: number }[] {
  const db = new Database(join(folder, "weft.sqlite"), { readonly: true });
  try {
    return db.prepare("SELECT number, whole, length(entries) AS bytes FROM checkpoints ORDER BY number").all() as never;
  } finally {
    db.close();
  }
}

/** The cut after this one: a few tracks go on, now and then one is new, an operator may end. */
function next(cut: Cut, roll: () => number): Cut {
  const fresh = roll() % 3 === 0 ? [trackOf(cut.entries.length)] : [];
  const moving = [...fresh, ...cut.entries.filter(() => roll() % 4 === 0)];
  const ends = roll() % 60 === 0;
  return cut.extend(
    crypto,
    moving.map((track) => advanceOf(track, (cut.entry(track)?.sequence ?? 0) + (roll() % 3) + 1)),
    () => ends,
  );
}

test("cuts come back as they were, whatever was dropped, forgotten or put again, and by whichever process", (t) => {
  const folder = temporary(t);
  let store = openStore(folder);
  const roll = random(11);
  const kept: { number: number; cut: Cut; fork: number }[] = [];
  let fork = 0;
  let prunedAt = 0;
  const isWhole = (number: number) => number % 64 === 0 || number === 1;
  const check = () => {
    // Up to the latest whole one before the place pruned at, entries are forgotten.
    let from = prunedAt;
    while (from > 0 && !isWhole(from)) from -= 1;
    for (const { number, cut, fork } of kept) {
      const stored = store.checkpoint(number);
      assert.deepEqual(stored?.hash, checkpointRecord(number, cut, fork).hash);
      assert.deepEqual(stored?.entries, number < from ? undefined : encodeEntries(cut.entries), `entries of ${number}`);
    }
    const expected = kept.filter(({ number }) => number >= from).slice(-64);
    assert.deepEqual(
      recalled(store).map(({ number, entries }) => ({ number, entries })),
      expected.map(({ number, cut }) => ({ number, entries: cut.entries })),
    );
    assert.deepEqual(
      [...store.checkpoints()].map(({ number, entries }) => [number, entries]),
      kept.map(({ number }) => [number, bytesOf(store, number)]),
    );
  };
  for (let step = 0; step < 260; step++) {
    const last = kept.at(-1);
    const cut = next(last?.cut ?? Cut.empty(crypto), roll);
    const number = (last?.number ?? 0) + 1;
    store.write([checkpointRecord(number, cut, fork)]);
    kept.push({ number, cut, fork });
    const what = roll() % 40;
    if (what === 0) {
      const from = Math.max(prunedAt + 1, number - (roll() % 20));
      fork += 1;
      store.write([{ type: "drop-checkpoints", from }]);
      while ((kept.at(-1)?.number ?? 0) >= from) kept.pop();
    } else if (what === 1) {
      prunedAt = Math.max(prunedAt, number - (roll() % 100));
      store.write([{ type: "prune-checkpoints", before: prunedAt }]);
    } else if (what === 2) {
      store.close();
      store = openStore(folder);
    }
    if (step % 20 === 0 || what < 2) check();
  }
  t.after(() => store.close());
  check();
  assert.ok(prunedAt > 64 && fork > 2, `pruned at ${prunedAt}, ${fork} times dropped`);
});

test("L8: a checkpoint costs what changed, not what there is", (t) => {
  const folder = temporary(t);
  const store = openStore(folder);
  let cut = Cut.empty(crypto);
  const tracks = Array.from({ length: 200 }, (_, i) => trackOf(i));
  cut = cut.extend(
    crypto,
    tracks.map((track) => advanceOf(track, 1)),
    () => false,
  );
  for (let number = 1; number <= 130; number++) {
    store.write([checkpointRecord(number, cut)]);
    cut = cut.extend(crypto, [advanceOf(tracks[number % 200]!, number + 1)], () => false);
  }
  store.write([{ type: "prune-checkpoints", before: 63 }]);
  store.close();
  const rows = sizes(folder);
  const whole = rows.filter((row) => row.whole === 1).map(({ number }) => number);
  assert.deepEqual(whole, [1, 64, 128], "at least every 64th can be read alone");
  assert.ok(rows[0]!.bytes > 200 * 80);
  for (const { number, bytes } of rows)
    if (!whole.includes(number)) assert.ok(bytes < 100, `${number}: ${bytes} bytes`);
});

test("entries that do not follow from those before are kept as they are", (t) => {
  const folder = temporary(t);
  let store = openStore(folder);
  const entry = (track: number, sequence: number, first: number): CutEntry => ({
    ...advanceOf(trackOf(track), sequence),
    ended: track === 2,
    first,
  });
  const cuts = [
    [entry(1, 5, 0), entry(2, 1, 5)],
    [entry(1, 6, 0), entry(2, 1, 17)],
    [entry(1, 4, 0), entry(2, 1, 0)],
    [entry(3, 4, 0), entry(2, 1, 0), entry(4, 1, 0)],
    [{ ...entry(3, 4, 0), incarnation: trackOf(5).incarnation }],
    [entry(3, 4, 0)],
    [],
    [entry(3, 4, 0)],
  ];
  for (const [number, entries] of cuts.entries()) store.write([checkpointRecord(number + 1, Cut.of(crypto, entries))]);
  store.close();
  store = openStore(folder);
  t.after(() => store.close());
  const read = recalled(store).map(({ number, entries }) => [number, entries]);
  assert.deepEqual(
    read,
    cuts.map((entries, i) => [i + 1, entries]),
  );
});

test("a cut is kept as what changed only since the one right before it, if that is held and will be", (t) => {
  const folder = temporary(t);
  let store = openStore(folder);
  t.after(() => store.close());
  const cuts = new Map<number, Cut>();
  const put = (number: number, since = number - 1) => {
    const entries = [0, 1].map((track) => ({ ...advanceOf(trackOf(track), number), ended: false, first: 0 }));
    // As one that follows from the cut of `since`.
    entries[1]!.first = number - since;
    const cut = Cut.of(crypto, entries);
    cuts.set(number, cut);
    store.write([checkpointRecord(number, cut)]);
  };
  const check = (...numbers: number[]) => {
    store.close();
    store = openStore(folder);
    for (const number of numbers) assert.deepEqual(bytesOf(store, number), encodeEntries(cuts.get(number)!.entries));
  };
  for (const number of [39, 40]) put(number);
  put(44, 40);
  put(42);
  check(39, 40, 42, 44);
  put(45);
  store.write([{ type: "drop-checkpoints", from: 44 }]);
  put(46);
  check(39, 40, 42, 46);
  for (const number of [64, 43]) put(number);
  store.write([{ type: "prune-checkpoints", before: 64 }]);
  put(44);
  check(44, 64);
});

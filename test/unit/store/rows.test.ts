import assert from "node:assert/strict";
import { appendFileSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { equal } from "../../../offchain/core/bytes.ts";
import { LIMIT_ROWS_BYTES } from "../../../offchain/core/rows.ts";
import { RowFiles } from "../../../offchain/store/row-files.ts";
import { place, random, rowsOf, temporary, trackOf } from "./fixture.ts";

const A = trackOf(1);
const MEBIBYTE = 1024 * 1024;

function filled(folder: string, count: number): void {
  const rows = RowFiles.open(folder, 16 * MEBIBYTE);
  for (let sequence = 1; sequence <= count; sequence++) rows.append(A, place(sequence), rowsOf(sequence));
  rows.close();
}

const filesIn = (folder: string) =>
  readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));

/** Every row file that survived reads as it was written, or not at all. Returns how many are there. */
function survivors(folder: string, count: number): number {
  const rows = RowFiles.open(folder, 16 * MEBIBYTE);
  let there = 0;
  for (let sequence = 1; sequence <= count; sequence++) {
    const read = rows.read(A, place(sequence));
    if (!read) {
      assert.equal(rows.has(A, place(sequence)), false);
      continue;
    }
    assert.ok(equal(read, rowsOf(sequence)), "rows are whole or absent");
    there += 1;
  }
  rows.append(A, place(count + 1), rowsOf(count + 1));
  assert.deepEqual(rows.read(A, place(count + 1)), rowsOf(count + 1));
  rows.close();
  return there;
}

test("rows come back, by place, after a restart too", (t) => {
  const folder = temporary(t);
  filled(folder, 100);
  const rows = RowFiles.open(folder, 16 * MEBIBYTE);
  t.after(() => rows.close());
  assert.deepEqual(rows.read(A, place(7)), rowsOf(7));
  assert.equal(rows.read(A, place(7, 2)), undefined);
  assert.equal(rows.has(trackOf(2), place(7)), false);
  assert.equal(rows.stats().records, 100);
  const { bytes } = rows.stats();
  rows.append(A, place(7), rowsOf(7));
  assert.equal(rows.stats().bytes, bytes, "the same rows again take no room");
  rows.append(A, place(7), rowsOf(8));
  assert.deepEqual(rows.read(A, place(7)), rowsOf(8), "the last are read");
  rows.append(A, place(7, 3), new Uint8Array(0));
  assert.deepEqual(rows.read(A, place(7, 3)), new Uint8Array(0));
  assert.throws(() => rows.append(A, place(8), new Uint8Array(LIMIT_ROWS_BYTES + 1)), { code: "too_large" });
});

test("a torn tail is cut off, wherever it was torn", (t) => {
  const folder = temporary(t);
  filled(folder, 6);
  const [file] = filesIn(folder);
  const whole = readFileSync(file);
  const next = random(1);
  for (let i = 0; i < 60; i++) {
    writeFileSync(file, whole);
    const length = next() % whole.length;
    truncateSync(file, length);
    const there = survivors(folder, 6);
    assert.ok(there >= Math.floor(length / 800) - 1 && there < 6, `${there} of 6 after ${length} bytes`);
  }
  writeFileSync(file, whole);
  appendFileSync(file, new Uint8Array(5000));
  assert.equal(survivors(folder, 6), 6, "zeros behind the last record");
});

test("flipped bits cost the records that they are in", (t) => {
  const folder = temporary(t);
  filled(folder, 40);
  const [file] = filesIn(folder);
  const whole = readFileSync(file);
  const next = random(2);
  for (let i = 0; i < 150; i++) {
    const harmed = Buffer.from(whole);
    const flips = 1 + (next() % 3);
    for (let flip = 0; flip < flips; flip++) harmed[next() % harmed.length] ^= 1 << (next() % 8);
    writeFileSync(file, harmed);
    assert.ok(survivors(folder, 40) >= 40 - flips);
  }
  writeFileSync(file, Buffer.alloc(whole.length, "WeftRow"));
  assert.equal(survivors(folder, 40), 0);
});

test("harm is counted, never thrown", (t) => {
  const folder = temporary(t);
  filled(folder, 10);
  const [file] = filesIn(folder);
  const harmed = readFileSync(file);
  harmed[68 + 100] ^= 1;
  writeFileSync(file, harmed);
  const rows = RowFiles.open(folder, MEBIBYTE);
  t.after(() => rows.close());
  assert.equal(rows.stats().dropped, 0);
  assert.equal(rows.read(A, place(1)), undefined);
  assert.equal(rows.stats().dropped, 1);
  assert.equal(rows.has(A, place(1)), false);
  rows.append(A, place(1), rowsOf(1));
  assert.deepEqual(rows.read(A, place(1)), rowsOf(1), "it may come again");
});

test("L8: the oldest rows go beyond the cap", (t) => {
  const folder = temporary(t);
  const cap = 256 * 1024;
  let rows = RowFiles.open(folder, cap);
  for (let sequence = 1; sequence <= 1000; sequence++) {
    rows.append(A, place(sequence), rowsOf(sequence, 2000));
    assert.ok(rows.stats().bytes <= cap);
  }
  const onDisk = () => filesIn(folder).reduce((sum, file) => sum + statSync(file).size, 0);
  assert.equal(onDisk(), rows.stats().bytes);
  assert.ok(onDisk() > cap * 0.8, "and most of the cap is used");
  assert.equal(rows.has(A, place(1)), false);
  assert.deepEqual(rows.read(A, place(1000)), rowsOf(1000, 2000));
  rows.append(A, place(1001), new Uint8Array(cap));
  assert.equal(rows.stats().failed, 1, "what is larger than the cap is not kept");
  rows.close();
  rows = RowFiles.open(folder, cap / 4);
  t.after(() => rows.close());
  assert.ok(onDisk() <= cap / 4, "a smaller cap holds from the next start on");
  assert.deepEqual(rows.read(A, place(1000)), rowsOf(1000, 2000));
});

test("a disk that takes nothing stops nobody", (t) => {
  const rows = RowFiles.open(temporary(t), MEBIBYTE);
  rows.append(A, place(1), rowsOf(1));
  rows.close();
  rows.append(A, place(2), rowsOf(2));
  assert.equal(rows.read(A, place(1)), undefined);
});

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { applyUpdate, Doc } from "yjs";
import { equal } from "../../offchain/core/bytes.ts";
import type { Disk } from "../../offchain/core/events.ts";
import { incrementsOf, type Lesson } from "../../offchain/core/fold.ts";
import { type Increment, Memories, type Memory } from "../../offchain/core/memories.ts";
import {
  DEFAULT_ORDERS,
  type MemoryDefinition,
  memoryId,
  ROWS_PER_ORDER,
} from "../../offchain/core/memory-definition.ts";
import { memoriesOf } from "../../offchain/core/memory-page.ts";
import { mostLearnt } from "../../offchain/core/turn.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { hashOf, operatorAt, requestOf, TrackWriter } from "../helpers/core.ts";
import { openStore } from "../unit/store/fixture.ts";

/** What folding increments into a memory costs: beside Yjs, beside shipping the matrix, and beside hashing it. */

const BYTES = 40_000;
const TURN = 512;
/** Shorter work is repeated more, so that each has run for about a second. */
const ROUNDS = 10;
const YJS_ROUNDS = 2;
const WRITERS = 3;
/** Segments between two looks at the matrix: what so many writers seal in some twenty seconds. */
const BURST = 1024;
const CELLS = 10_000_000;
const LEAST_MERGE = 10;
const LEAST_DIGEST = 10_000;

const say = (name: string, what: string) => process.stdout.write(`${name.padEnd(46)} ${what}\n`);
const round = (value: number) => Math.round(value).toLocaleString("en");
const text = gunzipSync(readFileSync(fileURLToPath(new URL("texts/genesis.txt.gz", import.meta.url)))).subarray(
  0,
  BYTES,
);
const definition: MemoryDefinition = { columns: 256, orders: DEFAULT_ORDERS, salt: hashOf("bench"), writers: [] };
const empty = Memories.empty(crypto);

/** CPU of this thread and of what collects its garbage, in seconds. The least of some rounds: other work only adds. */
function leastCpu(rounds: number, work: () => void): number {
  const times = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  });
  return Math.min(...times);
}

/** What one segment after another teaches. */
function lessonsOf(): Omit<Lesson, "author">[] {
  const lessons: Omit<Lesson, "author">[] = [];
  const [run, longest] = [mostLearnt(definition), Math.max(...definition.orders)];
  for (let start = 0; start < text.length; start += TURN)
    for (let first = start; first < start + TURN && first < text.length; first += run) {
      const from = Math.max(start, first - longest);
      const ids = [...text.subarray(from, Math.min(first + run, start + TURN))];
      lessons.push({ memory: definition, first, from, ids });
    }
  return lessons;
}

/** A bare look at the matrix: what was put off is merged. */
const look = (memories: Memories): Memory => memories.of(memoryId(crypto, definition)) as Memory;

function foldAll(batches: readonly Increment[][], every: number): Memories {
  let memories = empty;
  for (const [i, increments] of batches.entries()) {
    memories = memories.add(definition, increments);
    if ((i + 1) % every === 0) look(memories);
  }
  look(memories);
  return memories;
}

const lessons = lessonsOf();
const batches = lessons.map(incrementsOf);
const updates = batches.reduce((sum, { length }) => sum + length, 0);
say("text, segments, updates of cells", `${round(text.length)} bytes, ${round(batches.length)}, ${round(updates)}`);

const perSecond = (seconds: number) => `${round(updates / seconds)} a second and core`;
const live = leastCpu(ROUNDS, () => void foldAll(batches, BURST));
say(`folded, read every ${BURST} segments`, perSecond(live));
say("folded, read after each segment", perSecond(leastCpu(ROUNDS, () => void foldAll(batches, 1))));
const fromTokens = leastCpu(ROUNDS, () => void foldAll(lessons.map(incrementsOf), BURST));
say("from tokens", perSecond(fromTokens));
const rooted = batches.slice(0, BURST);
const some = rooted.reduce((sum, { length }) => sum + length, 0);
const withRoot = leastCpu(2, () => {
  let memories = empty;
  for (const increments of rooted) {
    memories = memories.add(definition, increments);
    memories.root;
  }
});
say("with the root after each segment", `${round(some / withRoot)} a second and core`);

/** As Yjs keeps sums of several writers: a later value replaces an earlier one, so each has entries of its own. */
function yjsUpdates(): Uint8Array[] {
  const out: Uint8Array[] = [];
  const docs = Array.from({ length: WRITERS }, () => {
    const doc = new Doc();
    doc.on("update", (update: Uint8Array) => void out.push(update));
    return doc.getMap<number>("memory");
  });
  for (const [i, increments] of batches.entries())
    for (const { order, row, column, count } of increments) {
      const name = `${i % WRITERS}:${order}:${row}:${column}`;
      const cells = docs[i % WRITERS] as (typeof docs)[number];
      cells.set(name, (cells.get(name) ?? 0) + count);
    }
  return out;
}
const theirs = yjsUpdates();
const yjs = leastCpu(YJS_ROUNDS, () => {
  const doc = new Doc();
  doc.getMap("memory");
  for (const update of theirs) applyUpdate(doc, update);
});
const together = leastCpu(YJS_ROUNDS, () => {
  const doc = new Doc();
  doc.getMap("memory");
  doc.transact(() => {
    for (const update of theirs) applyUpdate(doc, update);
  });
});
say("Yjs, one binary update each", perSecond(yjs));
say("Yjs, all of them in one transaction", perSecond(together));
const merge = yjs / live;
say(
  "merge against Yjs",
  `${merge.toFixed(1)}× (at least ${LEAST_MERGE}×), ${(together / live).toFixed(1)}× its one transaction`,
);

/** Bytes on the wire that a Learn adds to the text itself, which is sent anyway. */
function bytesPerToken(): number {
  const sizes = [false, true].map((learns) => {
    const writer = new TrackWriter(operatorAt(0));
    const turn = writer.open(requestOf([], { maxLength: TURN }));
    const run = mostLearnt(definition);
    turn.tokens("written", [...text.subarray(0, run)]);
    if (learns) turn.learn(0, run, { memory: definition });
    return writer.seal().snapshots.reduce((sum, { body, salt }) => sum + body.length + salt.length, 0);
  });
  return ((sizes[1] as number) - (sizes[0] as number)) / mostLearnt(definition);
}
const size = theirs.reduce((sum, update) => sum + update.length, 0);
const rows = [...look(foldAll(batches, BURST)).rows.entries()];
const nonZero = rows.reduce((sum, [, one]) => sum + (one?.distinct ?? 0), 0);
say("increment per token", `${bytesPerToken().toFixed(1)} bytes; Yjs ${(size / text.length).toFixed(0)} bytes`);
say("the whole matrix instead", `${round(nonZero * 9)} bytes for ${round(nonZero)} cells at 9 bytes`);

/** A matrix as full as asked: rows of all orders, the same number of cells in each. */
function filled(cells: number): Memories {
  const wide: MemoryDefinition = { ...definition, orders: [2, 3, 4, 5] };
  const each = Math.ceil(cells / (wide.orders.length * ROWS_PER_ORDER));
  let memories = empty;
  for (let at = 0; at < wide.orders.length * ROWS_PER_ORDER; at += 1000) {
    const increments: Increment[] = [];
    for (let row = at; row < Math.min(at + 1000, wide.orders.length * ROWS_PER_ORDER); row++)
      for (let i = 0; i < each; i++)
        increments.push({
          order: Math.floor(row / ROWS_PER_ORDER),
          row: row % ROWS_PER_ORDER,
          column: (row * 31 + i * 6) % 256,
          count: 1 + (i % 7),
        });
    memories = memories.add(wide, increments);
  }
  return memories;
}
const large = filled(CELLS);
const anew = leastCpu(1, () => void large.root);
const [, full] = [...large.entries()][0] as [number, Memory];
const cells = [...full.rows.entries()].reduce((sum, [, one]) => sum + (one?.distinct ?? 0), 0);
const UPDATES = 1_000;
const increments = Array.from({ length: UPDATES }, (_, i): Increment => {
  const row = (i * 7919) % ROWS_PER_ORDER;
  return { order: i % 4, row, column: (i * 31) % 256, count: 1 };
});
const update = leastCpu(ROUNDS, () => {
  let memories = large;
  for (const increment of increments) {
    memories = memories.add(full.definition, [increment]);
    memories.root;
  }
});
const folder = mkdtempSync(join(tmpdir(), "weft-bench-"));
const store = openStore(folder);
store.write([{ type: "memory", number: 1, hash: hashOf("checkpoint"), memories: large }]);
const restart = leastCpu(2, () => {
  const { parts } = store.disk().memory() as NonNullable<ReturnType<Disk["memory"]>>;
  if (!equal(memoriesOf(crypto, parts).root, large.root)) throw new Error("the disk gives another matrix");
});
store.close();
rmSync(folder, { recursive: true });
const flat = new Uint8Array(8 * cells);
const whole = leastCpu(2, () => void crypto.keccak256(flat));
const digest = anew / (update / UPDATES);
const ms = (seconds: number) => `${(1000 * seconds).toPrecision(3)} ms`;
say("a matrix with cells", round(cells));
say("its digest after one update", ms(update / UPDATES));
say("the same digest anew", `${ms(anew)}, ${round(digest)}× (at least ${round(LEAST_DIGEST)}×)`);
say("read from disk, with its digest", ms(restart));
say("one keccak over its cells, 8 bytes each", `${ms(whole)}, ${round(whole / (update / UPDATES))}×`);

// A digest that did not see the update, or that depends on the way to it, would be fast as well.
const there = large.add(full.definition, increments);
const back = increments.reduceRight((memories, one) => memories.add(full.definition, [one]), large);
const sound = equal(there.root, back.root) && !equal(there.root, large.root);
say("digests", sound ? "the same in either order, and another than before" : "WRONG");
process.exitCode = sound && merge >= LEAST_MERGE && digest >= LEAST_DIGEST ? 0 : 1;

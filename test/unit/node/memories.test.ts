import assert from "node:assert/strict";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import Database from "better-sqlite3";
import { toHex } from "../../../offchain/core/bytes.ts";
import { learn } from "../../../offchain/core/fold.ts";
import { Memories } from "../../../offchain/core/memories.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf, MEMORY, requestOf, type Sealed, TrackWriter } from "../../helpers/core.ts";
import { members, StoredWorker } from "./stored.ts";

/** S7, S8, S11, L8: what was learnt outlives the process, the segments that taught it, and reorganisations of the chain. */

const WINDOW = 600;
const RETENTION = 1800;
const [, teacher] = members;

let worker: StoredWorker;
beforeEach(() => {
  worker = new StoredWorker();
});
afterEach(() => worker.end());

/** What everything that was taught adds up to, by the lessons alone. */
let expected: Memories;
beforeEach(() => {
  expected = Memories.empty(crypto);
});

let nonce = 0;
let writer: TrackWriter;
beforeEach(() => {
  writer = new TrackWriter(teacher);
});

/** A turn that teaches what it writes, in two segments. */
function lesson(ids: readonly number[]): Sealed[] {
  const request = requestOf([1, 2], { nonce: hashOf(`lesson ${nonce++}`) });
  const turn = writer.open(request).tokens("given", [1, 2]).tokens("written", ids).learn(2, ids.length);
  const taught = writer.seal();
  turn.close();
  expected = learn(expected, { author: teacher.operator, memory: MEMORY, first: 2, from: 0, ids: [1, 2, ...ids] });
  return [taught, writer.seal()];
}

/** Checkpoints with a lesson each, so many seconds apart. */
function checkpoints(count: number, seconds: number): void {
  for (let left = count; left > 0; left--) {
    worker.time += seconds;
    worker.hold(...lesson([nonce % 200, (nonce * 7) % 200, 5]));
    worker.commit(worker.propose());
  }
}

/** As of the latest checkpoint. */
const memories = () => {
  const { consensus } = worker.protocol;
  return consensus.memoriesAt(consensus.latest.checkpoint.number);
};
const rootOf = (of: Memories | undefined) => of && toHex(of.root);
const held = () => [...worker.store.allSegments()].length;
const stored = () => worker.store.disk().memory()?.number;

test("S8 after a restart the memories are those of a full replay, though what taught them is not held any more", () => {
  checkpoints(12, 300);
  assert.ok(held() < 24, "the first are pruned");
  assert.equal(rootOf(memories()), rootOf(expected));
  worker.restart();
  assert.equal(rootOf(memories()), rootOf(expected));
  checkpoints(2, 300);
  worker.restart();
  assert.equal(rootOf(memories()), rootOf(expected), "also from a base that was moved by what it had become");
});

test("S8 L8 where windows are long, the base is many checkpoints behind, and moves on after a restart", () => {
  checkpoints(220, 4);
  assert.equal(stored(), 64, "the anchor, that is: 70 are final");
  worker.restart();
  assert.equal(rootOf(memories()), rootOf(expected));
  checkpoints(60, 4);
  assert.equal(stored(), 128, "whose memories had not been asked for since the restart");
  const { consensus } = worker.protocol;
  const known = consensus.standing.filter((number) => consensus.committed(number)?.memories);
  assert.ok(known.length <= 70 && known[1] === 128, `L8 the views of the last, and of anchors: ${known}`);
  worker.restart();
  assert.equal(rootOf(memories()), rootOf(expected));
});

test("S8 after a restart before anything is final, however many checkpoints there are", () => {
  checkpoints(90, 1);
  assert.equal(stored(), undefined, "nothing is on disk yet");
  worker.restart();
  assert.equal(rootOf(memories()), rootOf(expected));
});

test("S8 what comes after the memories on disk is held, whatever is final and past its time", () => {
  checkpoints(10, 10);
  const { memoryBase } = worker.protocol.following;
  const move = memoryBase.move.bind(memoryBase);
  memoryBase.move = () => [];
  worker.time += WINDOW + RETENTION;
  worker.follow("events", []);
  assert.equal(held(), 20);
  memoryBase.move = move;
  worker.follow("events", []);
  assert.equal(stored(), 10);
  assert.equal(held(), 0);
  worker.restart();
  assert.equal(rootOf(memories()), rootOf(expected));
});

test("S11 commits that a reorganisation takes back take their memories with them, and bring them again", () => {
  checkpoints(3, 10);
  const before = rootOf(memories());
  const events = [...worker.store.chainLog.events()];
  worker.hold(...lesson([9, 9, 9]));
  const taken = worker.propose();
  worker.commit(taken);
  const after = rootOf(memories());
  assert.notEqual(after, before);

  worker.store.chainLog.truncate(events.at(-1)!.block + 1);
  worker.follow("reorg", events);
  assert.equal(rootOf(memories()), before);
  worker.commit(taken);
  assert.equal(rootOf(memories()), after);
  worker.restart();
  assert.equal(rootOf(memories()), after);
});

test("S11 a reorganisation behind the memories on disk is no harm: they are not used, and replaced", () => {
  checkpoints(3, WINDOW);
  assert.equal(stored(), 2);
  const events = [...worker.store.chainLog.events()].slice(0, -2);
  worker.store.chainLog.truncate(events.at(-1)!.block + 1);
  worker.time = 700;
  worker.follow("reorg", events);
  assert.equal(worker.protocol.following.memoryBase.number, 0);
  worker.hold(...lesson([7, 7]));
  checkpoints(2, WINDOW);
  assert.equal(stored(), 2);
  assert.equal(rootOf(memories()), rootOf(expected));
  worker.restart();
  assert.equal(rootOf(memories()), rootOf(expected));
});

test("a fall behind what is kept in memory is made good from the anchor before it", () => {
  const roots = [rootOf(memories())];
  for (let i = 0; i < 140; i++) {
    checkpoints(1, 1);
    roots.push(rootOf(memories()));
  }
  worker.log({ kind: "fell", from: 71, standing: 70, block: 1_000, logIndex: 0 });
  const { following, consensus } = worker.protocol;
  for (const number of following.unknownCuts()) {
    const cut = worker.store.disk().cut(number);
    if (cut) following.learnCut(number, cut.entries);
  }
  assert.equal(consensus.latest.checkpoint.number, 70);
  assert.equal(rootOf(memories()), roots[70]);
});

test("memories on disk that are harmed are told of and not used, and replaced once they are known again", () => {
  checkpoints(12, 300);
  const root = rootOf(memories());
  worker.store.close();
  const db = new Database(join(worker.folder, "weft.sqlite"));
  const cells = db.prepare("SELECT cells FROM memory_rows LIMIT 1").pluck().get() as Buffer;
  cells[cells.length - 1] ^= 2;
  db.prepare("UPDATE memory_rows SET cells = ? WHERE (slot, row) IN (SELECT slot, row FROM memory_rows LIMIT 1)").run(
    cells,
  );
  db.close();
  const faults = worker.open().flatMap((effect) => (effect.type === "fault" ? [effect.error.code] : []));
  assert.deepEqual(faults, ["corrupt"]);
  const { consensus, following } = worker.protocol;
  assert.equal(memories(), undefined);
  assert.ok(consensus.views.isLost(consensus.latest, 0));

  consensus.views.learn(12, consensus.latest.cut!, expected);
  worker.time += WINDOW;
  worker.follow("events", []);
  assert.equal(following.memoryBase.number, 12);
  worker.restart();
  assert.equal(rootOf(memories()), root);
});

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { Archive } from "../../../offchain/node/archive.ts";
import { TrackWriter, writeSegments } from "../../helpers/core.ts";
import { members, StoredWorker } from "./stored.ts";

/** S7, S11: what a chain reorganisation takes back and brings again is as it was, in memory and on disk. */

let worker: StoredWorker;
beforeEach(() => {
  worker = new StoredWorker();
});
afterEach(() => worker.end());

const stored = () => [...worker.store.checkpoints()].map(({ number }) => number);

test("a checkpoint that a reorganisation takes back and mines again is known at once, and on disk", () => {
  const track = new TrackWriter(members[1]);
  worker.hold(...writeSegments(track, 2));
  const first = worker.commit(worker.propose());
  worker.hold(...writeSegments(track, 2, 1));
  const second = worker.propose();
  const taken = worker.commit(second);
  assert.deepEqual(stored(), [1, 2]);

  worker.store.chainLog.truncate(taken.block);
  worker.follow("reorg", [...worker.founding, first]);
  assert.deepEqual([worker.protocol.consensus.latest.checkpoint.number, stored()], [1, [1]]);
  worker.commit(second);
  assert.ok(worker.protocol.consensus.latest.cut, "its cut need not be shown by anybody");
  assert.deepEqual(stored(), [1, 2]);
  assert.deepEqual(worker.protocol.following.unknownCuts(), []);

  worker.hold(...writeSegments(track, 1, 2));
  worker.commit(worker.propose());
  assert.deepEqual(stored(), [1, 2, 3]);
  worker.store.close();
  worker.open();
  assert.equal(worker.protocol.consensus.latest.checkpoint.number, 3);
  assert.ok(worker.protocol.consensus.latest.cut, "after a restart too");
  const archive = new Archive(crypto, worker.protocol.consensus, worker.store);
  assert.equal(archive.covering(track.track, 3), 2);
  assert.equal(archive.covering(track.track, 5), 3);
  assert.equal(archive.covering(track.track, 6), undefined);
});

test("every late checkpoint without a cut is asked for, also one before others that are known", () => {
  worker.hold(...writeSegments(new TrackWriter(members[1], "a"), 1));
  worker.commit(worker.propose());
  worker.protocol.consensus.committed(1)!.cut = undefined;
  assert.deepEqual(worker.protocol.following.unknownCuts(), [1]);
});

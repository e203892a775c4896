import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BURST_BYTES, BYTES_PER_SECOND, Credits } from "../../../offchain/core/budgets.ts";
import { Cut, trackName } from "../../../offchain/core/cut.ts";
import { Pen } from "../../../offchain/core/pen.ts";
import { Pens } from "../../../offchain/core/pens.ts";
import { requestId } from "../../../offchain/core/request.ts";
import type { TurnOpen } from "../../../offchain/core/snapshot.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import {
  feed,
  foundingEvents,
  incarnationOf,
  operatorAt,
  replicaOf,
  requestOf,
  SEPARATOR,
  TrackWriter,
  writeSegments,
} from "../../helpers/core.ts";

const members = [0, 1, 2, 3].map(operatorAt);
const [self, b, c] = members as [(typeof members)[0], (typeof members)[0], (typeof members)[0]];
const MIB = 1024 * 1024;

const request = requestOf([1]);
const OPEN: TurnOpen = {
  type: "open",
  requestId: requestId(crypto, request),
  request,
  start: { length: 0, peaks: [] },
};
/** Signs nothing: what is counted here is segments. */
const BLANK = { address: self.signer.address, sign: () => new Uint8Array(65) };

function penOf(label: string, commit: () => void, onFailure: (error: unknown) => void = () => {}): Pen {
  const track = { operator: self.operator, incarnation: incarnationOf(label) };
  const random = (count: number) => new Uint8Array(count);
  return new Pen({ hashing: crypto, separator: SEPARATOR, signer: BLANK, track, random, commit, onFailure });
}

describe("an author's budget", () => {
  test("an author has 8 MiB at once and 1 MiB a second, saved up to 8 MiB; another one has its own", () => {
    const credits = new Credits();
    assert.deepEqual([BURST_BYTES, BYTES_PER_SECOND], [8 * MIB, MIB]);
    for (let i = 0; i < 8; i++) assert.ok(credits.take(b.operator, MIB, 0));
    assert.equal(credits.take(b.operator, 1, 0), false);
    assert.ok(credits.take(c.operator, MIB, 0));
    assert.ok(credits.take(b.operator, MIB / 2, 500), "half a second later half a MiB");
    assert.equal(credits.has(b.operator, 500), false);
    for (let i = 0; i < 8; i++) assert.ok(credits.take(b.operator, MIB, 1e9));
    assert.equal(credits.take(b.operator, 1, 1e9), false, "more is not saved up");
  });

  test("what is larger than what is left is taken, and paid for later", () => {
    const credits = new Credits();
    assert.ok(credits.take(b.operator, 8 * MIB - 1, 0));
    assert.ok(credits.take(b.operator, MIB + 1, 0));
    assert.equal(credits.take(b.operator, 1, 1_000), false);
    assert.ok(credits.take(b.operator, 1, 1_001));
  });
});

describe("an operator's tracks", () => {
  const at = (i: number) => new TrackWriter(b, `track ${i}`);
  const taken = (effects: ReturnType<typeof feed>) => effects.some(({ type }) => type === "persist");

  test("64 uncommitted tracks of an operator are kept, and more as checkpoints take them", () => {
    const replica = replicaOf(self, foundingEvents(members));
    const writers = Array.from({ length: 64 }, (_, i) => at(i));
    for (const writer of writers) assert.ok(taken(feed(replica, writeSegments(writer, 1))));
    const [more] = writeSegments(at(64), 1);
    const [refused] = feed(replica, [more!]);
    assert.ok(refused?.type === "fault" && refused.kind === "too_many_tracks");
    assert.ok(taken(feed(replica, writeSegments(writers[9]!, 1, 9))), "those that there are go on");
    assert.ok(taken(feed(replica, writeSegments(new TrackWriter(c), 1))), "another operator has its own 64");
    const entries = writers.slice(0, 4).map(({ track, head }) => ({ ...track, sequence: 1, head }));
    const cut = Cut.empty(crypto).extend(crypto, entries, () => false);
    assert.equal(taken(feed(replica, [more!])), false, "nor later");
    replica.setCommitted(cut, undefined);
    for (let i = 64; i < 68; i++) assert.ok(taken(feed(replica, writeSegments(at(i), 1))), `track ${i}`);
    assert.equal(taken(feed(replica, writeSegments(at(68), 1))), false);
  });

  test("32 tracks whose first segment is invalid are remembered, and take no room from others", () => {
    const replica = replicaOf(self, foundingEvents(members));
    for (let i = 0; i < 33; i++) {
      const writer = at(1000 + i);
      writer.open(requestOf([1], { maxLength: 0 }));
      feed(replica, [writer.seal()]);
      assert.equal(replica.tracks.has(trackName(writer.track)), i < 32, `track ${i}`);
    }
    assert.ok(taken(feed(replica, writeSegments(at(0), 1))));
  });

  test("beyond 64, those that a member proposes are taken: four of an operator for each member, until they are committed", () => {
    const replica = replicaOf(self, foundingEvents(members));
    for (let i = 0; i < 64; i++) feed(replica, writeSegments(at(i), 1));
    const proposed = Array.from({ length: 10 }, (_, i) => at(100 + i));
    const call = (by: (typeof members)[0], from: number, to: number) =>
      replica.room.call(
        by.operator,
        proposed.slice(from, to).map(({ track }) => track),
        4,
      );
    const arrive = (i: number) => taken(feed(replica, writeSegments(proposed[i]!, 1)));
    call(c, 0, 5);
    assert.deepEqual([0, 1, 2, 3, 4].map(arrive), [true, true, true, true, false]);
    call(c, 5, 6);
    assert.equal(arrive(5), false, "its four are there");
    call(self, 6, 7);
    call(self, 7, 8);
    assert.deepEqual([6, 7].map(arrive), [false, true], "what did not come gives its place to another");
    const entries = proposed.slice(0, 4).map(({ track, head }) => ({ ...track, sequence: 1, head }));
    replica.setCommitted(
      Cut.empty(crypto).extend(crypto, entries, () => false),
      undefined,
    );
    call(c, 8, 9);
    assert.deepEqual([8, 9].map(arrive), [true, false]);
  });
});

describe("the own pen", () => {
  test("after 16,384 segments new turns are written in another track; the old one goes when its last turn ends", () => {
    let made = 0;
    const pens = new Pens(() => penOf(String(made++), () => {}));
    const first = pens.current;
    const source = { turn: first.open(OPEN).turn, take: () => [] };
    first.add(source, { sequence: 1, index: 0 });
    while (first.sequence < 16_383) first.open(OPEN);
    assert.equal(pens.current, first);
    first.open(OPEN);
    assert.notEqual(pens.current, first);
    assert.equal(made, 2);
    pens.tryFlush();
    assert.ok(pens.has(first.track), "a turn is still being written in it");
    first.remove(source);
    pens.tryFlush();
    assert.deepEqual([pens.has(first.track), pens.has(pens.current.track)], [false, true]);
  });

  test("after a write that failed nothing more is signed: it may be on disk", () => {
    const failures: unknown[] = [];
    let commits = 0;
    const broken = new Error("the disk is full");
    const pen = penOf(
      "broken",
      () => {
        commits += 1;
        if (commits === 2) throw broken;
      },
      (error) => failures.push(error),
    );
    pen.open(OPEN);
    assert.throws(() => pen.open(OPEN), broken);
    for (let i = 0; i < 2; i++) assert.throws(() => pen.open(OPEN), { code: "writer_failed", cause: broken });
    assert.deepEqual([pen.sequence, commits, failures], [1, 2, [broken]]);
  });
});

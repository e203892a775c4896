import assert from "node:assert/strict";
import { test } from "node:test";
import { Context } from "../../../offchain/core/context.ts";
import { Pen, type Sealed } from "../../../offchain/core/pen.ts";
import { requestId } from "../../../offchain/core/request.ts";
import { decodeSnapshot } from "../../../offchain/core/snapshot.ts";
import { Track } from "../../../offchain/core/track.ts";
import { mostLearnt } from "../../../offchain/core/turn.ts";
import { Writing } from "../../../offchain/core/writing.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf, incarnationOf, MEMORY, operatorAt, requestOf, SEPARATOR } from "../../helpers/core.ts";

const { operator, signer } = operatorAt(0);
const GIVEN = [1, 2, 3];
const OTHER = { ...MEMORY, orders: [1, 2, 3, 4, 5], salt: hashOf("another") };

/** A pen whose segments are read back as everybody reads them. */
function desk() {
  const sealed: Sealed[] = [];
  const track = { operator, incarnation: incarnationOf("desk") };
  const pen = new Pen({
    hashing: crypto,
    separator: SEPARATOR,
    signer,
    track,
    random: (count) => new Uint8Array(count).fill(sealed.length),
    commit: (one) => sealed.push(one),
    onFailure: (error) => assert.fail(String(error)),
  });
  const read = () => {
    const reader = new Track(crypto, track);
    for (const { segment } of sealed) reader.apply(reader.examine(segment, segment.hash));
    return reader;
  };
  return { pen, sealed, read };
}

function begin(pen: Pen, nonce: string, learn: typeof MEMORY | undefined, carried: readonly number[] = []) {
  const request = requestOf(GIVEN, { nonce: hashOf(nonce), maxLength: 100 });
  const { turn, place } = pen.open({
    type: "open",
    requestId: requestId(crypto, request),
    request,
    start: { length: 0, peaks: [] },
  });
  const tokens = [...GIVEN, ...carried];
  const computed = {
    get length() {
      return tokens.length;
    },
    rows: () => new Uint8Array(0),
  };
  const writing = new Writing({
    hashing: crypto,
    turn,
    request,
    start: Context.empty(crypto),
    carriedEnd: tokens.length,
    tokens,
    computed,
    rowBytes: 0,
    held: false,
    learn,
  });
  pen.add(writing, place);
  return { turn, tokens, writing };
}

const count = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => (from + i) % 256);

test("turns that teach say so right after what they write, a segment for each lesson, beside others that do not", () => {
  const { pen, sealed, read } = desk();
  const teaching = begin(pen, "teaching", MEMORY, [9, 9, 9]);
  const alike = begin(pen, "alike", OTHER);
  const quiet = begin(pen, "quiet", undefined);
  for (const length of [3, 80]) {
    for (const { tokens } of [teaching, alike, quiet]) tokens.push(...count(tokens.length, length + 6));
    pen.flush();
  }
  for (const { tokens, writing } of [teaching, alike, quiet]) {
    writing.close("end");
    assert.ok(tokens.length > 80);
  }
  pen.flush();
  const track = read();

  for (const { turn, tokens, memory, first } of [
    { ...teaching, memory: MEMORY, first: 6 },
    { ...alike, memory: OTHER, first: 3 },
  ]) {
    const told = track.turn(turn);
    assert.ok(told?.close);
    let next = first;
    for (const { learn } of told.learns) {
      assert.deepEqual(learn.memory, memory);
      assert.equal(learn.first, next, "nothing is left out, nothing is learnt twice");
      assert.ok(learn.count <= mostLearnt(memory));
      next += learn.count;
    }
    assert.equal(next, tokens.length, "all that was written is learnt, and nothing that was given or carried");
  }
  assert.deepEqual(track.turn(quiet.turn)?.learns, []);
  for (const { segment } of sealed) {
    const types = segment.snapshots.map(({ body }) => decodeSnapshot(body).type);
    assert.ok(types.filter((type) => type === "learn").length <= 1);
  }
  // 80 tokens at once, 32 positions to a lesson of two orders.
  assert.deepEqual(
    track.turn(teaching.turn)?.learns.map(({ learn }) => learn.count),
    [3, 32, 32, 13],
  );
});

test("rows that a model has none of are not shipped", () => {
  const { pen, sealed } = desk();
  const { tokens } = begin(pen, "copied", MEMORY);
  tokens.push(7, 8);
  pen.flush();
  assert.deepEqual(
    sealed.flatMap(({ rows }) => rows),
    [],
  );
});

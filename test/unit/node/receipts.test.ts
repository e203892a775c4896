import assert from "node:assert/strict";
import { test } from "node:test";
import { equal } from "../../../offchain/core/bytes.ts";
import type { Conversations } from "../../../offchain/core/conversations.ts";
import { Cut } from "../../../offchain/core/cut.ts";
import type { Protocol } from "../../../offchain/core/protocol.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import type { Archive } from "../../../offchain/node/archive.ts";
import { type Range, Receipts } from "../../../offchain/node/receipts.ts";
import type { Store } from "../../../offchain/store/store.ts";
import { hashOf } from "../../helpers/core.ts";

type FakeRun = [first: number, kind: string, ids: number[]];

/** Only what receipts look at; runs stand in the segments 1, 2, 3 … */
function turn(name: string, runs: FakeRun[], closed = false) {
  const last = runs.at(-1)!;
  return {
    id: hashOf(name),
    track: name,
    opened: { sequence: 1, index: 0 },
    latest: { sequence: runs.length, index: 2 },
    open: { requestId: hashOf("request"), request: { model: hashOf("another's"), after: { length: 3 } } },
    context: { length: last[0] + last[2].length },
    runs: runs.map(([first, kind, ids], i) => ({ first, kind, ids, place: { sequence: i + 1, index: 1 } })),
    ...(closed && { close: {} }),
  };
}

const dead = turn("dead", [
  [0, "given", [1, 2, 3]],
  [3, "written", [7, 8]],
  [5, "written", [9]],
]);
const heir = turn(
  "heir",
  [
    [0, "given", [1, 2, 3]],
    [3, "carried", [7, 8]],
    [5, "written", [10, 11]],
  ],
  true,
);

/** A worker that has the second checkpoint's cut and not the first one's; `covered` tracks are in the second. */
function receipts(turns: object[], covered: string[] = [], unknownCuts = [1], voided: string[] = []): Receipts {
  return new Receipts({
    conversations: { answersTo: () => turns } as unknown as Conversations,
    archive: {
      covering: (track: string) => (covered.includes(track) ? 2 : undefined),
      cutAt: (number: number) => (number === 2 ? Cut.empty(crypto) : undefined),
    } as unknown as Archive,
    protocol: {
      consensus: { committed: () => ({ hash: hashOf("second"), parent: 1 }) },
      following: { unknownCuts: () => unknownCuts },
    } as unknown as Protocol,
    store: { segment: () => ({ bytes: new Uint8Array(0) }) } as unknown as Store,
    model: { id: hashOf("ours"), class: "exact" },
    referenceSpan: 64,
    says: (turn) => (voided.some((name) => equal(hashOf(name), turn)) ? "void" : "silent"),
  });
}

const idOf = (name: string) => `0x${Buffer.from(hashOf(name)).toString("hex")}`;
const ask = (from: Receipts, range?: Range) => from.of(idOf("request"), range);
const said = (from: Receipts, range?: Range) => {
  const { turn, position, tokens, status } = ask(from, range);
  return [turn, position, tokens, status];
};

test("what a turn says is there at once, whole or in part, before any checkpoint", () => {
  const alone = receipts([heir]);
  assert.deepEqual(said(alone), [idOf("heir"), 3, [7, 8, 10, 11], "pending"]);
  assert.deepEqual(said(alone, { position: 4, count: 2 }), [idOf("heir"), 4, [8, 10], "pending"]);
  assert.deepEqual(said(alone, { position: 1, count: 1 }), [idOf("heir"), 1, [2], "pending"]);
  const whole = ask(alone).snapshots.map(({ type, sequence, index }) => [type, sequence, index]);
  assert.deepEqual(whole, [
    ["open", 1, 0],
    ["tokens", 2, 1],
    ["tokens", 3, 1],
    ["close", 3, 2],
  ]);
  const part = ask(alone, { position: 3, count: 1 }).snapshots.map(({ type }) => type);
  assert.deepEqual(part, ["open", "tokens"]);
});

test("of several turns: who has more of the answer, then who is covered, then who wrote it", () => {
  assert.deepEqual(said(receipts([dead, heir]))[0], idOf("heir"));
  const first = { position: 3, count: 1 };
  assert.equal(said(receipts([heir, dead]), first)[0], idOf("dead"), "who wrote it answers for it");
  assert.equal(said(receipts([dead, heir], ["heir"]), first)[0], idOf("heir"), "what is covered can be proven");
  assert.equal(said(receipts([heir, dead], ["heir", "dead"]), first)[0], idOf("dead"));
});

test("a turn that is void comes last, and says so", () => {
  const both = { position: 3, count: 2 };
  assert.equal(said(receipts([dead, heir]), both)[0], idOf("dead"), "who wrote them");
  assert.equal(said(receipts([dead, heir], [], [1], ["dead"]), both)[0], idOf("heir"));
  const only = ask(receipts([dead, heir], [], [1], ["dead", "heir"]));
  assert.deepEqual([only.turn, only.court], [idOf("heir"), "void"]);
  assert.equal(ask(receipts([heir])).court, "silent");
});

test("positions that no turn holds, and requests that nobody answers", () => {
  for (const range of [
    { position: 7, count: 1 },
    { position: 6, count: 2 },
    { position: 900, count: 1 },
  ])
    assert.throws(() => ask(receipts([dead, heir]), range), { code: "not_found", field: "position" });
  assert.throws(() => ask(receipts([])), { code: "not_found", field: "requestId" });
});

test("an answer of more snapshots than one receipt has is asked for in parts", () => {
  const runs = Array.from({ length: 1_100 }, (_, i): FakeRun => [3 + i, "written", [i]]);
  const long = receipts([turn("long", runs)]);
  assert.throws(() => ask(long), { code: "too_large" });
  assert.equal(ask(long, { position: 500, count: 100 }).tokens.length, 100);
});

test("while the cut of the checkpoint before is being asked for, a proof is a matter of time", () => {
  assert.equal(said(receipts([heir], ["heir"], [1]))[3], "pending");
});

test("a checkpoint whose parent's cut is forgotten has no receipts here any more", () => {
  assert.throws(() => ask(receipts([heir], ["heir"], [])), { code: "not_found" });
});

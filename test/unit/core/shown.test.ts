import assert from "node:assert/strict";
import { test } from "node:test";
import type { Effect } from "../../../offchain/core/events.ts";
import {
  encodeSegment,
  headerHash,
  LIMIT_SEGMENT_BYTES,
  type Segment,
  snapshotTree,
} from "../../../offchain/core/segment.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf, type Keys, operatorAt, requestOf, SEPARATOR, type Sealed, TrackWriter } from "../../helpers/core.ts";
import { extend, Made } from "../../helpers/made.ts";
import { protocolOf } from "../../helpers/protocol.ts";

/** What is shown on the chain is taken by the same rules as what peers send: it must be readable from disk again. */

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];

/** What a worker does to whom this is shown. */
function show(segment: Segment): Effect[] {
  const hash = headerHash(crypto, SEPARATOR, segment.header);
  const registry = { registryPosition: 0, registryHash: hashOf("registry") };
  const genesis = new Made(SEPARATOR, undefined, { entries: [], segments: [] }, registry);
  const made = new Made(SEPARATOR, genesis, extend(genesis, [[{ ...segment, hash }]]), registry);
  const at = { number: 1, hash: made.hash, checkpoint: made.checkpoint, index: 0 };
  return protocolOf(members[0], members).step({ type: "shown", at, shown: { type: "segment", segment } }, 0);
}

const isStored = (effects: readonly Effect[]) =>
  effects.some((effect) => effect.type === "store" && effect.record.type === "segment");

/** One that says so many ids, a thousand at a time. */
function long(thousands: number): Sealed {
  const writer = new TrackWriter(members[1]);
  const turn = writer.open(requestOf([1], { maxLength: 1_000_000 })).tokens("given", [1]);
  const ids = new Array<number>(1_000).fill(7);
  for (let i = 0; i < thousands; i++) turn.tokens("written", ids);
  return writer.seal();
}

test("a segment is taken, and none that is larger than any may be", () => {
  const [fits, beyond] = [long(1), long(140)];
  assert.ok(isStored(show(fits)));
  assert.ok(encodeSegment(beyond).length > LIMIT_SEGMENT_BYTES);
  const effects = show(beyond);
  assert.ok(!isStored(effects));
  assert.ok(effects.some((effect) => effect.type === "fault" && effect.error.code === "malformed"));
});

test("one of nothing, which its author signed, is none", () => {
  const { header } = long(1);
  const empty = { ...header, snapshotsRoot: snapshotTree(crypto, []).root, snapshotCount: 0 };
  const signature = members[1].signer.sign(headerHash(crypto, SEPARATOR, empty));
  assert.ok(!isStored(show({ header: empty, signature, snapshots: [] })));
});

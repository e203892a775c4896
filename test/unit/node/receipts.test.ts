import assert from "node:assert/strict";
import { test } from "node:test";
import type { Conversations } from "../../../offchain/core/conversations.ts";
import { Cut } from "../../../offchain/core/cut.ts";
import type { Protocol } from "../../../offchain/core/protocol.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import type { Archive } from "../../../offchain/node/archive.ts";
import { Receipts } from "../../../offchain/node/receipts.ts";
import type { Store } from "../../../offchain/store/store.ts";

const place = { sequence: 1, index: 0 };
const turn = { track: {}, open: { request: { after: { length: 3 } } }, runs: [{ first: 3, ids: [7], place }] };

/** Receipts of a worker that has the second checkpoint's cut, and not the first one's. */
function receipts(unknownCuts: number[]): Receipts {
  return new Receipts({
    conversations: { answersTo: () => [turn] } as unknown as Conversations,
    archive: {
      covering: () => 2,
      cutAt: (number: number) => (number === 2 ? Cut.empty(crypto) : undefined),
    } as unknown as Archive,
    protocol: { following: { unknownCuts: () => unknownCuts } } as unknown as Protocol,
    store: { segment: () => ({ bytes: new Uint8Array(0) }) } as unknown as Store,
  });
}

const of = (unknownCuts: number[]) => () => receipts(unknownCuts).of(`0x${"11".repeat(32)}`, undefined);

test("while the cut of the checkpoint before is being asked for, a receipt is a matter of time", () => {
  assert.throws(of([1]), { code: "not_covered_yet" });
});

test("a checkpoint whose parent's cut is forgotten has no receipts here any more", () => {
  assert.throws(of([]), { code: "not_found" });
});

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { toHex } from "../../../offchain/core/bytes.ts";
import { Conversations } from "../../../offchain/core/conversations.ts";
import { requestId } from "../../../offchain/core/request.ts";
import type { Parent } from "../../../offchain/core/snapshot.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { Archive } from "../../../offchain/node/archive.ts";
import { type Range, Receipts, type ReceiptsOptions } from "../../../offchain/node/receipts.ts";
import { parseReceipt } from "../../../offchain/sdk/receipt.ts";
import { turnOf } from "../../helpers/committed.ts";
import { hashOf, requestOf, TrackWriter } from "../../helpers/core.ts";
import { members, StoredWorker } from "./stored.ts";

/** Of several turns that answer a request the receipt is of the one that counts, whichever answered first. */

const [, b, c, d] = members;
let worker: StoredWorker;
beforeEach(() => {
  worker = new StoredWorker();
});
afterEach(() => worker.end());

function receipts(change: Partial<Pick<ReceiptsOptions, "model" | "referenceSpan" | "says">> = {}): Receipts {
  const { protocol, store } = worker;
  return new Receipts({
    conversations: new Conversations(crypto, protocol.replica),
    protocol,
    archive: new Archive(crypto, protocol.consensus, store),
    store,
    model: { id: hashOf("model"), class: "exact" },
    referenceSpan: 64,
    says: () => "silent",
    ...change,
  });
}

const request = requestOf([1]);
const ask = (from = receipts(), range?: Range) =>
  parseReceipt(JSON.parse(JSON.stringify(from.of(toHex(requestId(crypto, request)), range))));

/** Both say the same: one wrote all of it, the other took a token over. */
function answers() {
  const whole = new TrackWriter(b, "whole");
  const wrote = whole.open(request).tokens("given", [1]).tokens("written", [7, 8]).close();
  const heir = new TrackWriter(c, "heir");
  const tookOver = heir.open(request).tokens("given", [1]).tokens("carried", [7]).tokens("written", [8]).close();
  return {
    wrote: { id: wrote.id, segment: whole.seal() },
    tookOver: { id: tookOver.id, segment: heir.seal() },
  };
}

test("who answered second and was committed first is the one that counts, in part and whole, after a restart too", () => {
  const { wrote, tookOver } = answers();
  worker.hold(wrote.segment);
  assert.deepEqual([ask().turn, ask().canonical], [toHex(wrote.id), { type: "none" }], "nothing is committed");
  worker.end();

  worker = new StoredWorker();
  worker.hold(tookOver.segment);
  worker.commit(worker.propose());
  worker.hold(wrote.segment);
  worker.commit(worker.propose());
  const counts = { type: "answer", turn: toHex(tookOver.id), number: 1, segmentIndex: 0, snapshotIndex: 4 };
  const said = () => {
    for (const range of [undefined, { position: 1, count: 1 }]) {
      const { turn, canonical, tokens } = ask(receipts(), range);
      assert.deepEqual([turn, canonical], [toHex(tookOver.id), counts]);
      assert.deepEqual(tokens, range ? [7] : [7, 8]);
    }
    const proof = ask().snapshots.at(-1)?.proof;
    const { number, segmentIndex, snapshotIndex } = counts;
    assert.deepEqual([proof?.number, proof?.segmentIndex, proof?.snapshotIndex], [number, segmentIndex, snapshotIndex]);
  };
  said();
  worker.store.close();
  worker.open();
  said();
});

test("a turn that names a checkpoint farther behind than the deployment's span does not count", () => {
  const history = [1, 2, 3];
  const story = turnOf(b, "story", requestOf([1]), { given: [1], written: [2, 3] });
  worker.hold(story.segment);
  const { checkpoint, hash } = worker.propose();
  worker.commit({ checkpoint, hash });
  worker.hold(turnOf(d, "between", requestOf([9]), { given: [9], written: [9] }).segment);
  worker.commit(worker.propose());
  const asked = requestOf([5], {}, history);
  const tokens = { history, given: [5], written: [6] };
  const parent: Parent = { checkpoint: { number: checkpoint.number, hash }, turn: story.id, position: 3 };
  const far = turnOf(c, "far", asked, tokens, parent);
  worker.hold(far.segment);
  worker.commit(worker.propose());
  const alone = turnOf(d, "alone", asked, tokens);
  worker.hold(alone.segment);
  worker.commit(worker.propose());
  const chosen = (referenceSpan: number) => receipts({ referenceSpan }).of(toHex(requestId(crypto, asked))).turn;
  assert.equal(chosen(2), toHex(far.id));
  assert.equal(chosen(1), toHex(alone.id));
});

test("a tolerant model has no canonical answer, and of a model that is not run here none is known", () => {
  const { tookOver } = answers();
  worker.hold(tookOver.segment);
  worker.commit(worker.propose());
  const canonical = (model: ReceiptsOptions["model"]) => ask(receipts({ model })).canonical.type;
  assert.equal(canonical({ id: hashOf("model"), class: "exact" }), "answer");
  assert.equal(canonical({ id: hashOf("model"), class: "tolerant" }), "none");
  assert.equal(canonical({ id: hashOf("another"), class: "exact" }), "unknown");
});

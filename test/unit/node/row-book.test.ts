import assert from "node:assert/strict";
import { test } from "node:test";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { type Piece, RowBook } from "../../../offchain/node/row-book.ts";
import { type Keys, requestOf, TrackWriter } from "../../helpers/core.ts";
import { members, StoredWorker } from "./stored.ts";

const [self, author] = members as [Keys, Keys];

test("rows that were found false are not adopted again, nor after a restart; those before them are", (t) => {
  const worker = new StoredWorker();
  t.after(() => worker.end());
  const writer = new TrackWriter(author);
  const request = requestOf([]);
  const turn = writer.open(request);
  // Rows of one byte a position, as the writer's digests have them.
  const runs = [
    [2, 3],
    [4, 5],
  ].map((ids) => ({ ids, place: turn.tokens("written", ids).latest }));
  worker.hold(writer.seal());
  const book = () => {
    const { store, protocol } = worker;
    const { replica } = protocol;
    const onRefused = (_from: Uint8Array, why: string) => assert.fail(why);
    return new RowBook({ hashing: crypto, replica, store: store.rows, self: self.operator, rowBytes: 1, onRefused });
  };
  const adopted = (rows: RowBook): Piece[] => {
    const held = worker.protocol.replica.turn(turn.id);
    assert.ok(held);
    return rows.adoptable([2, 3, 4, 5], request.requester, request.model, [held]);
  };
  const rows = book();
  for (const { ids, place } of runs)
    rows.receive(author.operator, { ...writer.track, place, rows: Uint8Array.from(ids) });
  const [first, second] = adopted(rows);
  assert.ok(first && second);
  rows.markFalse(second);
  assert.deepEqual(adopted(rows), [first]);
  worker.restart();
  assert.deepEqual(
    adopted(book()).map(({ run }) => run.ids),
    [[2, 3]],
  );
});

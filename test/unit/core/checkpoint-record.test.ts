import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bytes } from "../../../offchain/core/bytes.ts";
import { genesisCheckpoint } from "../../../offchain/core/checkpoint.ts";
import { CheckpointRecord } from "../../../offchain/core/checkpoint-record.ts";
import type { Committed } from "../../../offchain/core/checkpoints.ts";
import { Cut } from "../../../offchain/core/cut.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { collect } from "../../helpers/collect.ts";
import { hashOf } from "../../helpers/core.ts";

const committed = (number: number, parent: Bytes): Committed => ({
  hash: hashOf(`checkpoint ${number}`),
  parent: Math.max(0, number - 1),
  checkpoint: { ...genesisCheckpoint(crypto, hashOf("registry")), number, parent, registryPosition: 3 * number },
});

test("L8 what is closed is what it was, but for its cut, whichever page it is on", () => {
  const record = new CheckpointRecord();
  const cut = Cut.of(crypto, []);
  for (let number = 0; number < 3_000; number++) record.push(committed(number, hashOf(`parent of ${number}`)));
  for (const number of [0, 1, 1_023, 1_024, 2_999]) {
    const before = { ...(record.at(number) as Committed) };
    (record.open(number) as Committed).cut = cut;
    assert.equal(record.at(number)?.cut, cut);
    record.close(number);
    assert.deepEqual(record.at(number), before);
    assert.notEqual(record.at(number), record.at(number), "a copy each time");
    const open = record.open(number) as Committed;
    open.cut = cut;
    assert.equal(record.at(number), open, "opened again, it is one");
  }
  assert.equal(record.at(3_000), undefined);
  assert.equal(record.open(3_000), undefined);
  record.close(3_000);
  assert.equal(record.length, 3_000);
});

test("L8 a checkpoint that is closed takes a row of 256 bytes, and nothing of the heap", () => {
  const record = new CheckpointRecord();
  /** Buffers are swept by a thread that the next collection waits for. */
  const used = () => {
    for (let time = 0; time < 3; time++) collect();
    return process.memoryUsage();
  };
  const before = used();
  const COUNT = 50 * 1_024;
  for (let number = 0; number < COUNT; number++) {
    record.push(committed(number, hashOf("parent")));
    record.close(number);
  }
  const after = used();
  assert.equal(record.length, COUNT, "what nobody asks for any more would have been collected");
  assert.ok((after.heapUsed - before.heapUsed) / COUNT < 40, `${(after.heapUsed - before.heapUsed) / COUNT} of heap`);
  const rows = (after.arrayBuffers - before.arrayBuffers) / COUNT;
  assert.ok(rows > 250 && rows < 260, `${rows} of rows`);
});

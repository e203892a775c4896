// Writes batches of records to a store until it is killed. Says on standard output how many are durable.
import { writeSync } from "node:fs";
import type { StoreRecord } from "../../../offchain/core/events.ts";
import { Store } from "../../../offchain/store/store.ts";
import { batchOf, IDENTITY, segmentRecord, trackOf } from "./fixture.ts";

const [folder, from, killAt, killCount] = process.argv.slice(2);
const die = () => process.kill(process.pid, "SIGKILL");
let left = Number(killCount);
const store = Store.open(folder, {
  identity: IDENTITY,
  failpoint(name) {
    if (name === killAt && --left === 0) die();
  },
});

/** Like any other, but whoever takes its segment dies. */
const deadly: StoreRecord = Object.defineProperty({ ...segmentRecord(trackOf(1), 1) }, "segment", { get: die });

// A writer that nobody kills ends, and its test with it.
for (let n = Number(from); n < Number(from) + 1000; n++) {
  const batch = batchOf(trackOf(1), n);
  if (killAt === "record" && --left === 0) batch.splice(n % (batch.length + 1), 0, deadly);
  store.write(batch);
  writeSync(1, `${n}\n`);
}

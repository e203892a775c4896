// Writes to a store until it is killed. Says on standard output what is durable, each time after the store returned.
import { writeSync } from "node:fs";
import { Store } from "../../../offchain/store/store.ts";
import { IDENTITY, place, rowsOf, segmentOf, segmentRecord, trackOf } from "./fixture.ts";

const [folder, incarnation, killAt, killCount] = process.argv.slice(2);
const track = trackOf(Number(incarnation));
let left = Number(killCount);
const store = Store.open(folder, {
  identity: IDENTITY,
  failpoint(name) {
    if (name !== killAt) return;
    left -= 1;
    if (left <= 0) process.kill(process.pid, "SIGKILL");
  },
});
const say = (line: string) => writeSync(1, `${line}\n`);

for (let sequence = 1; ; ) {
  const batch = Array.from({ length: 1 + (sequence % 4) }, (_, i) => segmentRecord(track, sequence + i));
  store.write(batch);
  sequence += batch.length;
  say(`segments ${sequence - 1}`);
  store.rows.append(track, place(sequence), rowsOf(sequence));
  if (sequence % 3 === 0) {
    store.write([{ type: "attested", number: sequence, hash: segmentOf(track, sequence).hash }]);
    say(`attested ${sequence}`);
  }
}

import { readFileSync } from "node:fs";
import { incrementsOf } from "../../offchain/core/fold.ts";
import { DEFAULT_ORDERS } from "../../offchain/core/memory-definition.ts";
import { COSINE_ONE, Sketch } from "../../offchain/core/sketch.ts";

/** `node test/bench/drift.ts TEXT`: how much more of a text turns a memory of its beginning how far; what the sketch costs. */

const memory = { columns: 256, orders: DEFAULT_ORDERS, salt: new Uint8Array(32).fill(7), writers: [] };
const [LEARNT, LONGEST] = [16, Math.max(...DEFAULT_ORDERS)];
const HELD = [6_000, 60_000, 600_000, 2_000_000];
const ANGLES = [5, 10, 20];

const text = readFileSync(process.argv[2]);

/** Learns one segment's positions of the text. */
function learn(sketch: Sketch, at: number): void {
  const from = Math.max(0, at - LONGEST);
  const increments = incrementsOf({ memory, first: at, from, ids: [...text.subarray(from, at + LEARNT)] });
  for (const { order, row, column, count } of increments) sketch.add(7, order * 65_536 + row, column, count);
}

const degrees = (cosine: number) => (Math.acos(cosine / COSINE_ONE) * 180) / Math.PI;

for (const held of HELD.filter((bytes) => 2 * bytes < text.length)) {
  const base = new Sketch();
  let at = 0;
  for (; at < held; at += LEARNT) learn(base, at);
  const more = new Sketch();
  const seen: string[] = [];
  for (let segments = 1; seen.length < ANGLES.length && at + LEARNT < text.length; segments++, at += LEARNT) {
    learn(more, at);
    if (segments % Math.ceil(held / LEARNT / 100) === 0 && degrees(base.plus(more).cosine(base)) > ANGLES[seen.length])
      seen.push(
        `${ANGLES[seen.length]}° by ${at + LEARNT - held} bytes more (${Math.round((100 * (at - held)) / held)} %)`,
      );
  }
  console.log(`a memory of ${held} bytes is turned ${seen.join(", ")}`);
}

const sketch = new Sketch();
const ADDS = 2_000_000;
const began = performance.now();
for (let i = 0; i < ADDS; i++) sketch.add(7, i & 0x7ffff, i & 255, 1);
console.log(`${(ADDS / (performance.now() - began) / 1_000).toFixed(1)} million cells a second into the sketch`);
const COSINES = 2_000;
const then = performance.now();
for (let i = 0; i < COSINES; i++) sketch.cosine(sketch);
console.log(`${((1_000 * (performance.now() - then)) / COSINES).toFixed(0)} µs for a cosine`);

// Runs random schedules in a worker thread and says how many ended as they must.
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { Consumer } from "./consumer.ts";
import { FakeChain, MemoryLog, type Trouble } from "./fake-chain.ts";

const LANES = 4;

function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return ((z ^ (z >>> 14)) >>> 0) % below;
  };
}

const TROUBLES: Trouble["kind"][] = ["drop", "http500", "rateLimit", "garbage", "internal", "stale", "delay"];

/** One life of a chain and its follower, with everything going wrong at random, fixed by the seed. */
async function schedule(seed: number, chain: FakeChain): Promise<void> {
  const next = random(seed);
  let value = 0;
  const move = () => {
    if (next(4) === 0) chain.rewind(1 + next(next(3) === 0 ? 40 : 5));
    for (let i = 1 + next(6); i > 0; i--) chain.mine(...Array.from({ length: next(3) }, () => ++value));
  };
  for (let i = next(4) * 30; i > 0; i--) chain.mine(...(next(5) === 0 ? [++value] : []));
  chain.rangeLimit = 8 + next(100);
  chain.before = () => {
    if (next(12) === 0) move();
  };
  chain.trouble = () => (next(6) === 0 ? { kind: TROUBLES[next(TROUBLES.length)] } : undefined);
  const log = new MemoryLog();
  for (let life = 0; life < 2; life++) {
    const consumer = new Consumer(chain.url, log, { rangeBlocks: 8 + next(300) });
    const requests = chain.requests + 12 + next(12);
    await consumer.until("asked", () => chain.requests >= requests);
    consumer.failing = next(3) === 0;
    log.full = next(3) === 0;
    await sleep(2);
    consumer.failing = false;
    log.full = false;
    if (life === 1) {
      chain.before = () => {};
      chain.trouble = () => undefined;
      await consumer.caughtUp(chain);
    }
    await consumer.stop();
  }
}

const { from, to } = workerData as { from: number; to: number };
let done = 0;
const lanes = Array.from({ length: LANES }, async (_, lane) => {
  for (let seed = from + lane; seed < to; seed += LANES) {
    const chain = new FakeChain();
    await chain.listen();
    await schedule(seed, chain).catch((cause) => {
      throw new Error(`seed ${seed}: ${cause.message}`, { cause });
    });
    await chain.close();
    done += 1;
  }
});
await Promise.all(lanes);
parentPort?.postMessage(done);

import assert from "node:assert/strict";
import { test } from "node:test";
import { QuietWorld } from "./quiet.ts";

const [SHORTEST_MS, LONGEST_MS] = [2_000, 10_000];
/** From being due to being mined: the beats, the quorum, the mempool, the block. */
const MOST_TO_MINE_MS = 4_000;

/** A mesh that has been silent for longer than the longest interval. @param capacity four times the pace */
function silentMesh(capacity: number): QuietWorld {
  const world = new QuietWorld({
    operators: 4,
    network: { delayMs: 15, jitterMs: 10 },
    protocol: {
      capacity,
      shortestMs: SHORTEST_MS,
      longestMs: LONGEST_MS,
      censorshipMs: 100_000,
      retentionSeconds: 600,
    },
    challengeWindowSeconds: 60,
    blockMs: 500,
    tokenMs: 50,
  });
  world.start();
  world.scheduler.run(3 * LONGEST_MS);
  return world;
}

const passes = ({ scheduler }: QuietWorld, ms: number) => scheduler.run(scheduler.now + ms);

/** Between each checkpoint and the one before it; the first after the beginning is not counted. */
const intervals = ({ minedAt }: QuietWorld) => minedAt.slice(2).map((at, i) => at - minedAt[i + 1]);

test("a silent mesh commits nothing; a question after a silence is one checkpoint, when it is answered", () => {
  const world = silentMesh(4_096);
  assert.equal(world.minedAt.length, 1, "the one that the constructor writes");
  const stop = world.write(0);
  passes(world, LONGEST_MS / 2);
  stop();
  const over = world.scheduler.now;
  passes(world, 6 * LONGEST_MS);
  assert.equal(world.minedAt.length, 2);
  const took = world.minedAt[1] - over;
  assert.ok(took > 0 && took <= MOST_TO_MINE_MS, `${took} ms after the last word`);
});

test("who goes on writing a little is committed at the longest interval", () => {
  const world = silentMesh(4_096);
  const from = world.scheduler.now;
  world.write(0);
  passes(world, 6 * LONGEST_MS);
  for (const ms of [world.minedAt[1] - from, ...intervals(world)])
    assert.ok(ms >= LONGEST_MS && ms <= LONGEST_MS + MOST_TO_MINE_MS, `${ms} ms apart`);
  assert.ok(world.minedAt.length >= 5);
});

test("when much is written, checkpoints come at the shortest interval", () => {
  const world = silentMesh(400);
  for (const node of world.workers.keys()) world.write(node);
  passes(world, 3 * LONGEST_MS);
  for (const ms of intervals(world))
    assert.ok(ms >= SHORTEST_MS && ms <= SHORTEST_MS + MOST_TO_MINE_MS, `${ms} ms apart`);
  assert.ok(world.minedAt.length >= 5);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { equal, toHex } from "../../offchain/core/bytes.ts";
import { memorySlot } from "../../offchain/core/memories.ts";
import { memoryId } from "../../offchain/core/memory-definition.ts";
import { liesOf, quietPlan, runWith } from "./liars/quiet.ts";
import { ALIKE, definitionsOf } from "./memory-plan.ts";
import { simulatedKeyring } from "./simcrypto.ts";
import { planOf } from "./swarm.ts";

const SEEDS = Array.from({ length: 300 }, (_, i) => i);

test("memories are in many runs and not in many others, with writers of their own and with some that are alike", () => {
  const plans = SEEDS.map((seed) => planOf(seed, "default"));
  const having = plans.flatMap(({ memory }) => memory ?? []);
  assert.ok(having.length > 120 && having.length < 180, `${having.length} with memories`);
  const all = having.flatMap(({ memories }) => memories);
  const closed = all.filter(({ writers }) => writers.length > 0).length;
  assert.ok(closed > 50 && closed < all.length - 50, `${closed} of ${all.length} with writers`);
  const { crypto } = simulatedKeyring("any");
  const [one, other] = definitionsOf({ memories: ALIKE, teaching: 0, reading: 0 }, []).map((made) =>
    memoryId(crypto, made),
  );
  assert.equal(memorySlot(one), memorySlot(other));
  assert.notEqual(toHex(one), toHex(other));
  assert.ok(having.some(({ memories }) => memories[0].salt === ALIKE[0].salt));
});

test("a quorum of liars commits a memory that is wrong: nobody honest attests to it, reads it or goes on from it", () => {
  const world = runWith(quietPlan(5, ["honest", "false-teacher", "false-teacher", "false-teacher"]));
  const [honest, ...liars] = world.workers;
  const { consensus } = honest.protocol as NonNullable<typeof honest.protocol>;
  const { memory } = world.watching;
  const hashOf = (number: number) => consensus.committed(number)?.hash as Uint8Array;
  const wrong = consensus.standing.filter((n) => memory?.wrong.has(toHex(hashOf(n))));
  assert.ok(wrong.length > 0, JSON.stringify(liars.map(liesOf)));
  for (const number of wrong) {
    assert.equal(consensus.memoriesAt(number), undefined);
    assert.ok(!honest.disk.attested(number).some((hash) => equal(hash, hashOf(number))));
  }
  assert.equal(consensus.propose(), undefined);
  assert.ok(consensus.memoriesAt(wrong[0] - 1), "what was committed before stays known");
});

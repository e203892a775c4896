import assert from "node:assert/strict";
import { test } from "node:test";
import type { Protocol } from "../../../offchain/core/protocol.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { Alarms } from "../../../offchain/node/alarms.ts";
import { driftOf } from "../../../offchain/node/protocol-options.ts";
import { lotteryOf, shareOf } from "../../../offchain/node/watch-share.ts";
import { Watching } from "../../../offchain/node/watching.ts";
import { hashOf, operatorAt, SEPARATOR } from "../../helpers/core.ts";

const shares = { least: 0.02, most: 0.2, drift: driftOf(5) };
const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 0.002, `${actual}`);

test("the share grows with the angle from the one that hurries checkpoints on, to its most at twice that", () => {
  for (const degrees of [0, 2, 5]) assert.equal(shareOf(shares, driftOf(degrees), false), 0.02);
  near(shareOf(shares, driftOf(7.5), false), 0.11);
  near(shareOf(shares, driftOf(10), false), 0.2);
  for (const degrees of [11, 45, 90]) assert.equal(shareOf(shares, driftOf(degrees), false), 0.2);
});

test("an author whose state differs is watched most; who watches nothing watches nothing", () => {
  assert.equal(shareOf(shares, 0, true), 0.2);
  assert.equal(shareOf({ ...shares, least: 0 }, driftOf(90), true), 0);
  assert.equal(shareOf({ ...shares, least: 1 }, driftOf(90), true), 1, "a most below the least is none");
  assert.equal(shareOf({ ...shares, drift: 0 }, 1, false), 0.2, "where any angle hurries checkpoints");
  assert.equal(shareOf({ ...shares, drift: 0 }, 0, false), 0.02);
});

test("alarms last for ten minutes after they were last raised, each about one operator", () => {
  let now = 0;
  const alarms = new Alarms(() => now);
  const [one, other] = [operatorAt(1).operator, operatorAt(2).operator];
  alarms.raise(one);
  now = 500_000;
  assert.deepEqual([alarms.isOn(one), alarms.isOn(other)], [true, false]);
  alarms.raise(one);
  now = 1_099_999;
  assert.equal(alarms.isOn(one), true);
  now = 1_100_000;
  assert.equal(alarms.isOn(one), false);
});

test("lots are even, always the same, and others for another key or ledger", () => {
  const { signer } = operatorAt(1);
  const lot = lotteryOf(crypto, SEPARATOR, signer);
  const turns = Array.from({ length: 2_000 }, (_, i) => hashOf(`turn ${i}`));
  const lots = turns.map(lot);
  assert.deepEqual(turns.map(lotteryOf(crypto, SEPARATOR, signer)), lots);
  assert.ok(lots.every((one) => one >= 0 && one < 1));
  for (const share of [0.02, 0.5]) {
    const drawn = lots.filter((one) => one < share).length / lots.length;
    assert.ok(Math.abs(drawn - share) < 4 * Math.sqrt((share * (1 - share)) / lots.length), `${drawn} of ${share}`);
  }
  assert.notDeepEqual(turns.map(lotteryOf(crypto, SEPARATOR, operatorAt(2).signer)), lots);
  assert.notDeepEqual(turns.map(lotteryOf(crypto, hashOf("another ledger"), signer)), lots);
});

test("how far memories had turned counts for what is committed then, and for what comes until the next checkpoint", () => {
  const consensus = { latest: { hash: hashOf("1") }, moved: 0, live: () => ({ moved: consensus.moved }) };
  const alarms = new Alarms(() => 0);
  const watching = new Watching({ consensus } as unknown as Protocol, shares, alarms);
  const seen = (checkpoint: string, degrees: number) => {
    consensus.latest = { hash: hashOf(checkpoint) };
    consensus.moved = driftOf(degrees);
    watching.tick();
    return watching.share();
  };
  assert.deepEqual([seen("1", 0), seen("1", 12), seen("1", 1)], [0.02, 0.2, 0.2], "the farthest counts");
  assert.equal(seen("2", 0), 0.2, "what moved them is in it");
  assert.equal(seen("3", 0), 0.02);
  alarms.raise(operatorAt(1).operator);
  assert.deepEqual(
    [1, 2].map((index) => watching.share(operatorAt(index).operator)),
    [0.2, 0.02],
  );
});

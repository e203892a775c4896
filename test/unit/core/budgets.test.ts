import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BURST_BYTES, LEAST_BYTES } from "../../../offchain/core/budgets.ts";
import { equal } from "../../../offchain/core/bytes.ts";
import type { Effect } from "../../../offchain/core/events.ts";
import type { Segment } from "../../../offchain/core/segment.ts";
import { equivocation, type Keys, operatorAt, requestOf, TrackWriter, writeSegments } from "../../helpers/core.ts";
import { protocolOf } from "../../helpers/protocol.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
const [self, author, enemy, relay] = members;

/** What one worker that knows the members does with segments that come in as so many bytes. */
function worker() {
  const protocol = protocolOf(self, members);
  return (from: Keys, segment: Segment, size: number, now = 0) =>
    protocol.step({ type: "segments", from: from.operator, segments: [{ segment, size }] }, now);
}

const isTaken = (effects: readonly Effect[]) => effects.some(({ type }) => type === "held");
/** Whose budget is said to be used up. */
const spent = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => (effect.type === "fault" && effect.kind === "over_budget" ? [effect.operator] : []));
const isOf = (effects: readonly Effect[], { operator }: Keys) => {
  const [named, ...more] = spent(effects);
  return named !== undefined && more.length === 0 && equal(named, operator);
};

/** An author's segments one after another. */
const written = (count: number) => {
  const writer = new TrackWriter(author, "honest");
  return Array.from({ length: count }, (_, i) => writeSegments(writer, 1, i)[0] as Segment);
};

describe("who pays for a segment", () => {
  test("an author whose name enemies use, or whose words they repeat or damage, is heard all the same", () => {
    const [first, second, third, fourth] = written(4) as [Segment, Segment, Segment, Segment];
    const forged = { ...second, signature: enemy.signer.sign(new Uint8Array(32)) };
    const damaged = { ...second, snapshots: first.snapshots };
    for (const [what, lie] of Object.entries({ forged, damaged, repeated: first, "far ahead": fourth })) {
      const send = worker();
      assert.ok(isTaken(send(author, first, 100)));
      assert.deepEqual(spent(send(enemy, lie, BURST_BYTES)), [], what);
      assert.ok(isOf(send(enemy, third, 100), enemy), `${what}: the sender has used up its own budget`);
      assert.ok(isTaken(send(author, second, 100)), what);
      assert.ok(isTaken(send(relay, third, 100)), what);
      assert.ok(isTaken(send(enemy, fourth, 100, 1_000)), `${what}: a second later it is heard again`);
    }
  });

  test("what an author wrote is paid for by it, whoever sends it", () => {
    const send = worker();
    const [first, second] = written(2) as [Segment, Segment];
    assert.ok(isTaken(send(relay, first, BURST_BYTES)));
    assert.ok(isOf(send(relay, second, 100), author));
    const own = writeSegments(new TrackWriter(relay, "relay"), 1)[0] as Segment;
    assert.ok(isTaken(send(relay, own, 100)), "who relayed it has paid nothing");
  });

  test("an author pays for what it signed also when nothing comes of it: invalid, stopped, beyond its room, accused", () => {
    const at = (i: number) => new TrackWriter(author, `track ${i}`);
    const invalid = at(0);
    invalid.open(requestOf([1], { maxLength: 0 }));
    const [broken, after] = [invalid.seal(), writeSegments(invalid, 1)[0] as Segment];
    const { a, b } = equivocation(author, "lies", 0, 1);
    const many = Array.from({ length: 65 }, (_, i) => writeSegments(at(i + 1), 1)[0] as Segment);
    const stories: Record<string, Segment[]> = {
      invalid: [broken],
      stopped: [broken, after],
      "beyond its room": many,
      accused: [a[0] as Segment, b[0] as Segment, many[0] as Segment],
    };
    for (const [what, segments] of Object.entries(stories)) {
      const send = worker();
      for (const segment of segments.slice(0, -1)) send(relay, segment, 100);
      assert.deepEqual(spent(send(relay, segments.at(-1) as Segment, BURST_BYTES)), [], what);
      assert.ok(isOf(send(relay, many[0] as Segment, 100), author), what);
    }
  });

  test("however small, a forgery costs its sender 1 KiB: so many signatures are checked in vain, and no more", () => {
    const send = worker();
    const [first] = written(1) as [Segment];
    const forged = { ...first, signature: enemy.signer.sign(new Uint8Array(32)) };
    let checked = 0;
    while (checked < 100_000 && spent(send(enemy, forged, 1)).length === 0) checked += 1;
    assert.equal(checked, BURST_BYTES / LEAST_BYTES);
  });
});

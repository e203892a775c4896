import assert from "node:assert/strict";
import { test } from "node:test";
import { Heads } from "../../../offchain/core/heads.ts";
import { Pager } from "../../../offchain/mesh/pager.ts";
import type { Outlet } from "../../../offchain/mesh/transport.ts";
import type { BeatState } from "../../../offchain/mesh/types.ts";
import { Scheduler } from "../../sim/scheduler.ts";

/** A mesh of `subscribers`, in which each of `tracks` moves all the time: beats, and the bytes of all of them, a second. */
function beaten(subscribers: number, tracks: number) {
  const scheduler = new Scheduler();
  const clock = { now: () => scheduler.now, after: (ms: number, work: () => void) => scheduler.after(ms, work) };
  const heads = new Heads();
  const move = (i: number) =>
    heads.set({
      operator: new Uint8Array(20).fill(i),
      incarnation: new Uint8Array(16),
      sequence: Math.floor(scheduler.now),
      head: new Uint8Array(32).fill(Math.floor(scheduler.now)),
    });
  const state = (): BeatState => ({
    registryPosition: 1,
    registryMark: new Uint8Array(8),
    checkpoint: 0,
    anchor: 0,
    known: new Uint8Array(8),
    digest: new Uint8Array(32),
    moved: 0,
    load: 1,
    evidence: [],
    heads,
  });
  const pager = new Pager(clock, state, (error) => assert.fail(String(error)));
  let beats = 0;
  let bytes = 0;
  const outlet = (): Outlet => ({
    closed: new AbortController().signal,
    room: true,
    onRoom: () => {},
    send(frame) {
      beats += 1;
      bytes += frame.length;
    },
    end: () => {},
    fail: (error) => assert.fail(String(error)),
  });
  pager.start();
  for (let i = 0; i < subscribers; i++) pager.subscribe(outlet());
  scheduler.every(1, () => {
    for (let i = 0; i < tracks; i++) move(i);
    pager.changed();
  });
  scheduler.run(1_000);
  [beats, bytes] = [0, 0];
  scheduler.run(6_000);
  return { each: beats / subscribers / 5, bytes: bytes / 5 };
}

test("a small mesh is beaten every 20 ms, a large one as often as the connections bear, at least every 250 ms", () => {
  assert.equal(Math.round(beaten(3, 4).each), 50);
  const large = beaten(63, 64);
  assert.ok(large.each > 4 && large.each < 50, `${large.each} beats a second`);
  assert.ok(large.bytes < 4_500_000, `${large.bytes} bytes a second`);
  assert.equal(Math.round(beaten(127, 256).each), 4);
});

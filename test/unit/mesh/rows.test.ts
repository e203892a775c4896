import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bytes, closeAll, closed, connected, slowLink, until, worker } from "./harness.ts";

afterEach(closeAll);

test("a full rows lane does not delay a beat", async () => {
  const run = async (stuffed: boolean) => {
    const [a, b] = await Promise.all([worker(), worker()]);
    const endpoint = await slowLink(a.port, 4e6);
    a.mesh.setPeers([b.peer]);
    b.mesh.setPeers([{ ...a.peer, endpoint }]);
    await until("all lanes are open", () => Object.values(b.mesh.peers()[0].lanes).every(Boolean));
    const rows = bytes(1024 * 1024);
    const shipment = { operator: a.operator, incarnation: a.incarnation, place: { sequence: 1, index: 0 }, rows };
    const publish = (count: number) => {
      for (let i = 0; stuffed && i < count; i++) a.mesh.publishRows(shipment);
    };
    publish(24);
    await sleep(300);
    b.beats.length = 0;
    for (let i = 0; i < 40; i++) {
      a.state = { ...a.state, checkpoint: i };
      a.mesh.changed();
      publish(i % 8 === 0 ? 1 : 0);
      await sleep(20);
    }
    const gaps = b.beats.slice(1).map(({ at }, i) => at - b.beats[i].at);
    const median = gaps.sort((x, y) => x - y)[Math.floor(gaps.length / 2)];
    const dropped = a.mesh.peers()[0].rowsDropped;
    await Promise.all([closed(a, b), closeAll()]);
    return { median, count: b.beats.length, dropped };
  };
  const idle = await run(false);
  const stuffed = await run(true);
  assert.equal(idle.dropped, 0);
  assert.ok(stuffed.dropped >= 5, `the lane was full: ${stuffed.dropped} shipments dropped`);
  assert.ok(stuffed.count >= 20, `${stuffed.count} beats of 40`);
  assert.ok(
    stuffed.median < Math.max(60, 2 * idle.median),
    `median gap ${stuffed.median} ms against ${idle.median} ms`,
  );
});

test("rows that nobody reads are dropped, and counted", async () => {
  const a = await worker();
  const b = await worker({ handlers: { rows: () => new Promise(() => {}) } });
  await connected(a, b);
  const shipment = { operator: a.operator, incarnation: a.incarnation, place: { sequence: 1, index: 0 } };
  for (let i = 0; i < 60; i++) {
    a.mesh.publishRows({ ...shipment, rows: new Uint8Array(2 * 1024 * 1024) });
    await sleep(5);
  }
  const { bytesOut, rowsDropped } = a.mesh.peers()[0];
  assert.ok(rowsDropped > 5, `${rowsDropped} dropped`);
  assert.ok(bytesOut.rows < 80e6, `${bytesOut.rows} bytes left for a reader that does not read`);
  await closed(a, b);
});

test("rows arrive whole, and the newest survive a flood", async () => {
  const [a, b] = await Promise.all([worker(), worker()]);
  await connected(a, b);
  const shipment = { operator: a.operator, incarnation: a.incarnation, place: { sequence: 5, index: 2 } };
  const rows = bytes(4 * 1024 * 1024);
  a.mesh.publishRows({ ...shipment, rows });
  await until("they arrive", () => b.rows.length === 1);
  assert.deepEqual(b.rows[0], { ...shipment, rows });
  for (let i = 0; i < 20; i++) a.mesh.publishRows({ ...shipment, place: { sequence: 6, index: i }, rows });
  await until("the last arrives", () => b.rows.at(-1)?.place.index === 19);
  assert.equal(b.rows.length + a.mesh.peers()[0].rowsDropped, 21);
  a.mesh.publishRows({ ...shipment, rows: bytes(4 * 1024 * 1024 + 1) });
  assert.deepEqual(
    a.faults.map(({ kind, code }) => [kind, code]),
    [["oversized", "too_large"]],
  );
  await closed(a, b);
});

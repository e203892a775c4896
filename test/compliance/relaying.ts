import assert from "node:assert/strict";
import { test } from "node:test";
import type { Member } from "./member.ts";
import { areLanesOpen, connected, type Net } from "./net.ts";

const counted = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Everybody is connected to the hub, and to nobody else. */
async function around(net: Net, hub: Member, ...others: Member[]): Promise<void> {
  hub.mesh.setPeers(others.map(({ peer }) => peer));
  for (const { mesh } of others) mesh.setPeers([hub.peer]);
  await net.until("all lanes are open", () => [hub, ...others].every(areLanesOpen));
}

/** DESIGN §4: a subscription gets what is newer, also of third tracks. */
export function relaying(open: () => Net): void {
  test("third tracks are relayed to who asked for them, from the store and live, and to nobody else", async () => {
    const net = open();
    const [hub, a, b, c] = [await net.member(), await net.member(), await net.member(), await net.member()];
    for (let i = 0; i < 20; i++) a.write();
    b.mesh.relay([{ peer: hub.peer.operator, of: [a.operator] }]);
    await around(net, hub, a, b, c);
    await net.until("b has what the hub has", () => b.heard(a).length >= 20);
    for (let i = 0; i < 20; i++) a.write();
    for (let i = 0; i < 5; i++) hub.write();
    await net.until("live as well", () => b.heard(a).length >= 40 && b.heard(hub).length >= 5);
    await net.until("c has the hub's own", () => c.heard(hub).length >= 5);
    await net.pass(100);
    assert.deepEqual([b.heard(a), b.heard(hub)], [counted(1, 40), counted(1, 5)]);
    assert.deepEqual([c.heard(a), c.heard(hub)], [[], counted(1, 5)], "c asked for nothing");
    assert.deepEqual([a.heard(a), hub.heard(a).length], [[], 40], "nor did a");
  });

  test("what is relayed can change at any time, and nobody is down meanwhile", async () => {
    const net = open();
    const [hub, a, b, c] = [await net.member(), await net.member(), await net.member(), await net.member()];
    await around(net, hub, a, b, c);
    for (let i = 0; i < 10; i++) a.write();
    for (let i = 0; i < 10; i++) c.write();
    await net.until("the hub has all", () => hub.segments.length >= 20);
    const of = [a.operator, c.operator];
    b.mesh.relay([{ peer: hub.operator, of: [a.operator] }]);
    await net.until("b has a's", () => b.heard(a).length >= 10);
    b.mesh.relay([{ peer: hub.operator, of }]);
    await net.until("and c's", () => b.heard(c).length >= 10);
    await net.pass(100);
    const asked = hub.asked.length;
    b.mesh.relay([{ peer: hub.operator, of: of.toReversed() }]);
    await net.pass(100);
    assert.equal(hub.asked.length, asked, "the same list is no change");
    b.mesh.relay([]);
    hub.write();
    await net.until("the hub's own goes on", () => b.heard(hub).length >= 1);
    await net.pass(200);
    a.write();
    await net.until("the hub has it", () => hub.heard(a).length >= 11);
    hub.write();
    await net.until("the hub's own goes on", () => b.heard(hub).length >= 2);
    await net.pass(100);
    assert.deepEqual(
      [b.heard(a), b.heard(c)],
      [counted(1, 10), counted(1, 10)],
      "no repeats, and nothing after the end",
    );
    assert.deepEqual(b.events.length, 1, b.events.join());
  });

  test("a relayed track goes on from the heads when connections broke", async () => {
    const net = open();
    const [hub, a, b] = [await net.member(), await net.member(), await net.member()];
    b.mesh.relay([{ peer: hub.operator, of: [a.operator] }]);
    await around(net, hub, a, b);
    for (let i = 0; i < 30; i++) a.write();
    await net.until("b has them", () => b.heard(a).length >= 30);
    net.cut(hub);
    await net.until("b sees it", () => !b.mesh.peers()[0].up);
    for (let i = 0; i < 30; i++) a.write();
    net.mend(hub);
    await net.until("b has them", () => b.heard(a).length >= 60);
    assert.deepEqual(b.heard(a), counted(1, 60));
  });

  test("an author that floods holds no other author up", async () => {
    const net = open();
    const [hub, a, b, c] = [await net.member(), await net.member(), await net.member(), await net.member()];
    net.throttle(hub, 20_000);
    const flood = 60;
    for (let i = 0; i < flood; i++) hub.keep(a.seal(400_000));
    b.mesh.relay([{ peer: hub.operator, of: [a.operator, c.operator] }]);
    await around(net, hub, b, c);
    await net.until("the flood has begun", () => b.heard(a).length > 0);
    for (let i = 0; i < 20; i++) hub.mesh.publishSegment(keptBy(hub, a.seal(400_000)));
    for (let i = 0; i < 3; i++) c.write();
    hub.write();
    await net.until("the others are heard", () => b.heard(c).length >= 3 && b.heard(hub).length >= 1);
    const before = b.heard(a).length;
    assert.ok(before < flood, `${before} of the flood came first`);
    await net.until("the flood too", () => b.heard(a).length >= flood + 20);
    assert.deepEqual(b.heard(a), counted(1, flood + 20));
  });

  test("a worker that lost its disk gets its own old track back", async () => {
    const net = open();
    const [hub, a, b] = [await net.member(), await net.member(), await net.member()];
    for (let i = 0; i < 5; i++) hub.keep(b.seal());
    const reborn = await net.member();
    reborn.mesh.relay([{ peer: hub.operator, of: [b.operator, reborn.operator] }]);
    for (let i = 0; i < 5; i++) hub.keep(reborn.seal());
    await connected(net, hub, a, reborn);
    await net.until("both tracks", () => reborn.heard(b).length >= 5);
    assert.deepEqual(reborn.heard(reborn), [], "what it holds does not come again");
    assert.deepEqual(a.heard(b), []);
  });
}

function keptBy(member: Member, encoded: Uint8Array): Uint8Array {
  assert.ok(member.keep(encoded));
  return encoded;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { framed } from "../../offchain/mesh/frames.ts";
import { SegmentMessage } from "../../offchain/mesh/generated/mesh.ts";
import { MemoryMesh } from "../sim/mesh.ts";
import { Crash } from "../sim/process.ts";
import type { Packet } from "../sim/wire.ts";
import { ask, checkpoint, failure } from "./answers.ts";
import type { Member } from "./member.ts";
import { memoryNet } from "./memory-net.ts";
import { areLanesOpen, connected } from "./net.ts";

/** What only the in-memory mesh has: hands for a Byzantine worker, deaths of its process, a network that plays tricks. */

const meshOf = ({ mesh }: Member): MemoryMesh => (mesh instanceof MemoryMesh ? mesh : assert.fail("another mesh"));

test("a Byzantine worker sends what it likes to whom it likes", async () => {
  const net = memoryNet();
  const [a, b, c] = [await net.member(), await net.member(), await net.member()];
  assert.equal(meshOf(a).inject(b.operator, "plot", Buffer.alloc(9)), false, "nobody has subscribed yet");
  await connected(net, a, b, c);
  const segment = framed(SegmentMessage, { segment: a.seal() });
  assert.ok(meshOf(a).inject(b.operator, "plot", segment));
  assert.ok(meshOf(a).inject(c.operator, "pager", Buffer.alloc(40, 0xff)));
  await net.until("both have it", () => b.segments.length > 0 && c.faults.length > 0);
  assert.deepEqual([b.heard(a), c.heard(a)], [[1], []]);
  assert.deepEqual([b.faults, c.faults], [[], [{ kind: "malformed", code: "malformed" }]]);
  let over: unknown;
  meshOf(a).raw(b.operator, "plot", Buffer.alloc(400_000), {
    frame: () => {},
    over: (error) => {
      over = error?.code;
    },
  });
  await net.until("it is refused", () => over !== undefined);
  assert.deepEqual([over, b.faults], ["too_large", [{ kind: "malformed", code: "too_large" }]]);
});

test("a Byzantine worker keeps its segments from one peer, and shows them twice to another", async () => {
  const net = memoryNet();
  const [a, b, c] = [await net.member(), await net.member(), await net.member()];
  meshOf(a).tamper = (to, method, frame) => {
    if (method !== "plot") return [frame];
    return to === b.operator ? [] : [frame, frame];
  };
  await connected(net, a, b, c);
  for (let i = 0; i < 4000; i++) a.write(200);
  await net.until("c has all", () => c.segments.length >= 8000);
  await net.pass(500);
  assert.deepEqual([b.segments.length, c.segments.length], [0, 8000]);
  assert.ok(b.beats.length > 0);
});

test("a crash in a handler leaves through the wire, and ends everything", async () => {
  const net = memoryNet();
  const a = await net.member();
  const b = await net.member({
    segment() {
      throw new Crash("at the first segment");
    },
  });
  await connected(net, a, b);
  a.write();
  assert.throws(() => net.wire.run(100), Crash);
  const [beats, heard] = [a.beats.length, b.beats.length];
  net.wire.run(1000);
  assert.deepEqual([a.beats.length, b.beats.length], [beats, heard], "it neither speaks nor hears any more");
  assert.deepEqual(b.faults, []);
});

test("a peer whose packets are lost is given up, and found again", async () => {
  const net = memoryNet();
  const [a, b] = [await net.member(), await net.member()];
  const { wire } = net;
  const carry = wire.carry.bind(wire);
  await connected(net, a, b);
  // One way only: b hears nothing of a any more, though the connection stands.
  wire.carry = (packet, sent) => (packet.from === a.peer.endpoint ? wire.after(0, sent) : carry(packet, sent));
  b.mesh.ask(1, a.operator, { type: "fetch", track: a.track, from: 1, to: 1 });
  await net.until("b gives a up", () => b.events.at(-1)?.startsWith("down") === true);
  await net.until("so does what it asked", () => b.answers.length > 0);
  assert.equal(a.events.length, 1, "a hears b as before");
  b.mesh.setPeers([]);
  b.mesh.setPeers([a.peer]); // what opens a stream is lost as well
  await net.pass(500);
  wire.carry = carry;
  a.write();
  await net.until("all is well", () => areLanesOpen(a) && areLanesOpen(b) && b.heard(a).length === 1);
});

test("a peer that says nothing to a question is not waited for", async () => {
  const net = memoryNet();
  const [a, b] = [await net.member(), await net.member()];
  const { wire } = net;
  const carry = wire.carry.bind(wire);
  await connected(net, a, b);
  wire.carry = (packet, sent) => (packet.call.method === "fetch" ? wire.after(0, sent) : carry(packet, sent));
  for (const question of [
    { type: "fetch", track: a.track, from: 1, to: 1 },
    { type: "attest", proposal: { checkpoint, advances: [] } },
  ] as const)
    assert.equal(failure(await ask(net, b, a, question)), "deadline", question.type);
  a.mesh.reply(a.tickets[0], { type: "refused", code: "late", message: "" });
  await net.pass(100);
  assert.equal(b.answers.length, 2);
  assert.ok(areLanesOpen(b));
});

test("packets that come twice, late or never do no harm that lasts", async () => {
  const net = memoryNet();
  const [a, b] = [await net.member(), await net.member()];
  const { wire } = net;
  const carry = wire.carry.bind(wire);
  let n = 0;
  wire.carry = (packet: Packet, sent: () => void) => {
    n = (n * 1103515245 + 12345) % 2 ** 31;
    const fate = packet.kind === "end" || packet.kind === "cancel" ? 9 : (n >> 8) % 10;
    if (fate === 0) return void wire.after(0, sent);
    if (fate === 1) carry(packet, () => {});
    if (fate === 2) return void wire.after(70, () => carry(packet, sent));
    carry(packet, sent);
  };
  for (const { mesh } of [a, b]) mesh.setPeers([a.peer, b.peer]);
  for (let i = 0; i < 300; i++) {
    a.write();
    if (i % 10 === 0) b.mesh.ask(i + 1, a.operator, { type: "cut", number: i });
    if (i === 150) net.cut(a);
    if (i === 160) net.mend(a);
    await net.pass(20);
  }
  wire.carry = carry;
  await net.until("everything was answered", () => b.answers.length >= 30);
  net.cut(a);
  net.mend(a);
  await net.until("all is there", () => b.heads()[0]?.sequence === 300);
  await net.pass(15_000);
  assert.equal(new Set(b.answers.map(({ id }) => id)).size, b.answers.length, "each question has one answer");
  assert.ok(areLanesOpen(a) && areLanesOpen(b));
  const settled = [a, b].map(({ events }) => events.length);
  await net.pass(10_000);
  assert.deepEqual(
    [a, b].map(({ events }) => events.length),
    settled,
  );
  assert.deepEqual([a.faults, b.faults], [[], []]);
});

test("nothing is decided by chance: the same happens again, packet by packet", async () => {
  const run = async () => {
    const net = memoryNet();
    const [a, b, c] = [await net.member(), await net.member(), await net.member()];
    const log: string[] = [];
    const carry = net.wire.carry.bind(net.wire);
    net.wire.carry = (packet, sent) => {
      log.push(`${net.wire.now()} ${packet.from} ${packet.to} ${packet.call.method} ${packet.kind} ${packet.size}`);
      carry(packet, sent);
    };
    await connected(net, a, b, c);
    c.mesh.relay([{ peer: b.operator, of: [a.operator] }]);
    for (let i = 0; i < 100; i++) {
      a.write(1000);
      a.mesh.changed();
      if (i % 20 === 5) b.mesh.ask(i, a.operator, { type: "fetch", track: a.track, from: 1, to: i });
      if (i === 50) net.cut(a);
      if (i === 60) net.mend(a);
      await net.pass(7);
    }
    await net.pass(1000);
    return log;
  };
  const first = await run();
  assert.ok(first.length > 500);
  assert.deepEqual(await run(), first);
});

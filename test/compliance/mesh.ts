import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { toHex } from "../../offchain/core/bytes.ts";
import { Heads } from "../../offchain/core/heads.ts";
import { LIMIT_SEGMENT_BYTES, sealSegment, trackId } from "../../offchain/core/segment.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { answers } from "./answers.ts";
import { garbage } from "./garbage.ts";
import { bytes, type Member, separator } from "./member.ts";
import { areLanesOpen, connected, type Net } from "./net.ts";
import { relaying } from "./relaying.ts";

const counted = (to: number) => Array.from({ length: to }, (_, i) => i + 1);

function evidenceAgainst({ operator, signer }: Member) {
  const track = { operator, incarnation: bytes(16) };
  const seal = () => {
    const at = { sequence: 1, previous: trackId(crypto, track) };
    const sealed = sealSegment(crypto, separator, signer, track, at, [{ salt: bytes(16), body: bytes(8) }]);
    return { header: sealed.header, signature: sealed.signature };
  };
  return { a: seal(), b: seal() };
}

/** What every mesh does, whatever carries it. */
export function meshCompliance(name: string, makeNet: () => Net): void {
  describe(`a mesh (${name})`, () => {
    let net: Net;
    const open = () => {
      net = makeNet();
      return net;
    };
    afterEach(() => net.close());
    beats(open);
    plot(open);
    lanes(open);
    peers(open);
    relaying(open);
    answers(open);
    garbage(open);
  });
}

function beats(open: () => Net): void {
  test("the first beat has everything, the next ones what changed", async () => {
    const net = open();
    const [a, b] = [await net.member(), await net.member()];
    const head = () => ({ operator: bytes(20), incarnation: bytes(16), sequence: 1, head: bytes(32) });
    const heads = [head(), head(), head()];
    a.state = { ...a.state, heads: Heads.of(heads), evidence: [heads[0].operator] };
    await connected(net, a, b);
    await net.until("the first beat", () => b.beats.length > 0);
    assert.deepEqual([b.beats[0].beat.heads, b.beats[0].beat.evidence], [heads, [heads[0].operator]]);
    const moved = { ...heads[1], sequence: 2, head: bytes(32) };
    const from = b.beats.length;
    a.state.heads.set(moved);
    a.state = { ...a.state, load: 3 };
    a.mesh.changed();
    const news = () => b.beats.slice(from).filter(({ beat }) => beat.load === 3);
    await net.until("the change, and a quiet beat after it", () => news().length >= 2);
    const [first, second] = news().map(({ beat }) => [beat.heads, beat.evidence]);
    assert.deepEqual(first, [[moved], []]);
    assert.deepEqual(second, [[], []]);
  });

  test("a change is beaten at once, and many changes not too often", async () => {
    const net = open();
    const [a, b] = [await net.member(), await net.member()];
    await connected(net, a, b);
    await net.until("the first beat", () => b.beats.length > 0);
    const delays: number[] = [];
    for (let i = 1; i <= 8; i++) {
      const began = net.now();
      a.state = { ...a.state, checkpoint: i };
      a.mesh.changed();
      await net.until(`beat ${i}`, () => b.beats.at(-1)?.beat.checkpoint === i);
      delays.push(net.now() - began);
    }
    assert.ok(Math.min(...delays) < 100, `after ${delays.join()} ms`);
    const before = b.beats.length;
    const began = net.now();
    while (net.now() - began < 300) {
      a.state = { ...a.state, load: a.state.load + 1 };
      a.mesh.changed();
      await net.pass(1);
    }
    await net.until("the newest state", () => b.beats.at(-1)?.beat.load === a.state.load);
    const most = (net.now() - began) / 20 + 2;
    assert.ok(b.beats.length - before <= most, `${b.beats.length - before} beats, at most ${most}`);
  });

  test("evidence reaches who is there and who comes later, once", async () => {
    const net = open();
    const [a, b, c] = [await net.member(), await net.member(), await net.member()];
    await connected(net, a, b);
    const evidence = evidenceAgainst(c);
    a.mesh.publishEvidence(evidence);
    a.mesh.publishEvidence(evidence);
    await net.until("b has it", () => b.evidence.length > 0);
    await connected(net, a, b, c);
    await net.until("c has it", () => c.evidence.length > 0);
    await net.pass(100);
    assert.deepEqual([b.evidence, c.evidence], [[evidence], [evidence]]);
  });
}

function plot(open: () => Net): void {
  test("a track comes in order, from the store and then live, and goes on from the heads when connections broke", async () => {
    const net = open();
    const [a, b] = [await net.member(), await net.member()];
    for (let i = 0; i < 300; i++) a.seal();
    await connected(net, a, b);
    for (let i = 0; i < 50; i++) {
      a.seal(); // stored, and only found because the next one does not fit
      a.write();
      await net.pass(1);
    }
    await net.until("all are there", () => b.segments.length >= 400);
    assert.deepEqual(b.heard(a), counted(400));
    net.cut(a);
    await net.until("b sees it", () => !b.mesh.peers()[0].up);
    for (let i = 0; i < 50; i++) a.write();
    a.asked.length = 0;
    net.mend(a);
    await net.until("they are connected again", () => areLanesOpen(a) && areLanesOpen(b));
    for (let i = 0; i < 50; i++) a.write();
    await net.until("all are there", () => b.segments.length >= 500);
    assert.ok(a.asked.length > 0 && a.asked.every(({ since }) => since >= 400));
    await net.pass(100);
    assert.deepEqual(b.heard(a), counted(500), "nothing is skipped, nothing that is held comes again");
    assert.deepEqual(a.heads()[0].head, b.heads()[0].head);
  });

  test("a segment that its receiver could not take comes again, before the next one", async () => {
    const net = open();
    const taken: number[] = [];
    let refused = false;
    const a = await net.member();
    const b: Member = await net.member({
      segment(from, encoded) {
        const sequence = b.heads().length === 0 ? 1 : b.heads()[0].sequence + 1;
        if (sequence === 3 && !refused) {
          refused = true;
          throw new Error("the disk was busy");
        }
        taken.push(sequence);
        assert.ok(b.keep(encoded), `${sequence} from ${toHex(from)} is the next`);
      },
    });
    for (let i = 0; i < 6; i++) a.seal();
    await connected(net, a, b);
    await net.until("all are there", () => taken.length >= 6);
    assert.deepEqual(taken, counted(6));
    assert.deepEqual(
      b.faults.map(({ kind }) => kind),
      ["handler"],
    );
  });

  test("a reader that is too slow misses nothing", async () => {
    const net = open();
    const [a, b] = [await net.member(), await net.member()];
    net.throttle(a, 20_000);
    await connected(net, a, b);
    await net.until("it is up to date", () => a.asked.length > 0);
    await net.pass(20);
    const before = a.asked.length;
    for (let i = 0; i < 300; i++) a.write(50_000);
    await net.until("all are there", () => b.segments.length >= 300);
    assert.deepEqual(b.heard(a), counted(300));
    assert.ok(a.asked.length > before, "more than a queue takes came from the store");
  });
}

function lanes(open: () => Net): void {
  test("rows arrive whole; what is too large for anybody is not sent", async () => {
    const net = open();
    const [a, b] = [await net.member(), await net.member()];
    await connected(net, a, b);
    const shipment = { ...a.track, place: { sequence: 5, index: 2 }, rows: bytes(1024 * 1024) };
    a.mesh.publishRows({ ...shipment, rows: new Uint8Array(4 * 1024 * 1024 + 1) });
    a.mesh.publishSegment(new Uint8Array(LIMIT_SEGMENT_BYTES + 1));
    a.mesh.publishRows(shipment);
    await net.until("they arrive", () => b.rows.length > 0);
    assert.deepEqual(b.rows, [shipment]);
    const oversized = { kind: "oversized", code: "too_large" };
    assert.deepEqual(a.faults, [oversized, oversized]);
    assert.deepEqual([b.faults, b.segments], [[], []]);
  });

  test("a stuffed rows lane does not delay a beat", async () => {
    const net = open();
    const order: string[] = [];
    const a = await net.member();
    const b = await net.member({
      rows: (_from, { place }) => void order.push(`rows ${place.sequence}`),
      beat: (_from, { checkpoint }) => void (checkpoint > 0 && order.push(`beat ${checkpoint}`)),
    });
    net.throttle(a, 10_000);
    await connected(net, a, b);
    const rows = bytes(1024 * 1024);
    for (let sequence = 1; sequence <= 20; sequence++)
      a.mesh.publishRows({ ...a.track, place: { sequence, index: 0 }, rows });
    await net.until("the lane is at work", () => order.includes("rows 1"));
    a.state = { ...a.state, checkpoint: 7 };
    a.mesh.changed();
    await net.until("the last rows", () => order.includes("rows 20"));
    assert.ok(order.indexOf("beat 7") >= 0 && order.indexOf("beat 7") < order.indexOf("rows 20") - 1, order.join());
    assert.ok(a.mesh.peers()[0].rowsDropped > 0, "more than fit were shipped");
  });
}

function peers(open: () => Net): void {
  test("who is not registered, or with another key, is not served", async () => {
    const net = open();
    const [a, stranger, thief] = [await net.member(), await net.member(), await net.member()];
    a.mesh.setPeers([{ ...thief.peer, signer: stranger.peer.signer }]);
    for (const { mesh } of [stranger, thief]) mesh.setPeers([a.peer]);
    await net.until("both are refused", () => [stranger, thief].every(({ faults }) => faults.length > 1));
    a.write();
    await net.pass(300);
    for (const { mesh, faults, segments, beats, events } of [stranger, thief]) {
      assert.ok(faults.every(({ kind }) => kind === "handshake"));
      assert.deepEqual([segments, beats, events, mesh.peers()[0].up], [[], [], [], false]);
    }
  });

  test("setPeers dials who is new and drops who is gone; both ends hear of it", async () => {
    const net = open();
    const [a, b, c] = [await net.member(), await net.member(), await net.member()];
    const [nameA, nameB] = [toHex(a.operator), toHex(b.operator)];
    await connected(net, a, b);
    assert.deepEqual([a.events, b.events], [[`up ${nameB}`], [`up ${nameA}`]]);
    a.mesh.setPeers([b.peer, c.peer]);
    assert.ok(
      a.mesh.peers().some(({ operator, up }) => toHex(operator) === nameB && up),
      "is not dialled again",
    );
    a.mesh.setPeers([]);
    assert.deepEqual(a.mesh.peers(), []);
    await net.until("both see it", () => a.events.length >= 2 && b.events.length >= 2);
    assert.deepEqual([a.events[1], b.events[1]], [`down ${nameB}`, `down ${nameA}`]);
    a.write();
    a.mesh.setPeers([b.peer]);
    await net.until("they are connected again", () => areLanesOpen(a) && areLanesOpen(b));
    await net.until("what was written meanwhile", () => b.heard(a).length === 1);
  });
}

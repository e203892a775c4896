import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeBeat } from "../../../offchain/core/beat.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import { WeftError } from "../../../offchain/core/errors.ts";
import type { Evidence } from "../../../offchain/core/evidence.ts";
import { Heads } from "../../../offchain/core/heads.ts";
import { decodeSegment, sealSegment, trackId } from "../../../offchain/core/segment.ts";
import { crypto, signerFromKey } from "../../../offchain/crypto/crypto.ts";
import { bytes, closeAll, closed, connected, separator, until, type Worker, worker } from "./harness.ts";

afterEach(closeAll);

const inOrder = (reader: Worker) => reader.segments.map((segment) => decodeSegment(segment).header.sequence);
const counted = (to: number) => Array.from({ length: to }, (_, i) => i + 1);

function evidenceAgainst(operator = bytes(20)): Evidence {
  const signer = signerFromKey(bytes(32));
  const track = { operator, incarnation: bytes(16) };
  const seal = () => {
    const at = { sequence: 1, previous: trackId(crypto, track) };
    const { header, signature } = sealSegment(crypto, separator, signer, track, at, [
      { salt: bytes(16), body: bytes(8) },
    ]);
    return { header, signature };
  };
  return { a: seal(), b: seal() };
}

test("plot replays what is stored, then goes on live, without a gap or a repeat", async () => {
  const [a, b, c] = await Promise.all([worker(), worker(), worker()]);
  for (let i = 0; i < 700; i++) a.write();
  let writing = true;
  const writer = (async () => {
    for (let i = 0; i < 300; i++) {
      const segment = a.seal();
      if (i % 3 === 0) await sleep(1); // stored, maybe replayed, and only then published
      a.mesh.publishSegment(segment);
    }
    writing = false;
  })();
  await connected(a, b, c);
  assert.ok(writing, "the subscription must fall into the writing");
  await writer;
  await until("all segments are there", () => b.segments.length >= 1000 && c.segments.length >= 1000);
  await sleep(20);
  assert.deepEqual(inOrder(b), counted(1000));
  assert.deepEqual(inOrder(c), counted(1000));
  assert.deepEqual([...a.faults, ...b.faults, ...c.faults], []);
  await closed(a, b, c);
});

test("a plot subscriber that is too slow misses nothing and costs no memory", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const taken: number[] = [];
  const a = await worker();
  const b = await worker({
    handlers: {
      async segment(_from, encoded) {
        await held;
        taken.push(decodeSegment(encoded).header.sequence);
      },
    },
  });
  await connected(a, b);
  for (let i = 0; i < 700; i++) a.write(60_000);
  await sleep(300);
  const sent = a.mesh.peers()[0].bytesOut.plot;
  assert.ok(sent < 30e6, `${sent} of 42 MB left the store for a reader that does not read`);
  release();
  await until("all segments are there", () => taken.length === 700, 10_000);
  assert.deepEqual(taken, counted(700));
  await closed(a, b);
});

test("a segment that its receiver could not take comes again", async () => {
  let refused = false;
  const taken: number[] = [];
  const a = await worker();
  const b = await worker({
    handlers: {
      segment(_from, encoded) {
        const { sequence } = decodeSegment(encoded).header;
        if (sequence === 3 && !refused) {
          refused = true;
          throw new Error("the disk was busy");
        }
        taken.push(sequence);
      },
      heads: () => a.heads.slice(0, taken.length).slice(-1),
    },
  });
  await connected(a, b);
  for (let i = 0; i < 6; i++) a.write();
  await until("all segments are there", () => taken.length >= 6);
  assert.deepEqual(taken, counted(6));
  assert.deepEqual(
    b.faults.map(({ kind }) => kind),
    ["handler"],
  );
  await closed(a, b);
});

test("beats say what changed, in at most 400 bytes for four workers", async () => {
  const [a, b] = await Promise.all([worker(), worker()]);
  const tracks = Array.from({ length: 4 }, () => ({ operator: bytes(20), incarnation: bytes(16) }));
  a.state = { ...a.state, heads: Heads.of(tracks.map((track) => ({ ...track, sequence: 1, head: bytes(32) }))) };
  await connected(a, b);
  await until("the first beat", () => b.beats.length >= 1);
  assert.equal(b.beats[0].beat.heads.length, 4);
  assert.ok(encodeBeat(b.beats[0].beat).length <= 400, "a beat with all heads of a mesh of four");

  b.beats.length = 0;
  const began = performance.now();
  const moved = { ...tracks[2], sequence: 2, head: bytes(32) };
  a.state.heads.set(moved);
  a.state = { ...a.state, load: 7, evidence: [tracks[0].operator] };
  a.mesh.changed();
  await until("the next beat", () => b.beats.length >= 1);
  assert.ok(performance.now() - began < 60, "a change is beaten at once");
  const [{ beat }] = b.beats;
  assert.deepEqual(
    { load: beat.load, heads: beat.heads, evidence: beat.evidence.map(toHex) },
    { load: 7, heads: [moved], evidence: [toHex(tracks[0].operator)] },
  );
  await until("a quiet beat", () => b.beats.length >= 2);
  assert.deepEqual([b.beats[1].beat.heads, b.beats[1].beat.evidence], [[], []]);
  await closed(a, b);
});

test("beats come at most every 20 ms however much changes, and every 250 ms when nothing does", async () => {
  const [a, b] = await Promise.all([worker(), worker()]);
  await connected(a, b);
  await sleep(50);
  b.beats.length = 0;
  for (const end = performance.now() + 400; performance.now() < end; await sleep(1)) {
    a.state = { ...a.state, checkpoint: a.state.checkpoint + 1 };
    a.mesh.changed();
  }
  assert.ok(b.beats.length >= 8 && b.beats.length <= 22, `${b.beats.length} beats in 400 ms`);
  await sleep(50);
  assert.equal(b.beats.at(-1)?.beat.checkpoint, a.state.checkpoint, "the newest state is told last");
  b.beats.length = 0;
  await sleep(800);
  assert.ok(b.beats.length >= 2 && b.beats.length <= 4, `${b.beats.length} beats in 800 quiet ms`);
  await closed(a, b);
});

test("more heads than a beat holds come in several", async () => {
  const [a, b] = await Promise.all([worker(), worker()]);
  const operator = bytes(20);
  const heads = Array.from({ length: 2500 }, () => ({
    operator,
    incarnation: bytes(16),
    sequence: 1,
    head: bytes(32),
  }));
  a.state = { ...a.state, heads: Heads.of(heads) };
  await connected(a, b);
  const received = () => b.beats.reduce((sum, { beat }) => sum + beat.heads.length, 0);
  await until("all heads are told", () => received() >= 2500);
  await sleep(300);
  assert.equal(received(), 2500);
  await closed(a, b);
});

test("evidence reaches everybody, also who subscribes later, once", async () => {
  const [a, b, c] = await Promise.all([worker(), worker(), worker()]);
  await connected(a, b);
  const evidence = evidenceAgainst();
  a.mesh.publishEvidence(evidence);
  a.mesh.publishEvidence(evidence);
  await until("b has it", () => b.evidence.length >= 1);
  await connected(a, b, c);
  await until("c has it", () => c.evidence.length >= 1);
  await sleep(50);
  assert.deepEqual([b.evidence.length, c.evidence.length], [1, 1]);
  assert.deepEqual(b.evidence[0], { from: toHex(a.operator), evidence });
  await closed(a, b, c);
});

test("a peer that restarts is dialled again, with a new session, from the heads that are held", async () => {
  const [a, b] = await Promise.all([worker(), worker()]);
  await connected(a, b);
  for (let i = 0; i < 3; i++) a.write();
  await until("three segments", () => b.segments.length === 3);
  await a.mesh.close();
  await until("b sees it", () => b.events.includes(`down ${toHex(a.operator)}`));
  assert.equal(b.mesh.peers()[0].up, false);
  await sleep(200);
  const again = await worker({ listen: `127.0.0.1:${a.port}` }, a);
  again.stored.push(...a.stored);
  again.mesh.setPeers([a.peer, b.peer]);
  const began = performance.now();
  await until("b is back", () => b.mesh.peers()[0].up, 4000);
  assert.ok(performance.now() - began < 3000);
  await sleep(100);
  assert.equal(b.segments.length, 3, "nothing that is held comes again");
  assert.deepEqual(
    b.events.map((event) => event.split(" ")[0]),
    ["up", "down", "up"],
  );
  await closed(again, b);
});

test("a handler that throws, and a fault listener that throws, harm nobody", async () => {
  const boom = () => {
    throw new WeftError("boom", "boom");
  };
  const a = await worker();
  const b = await worker({
    handlers: { beat: boom, evidence: boom, rows: boom, peerUp: boom, heads: boom, state: boom },
    mesh: { onFault: boom },
  });
  await connected(a, b);
  a.mesh.publishEvidence(evidenceAgainst());
  a.mesh.publishRows({
    operator: a.operator,
    incarnation: bytes(16),
    place: { sequence: 1, index: 0 },
    rows: bytes(9),
  });
  a.write();
  await until("the segment arrives all the same", () => b.segments.length === 1);
  a.state = { ...a.state, digest: bytes(31) };
  a.mesh.changed();
  await until("a state that fits no beat is reported", () => a.faults.some(({ code }) => code === "out_of_range"));
  assert.ok(b.mesh.peers()[0].up);
  await closed(a, b);
});

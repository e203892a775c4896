import assert from "node:assert/strict";
import { test } from "node:test";
import { WeftError } from "../../offchain/core/errors.ts";
import type { Question } from "../../offchain/core/events.ts";
import { FIRST_CELL, LIMIT_MEMORY_PAGE_BYTES } from "../../offchain/core/memory-page.ts";
import type { TrackKey } from "../../offchain/core/segment.ts";
import { TREE_PAGE_BYTES } from "../../offchain/core/stated-tree.ts";
import { framed } from "../../offchain/mesh/frames.ts";
import {
  AttestResponse,
  CutReply,
  MemoryReply,
  PagerMessage,
  RowsMessage,
  SegmentMessage,
  TreeReply,
} from "../../offchain/mesh/generated/mesh.ts";
import type { Served, Service } from "../../offchain/mesh/transport.ts";
import { LANES, type Lane } from "../../offchain/mesh/types.ts";
import { ask, checkpoint, failure } from "./answers.ts";
import { bytes, identity, Member } from "./member.ts";
import { areLanesOpen, type Net } from "./net.ts";

/** Says one frame to every subscriber; then nothing more. */
function saying(frames: (lane: Lane) => Buffer | undefined, subscribed: Partial<Record<Lane, number>> = {}): Service {
  const stream = (lane: Lane): Served => ({
    subscription: true,
    serve(_from, _request, out) {
      subscribed[lane] = (subscribed[lane] ?? 0) + 1;
      const frame = frames(lane);
      if (frame) out.send(frame);
    },
  });
  return { pager: stream("pager"), plot: stream("plot"), rows: stream("rows") };
}

/** Answers every call by these frames, and fails it then if there is an error. */
function answering(frames: () => readonly Buffer[], error?: WeftError): Service {
  const call: Served = {
    subscription: false,
    serve(_from, _request, out) {
      for (const frame of frames()) out.send(frame);
      if (error) out.fail(error);
      else out.end();
    },
  };
  return { ...saying(() => undefined), cut: call, memory: call, tree: call, attest: call, fetch: call };
}

/** DESIGN §4: every inbound message is bounded, then authenticated, then parsed, then believed. */
export function garbage(open: () => Net): void {
  test("what cannot be read is a fault; its stream is dropped and taken up again", async () => {
    const net = open();
    const a = await net.member();
    const as = identity();
    const rounds: Record<Lane, Buffer>[] = [
      {
        pager: framed(PagerMessage, { message: { $case: "beat", value: bytes(33) } }),
        plot: framed(SegmentMessage, { segment: bytes(512 * 1024 + 1) }),
        rows: framed(RowsMessage, { rows: bytes(90) }),
      },
      {
        pager: framed(PagerMessage, { message: { $case: "evidence", value: bytes(100) } }),
        plot: framed(SegmentMessage, { segment: new Uint8Array(0) }),
        rows: framed(RowsMessage, { rows: bytes(4 * 1024 * 1024 + 5000) }),
      },
    ];
    let frames = rounds[0];
    const subscribed: Record<string, number> = {};
    const peer = await net.rogue(
      as,
      saying((method) => frames[method], subscribed),
      a.peer,
    );
    a.mesh.setPeers([peer]);
    for (const round of rounds) {
      frames = round;
      const [count, before] = [a.faults.length, { ...subscribed }];
      await net.until("every lane was taken up again, twice", () =>
        LANES.every((lane) => (subscribed[lane] ?? 0) >= (before[lane] ?? 0) + 3),
      );
      const faults = a.faults.slice(count);
      assert.ok(faults.length >= 6, `${faults.length} faults`);
      assert.ok(
        faults.every(({ kind }) => kind === "malformed"),
        faults.map(({ kind, code }) => `${kind} ${code}`).join(),
      );
      assert.equal(
        faults.some(({ code }) => code === "too_large"),
        round === rounds[1],
      );
    }
    assert.deepEqual([a.beats, a.evidence, a.segments, a.rows], [[], [], [], []]);
  });

  test("an answer that cannot be read is a fault, and its question has failed", async () => {
    const net = open();
    const [a, as] = [await net.member(), identity()];
    const other = new Member(identity(), () => 0);
    const segment = framed(SegmentMessage, { segment: other.seal() });
    const empty = new Uint8Array(0);
    const cut: Question = { type: "cut", number: 1 };
    const memory: Question = { type: "memory", number: 1, from: FIRST_CELL };
    const tree: Question = { type: "tree", number: 1, hash: bytes(32), tree: "trace", first: 0 };
    const attest: Question = { type: "attest", proposal: { checkpoint, advances: [] } };
    const fetch = (track: TrackKey, from: number): Question => ({ type: "fetch", track, from, to: 3 });
    const track = { operator: bytes(20), incarnation: bytes(16) };
    const cases: [Question, Buffer[]][] = [
      [cut, [framed(CutReply, { found: true, checkpoint: empty, entries: bytes(12) })]],
      [cut, [Buffer.alloc(50, 0xff)]],
      [cut, []],
      [memory, [framed(MemoryReply, { found: true, page: bytes(100) })]],
      [memory, [framed(MemoryReply, { found: true, page: new Uint8Array(LIMIT_MEMORY_PAGE_BYTES + 1) })]],
      [memory, []],
      [tree, [framed(TreeReply, { found: true, leaves: bytes(33), more: false })]],
      [tree, [framed(TreeReply, { found: true, leaves: empty, more: true })]],
      [tree, [framed(TreeReply, { found: true, leaves: new Uint8Array(TREE_PAGE_BYTES + 32), more: false })]],
      [tree, []],
      [attest, [framed(AttestResponse, { reply: bytes(100) })]],
      [attest, [Buffer.alloc(50, 0xff)]],
      [attest, []],
      [fetch(track, 1), [segment]],
      [fetch({ ...other.track, incarnation: bytes(16) }, 1), [segment]],
      [fetch(other.track, 2), [segment]],
      [fetch(other.track, 1), [framed(SegmentMessage, { segment: bytes(300) })]],
      [fetch(other.track, 1), [Buffer.alloc(50, 0xff)]],
    ];
    let frames: Buffer[] = [];
    a.mesh.setPeers([
      await net.rogue(
        as,
        answering(() => frames),
        a.peer,
      ),
    ]);
    await net.until("all lanes are open", () => areLanesOpen(a));
    for (const [i, [question, given]] of cases.entries()) {
      frames = given;
      const answers = await ask(net, a, as.operator, question);
      assert.deepEqual([failure(answers), answers.length], ["malformed", 1], `case ${i}`);
      assert.deepEqual(a.faults.splice(0), [{ kind: "malformed", code: "malformed" }], `case ${i}`);
    }
    frames = [segment, segment];
    const answers = await ask(net, a, as.operator, fetch(other.track, 1));
    assert.deepEqual([failure(answers), answers.length], ["malformed", 2], "what was good before it counts");
  });

  test("what came before a failure counts; who forgets at that hears no more", async () => {
    const net = open();
    const as = identity();
    const other = new Member(identity(), () => 0);
    const segment = framed(SegmentMessage, { segment: other.seal() });
    let isForgetful = false;
    const a: Member = await net.member({
      answered(id, answer) {
        a.answers.push({ id, answer });
        if (isForgetful) a.mesh.forget(id);
      },
    });
    const service = answering(() => [segment], new WeftError("pruned", "no more of it here"));
    a.mesh.setPeers([await net.rogue(as, service, a.peer)]);
    await net.until("all lanes are open", () => areLanesOpen(a));
    const question: Question = { type: "fetch", track: other.track, from: 1, to: 9 };
    const answers = await ask(net, a, as.operator, question);
    assert.deepEqual([answers.length, answers[0].type, failure(answers)], [2, "segments", "pruned"]);
    isForgetful = true;
    a.mesh.ask(9001, as.operator, question);
    await net.until("the part", () => a.answersTo(9001).length > 0);
    await net.pass(200);
    assert.deepEqual(
      a.answersTo(9001).map(({ type }) => type),
      ["segments"],
    );
  });

  test("a server that does not hold the registered key is not listened to", async () => {
    const net = open();
    const a = await net.member();
    const [as, registered] = [identity(), identity()];
    const beat = framed(PagerMessage, { message: { $case: "beat", value: bytes(33) } });
    const peer = await net.rogue(
      as,
      saying(() => beat),
      a.peer,
    );
    a.mesh.setPeers([{ ...peer, signer: registered.signer.address }]);
    await net.until("it is a fault", () => a.faults.some(({ code }) => code === "wrong_peer"));
    await net.pass(100);
    assert.ok(a.faults.every(({ kind }) => kind === "handshake"));
    assert.deepEqual(
      a.mesh.peers().map(({ up }) => up),
      [false],
    );
  });
}

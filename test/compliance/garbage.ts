import assert from "node:assert/strict";
import { test } from "node:test";
import { framed, type Method } from "../../offchain/mesh/frames.ts";
import {
  AttestResponse,
  CutReply,
  PagerMessage,
  RowsMessage,
  SegmentMessage,
} from "../../offchain/mesh/generated/mesh.ts";
import type { Outlet, Served, Service } from "../../offchain/mesh/transport.ts";
import { ask, checkpoint, failure } from "./answers.ts";
import { bytes, identity, Member } from "./member.ts";
import type { Net } from "./net.ts";

/** Says one frame to every call, and on every stream; then nothing more. */
function saying(frames: (method: Method) => Buffer, subscribed: Record<string, number>): Service {
  const stream = (method: Method): Served => ({
    subscription: true,
    serve(_from, _request, out: Outlet) {
      subscribed[method] = (subscribed[method] ?? 0) + 1;
      out.send(frames(method));
    },
  });
  const call = (method: Method): Served => ({
    subscription: false,
    serve(_from, _request, out: Outlet) {
      out.send(frames(method));
      out.end();
    },
  });
  return {
    pager: stream("pager"),
    plot: stream("plot"),
    rows: stream("rows"),
    cut: call("cut"),
    attest: call("attest"),
    fetch: call("fetch"),
  };
}

/** DESIGN §4: every inbound message is bounded, then authenticated, then parsed, then believed. */
export function garbage(open: () => Net): void {
  test("what cannot be read is a fault; its stream is dropped and taken up again, its call has failed", async () => {
    const net = open();
    const a = await net.member();
    const as = identity();
    const other = new Member(identity(), () => 0);
    const empty = new Uint8Array(0);
    const rounds: Record<string, Buffer>[] = [
      {
        pager: framed(PagerMessage, { message: { $case: "beat", value: bytes(33) } }),
        plot: framed(SegmentMessage, { segment: bytes(512 * 1024 + 1) }),
        rows: framed(RowsMessage, { rows: bytes(90) }),
        cut: framed(CutReply, { found: true, checkpoint: empty, entries: bytes(12) }),
        attest: framed(AttestResponse, { reply: bytes(100) }),
        fetch: framed(SegmentMessage, { segment: other.seal() }),
      },
      {
        pager: framed(PagerMessage, { message: { $case: "evidence", value: bytes(100) } }),
        plot: framed(SegmentMessage, { segment: empty }),
        rows: framed(RowsMessage, { rows: bytes(4 * 1024 * 1024 + 5000) }),
        cut: Buffer.alloc(50, 0xff),
        attest: Buffer.alloc(50, 0xff),
        fetch: framed(SegmentMessage, { segment: bytes(300) }),
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
        ["pager", "plot", "rows"].every((lane) => (subscribed[lane] ?? 0) >= (before[lane] ?? 0) + 3),
      );
      const faults = a.faults.slice(count);
      assert.ok(faults.length >= 6, `${faults.length} faults`);
      assert.ok(
        faults.every(({ kind }) => kind === "malformed"),
        faults.map(({ kind, code }) => `${kind} ${code}`).join(),
      );
      for (const question of [
        { type: "cut", number: 1 },
        { type: "attest", proposal: { checkpoint, advances: [] } },
        { type: "fetch", track: { operator: bytes(20), incarnation: bytes(16) }, from: 1, to: 3 },
      ] as const) {
        const given = await ask(net, a, as.operator, question);
        assert.equal(failure(given), "malformed", question.type);
        assert.equal(given.length, 1);
      }
    }
    assert.deepEqual([a.beats, a.evidence, a.segments, a.rows], [[], [], [], []]);
  });

  test("a server that does not hold the registered key is not listened to", async () => {
    const net = open();
    const a = await net.member();
    const [as, registered] = [identity(), identity()];
    const beat = framed(PagerMessage, { message: { $case: "beat", value: bytes(33) } });
    const peer = await net.rogue(
      as,
      saying(() => beat, {}),
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

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import type { Bytes } from "../../../offchain/core/bytes.ts";
import { LIMIT_PROPOSAL_BYTES } from "../../../offchain/core/proposal.ts";
import { crypto, signerFromKey } from "../../../offchain/crypto/crypto.ts";
import { framed } from "../../../offchain/mesh/frames.ts";
import {
  AttestRequest,
  FetchRequest,
  GenerateRequest,
  HelloRequest,
  PagerMessage,
  PlotSubscribe,
  ProveRequest,
  RowsMessage,
  SegmentMessage,
} from "../../../offchain/mesh/generated/mesh.ts";
import { MeshServer } from "../../../offchain/mesh/server.ts";
import { Sessions } from "../../../offchain/mesh/sessions.ts";
import type { Outlet, Service } from "../../../offchain/mesh/transport.ts";
import { ask, bytes, closeAll, closed, closeLater, connected, Raw, separator, until, worker } from "./harness.ts";

afterEach(closeAll);

const METHODS = ["Hello", "Prove", "Pager", "Cut", "Attest", "Plot", "Fetch", "Generate", "Rows"];
const none = new Uint8Array(0);
const code = ([status, details]: [number, string]) => [status, details.split(":")[0]];

test("what cannot be read is refused with a typed error on every call, and the server lives on", async () => {
  const [a, b] = await Promise.all([worker(), worker()]);
  await connected(a, b);
  const raw = new Raw(a.port);
  for (const method of METHODS.slice(2)) {
    assert.deepEqual(code(await raw.send(method, none)), [status.UNAUTHENTICATED, "no_session"], method);
    raw.session = bytes(32);
    assert.deepEqual(code(await raw.send(method, bytes(100_000))), [status.UNAUTHENTICATED, "no_session"], method);
    raw.session = none;
  }
  await raw.open(b, a.peer);
  const before = a.faults.length;
  const garbage = new Uint8Array(64).fill(0xff);
  for (const method of METHODS)
    assert.deepEqual(code(await raw.send(method, garbage)), [status.INVALID_ARGUMENT, "malformed"], method);
  assert.equal(a.faults.slice(before).filter(({ kind }) => kind === "malformed").length, METHODS.length);

  const track = { operator: bytes(20), incarnation: bytes(16) };
  const bad: [string, Bytes, string][] = [
    ["Hello", framed(HelloRequest, { operator: bytes(19), nonce: bytes(32) }), "malformed"],
    [
      "Prove",
      framed(ProveRequest, { operator: none, clientNonce: none, serverNonce: none, signature: none }),
      "malformed",
    ],
    ["Cut", Uint8Array.of(8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1), "malformed"],
    ["Attest", framed(AttestRequest, { proposal: bytes(200) }), "malformed"],
    ["Attest", none, "malformed"],
    ["Plot", framed(PlotSubscribe, { heads: [bytes(75)], of: [] }), "malformed"],
    ["Plot", framed(PlotSubscribe, { heads: Array.from({ length: 4097 }, () => bytes(76)), of: [] }), "out_of_range"],
    ["Plot", framed(PlotSubscribe, { heads: [], of: [bytes(19)] }), "malformed"],
    ["Plot", framed(PlotSubscribe, { heads: [], of: Array.from({ length: 1025 }, () => bytes(20)) }), "out_of_range"],
    ["Fetch", framed(FetchRequest, { ...track, operator: none, fromSequence: 1, toSequence: 1 }), "malformed"],
    ["Fetch", framed(FetchRequest, { ...track, fromSequence: 0, toSequence: 1 }), "out_of_range"],
    ["Fetch", framed(FetchRequest, { ...track, fromSequence: 5, toSequence: 4 }), "out_of_range"],
    ["Fetch", framed(FetchRequest, { ...track, fromSequence: 1, toSequence: 1025 }), "out_of_range"],
    ["Generate", framed(GenerateRequest, { order: bytes(500) }), "malformed"],
    ["Generate", none, "malformed"],
  ];
  for (const [method, request, expected] of bad)
    assert.deepEqual(code(await raw.send(method, request)), [status.INVALID_ARGUMENT, expected], method);
  assert.deepEqual((await raw.send("Nothing", none))[0], status.UNIMPLEMENTED);
  assert.equal((await raw.unary<unknown, { found: boolean }>("cut", { number: 0 })).found, false);
  assert.ok(b.mesh.peers()[0].up);
  raw.close();
  await closed(a, b);
});

test("what is too large is refused before it is buffered, with or without a session", async () => {
  const [a, b] = await Promise.all([worker(), worker()]);
  await connected(a, b);
  const raw = new Raw(a.port);
  const exhausted = async (method: string, length: number) => {
    const [code, details] = await raw.send(method, new Uint8Array(length));
    assert.equal(code, status.RESOURCE_EXHAUSTED, method);
    assert.match(details, /larger than max/, "refused by the decoder, not by us");
  };
  await exhausted("Hello", 257);
  await exhausted("Prove", 8_000_000);
  await raw.open(b, a.peer);
  await exhausted("Attest", LIMIT_PROPOSAL_BYTES + 2000);
  await exhausted("Pager", 5000);
  await exhausted("Plot", 400_000);
  await exhausted("Generate", 9_000_000);
  await until("all are reported", () => a.faults.filter(({ code }) => code === "too_large").length === 6);
  assert.ok(b.mesh.peers()[0].up);
  raw.close();
  await closed(a, b);
});

test("a peer that streams garbage is reported, dropped and dialled again ever more slowly", async () => {
  const identity = { operator: bytes(20), signer: signerFromKey(bytes(32)), crypto, separator };
  const a = await worker();
  const sessions = new Sessions(identity);
  sessions.setPeers([a.peer]);
  const frames: Record<"pager" | "plot" | "rows", Buffer> = {
    pager: framed(PagerMessage, { message: { $case: "beat", value: bytes(33) } }),
    plot: framed(SegmentMessage, { segment: bytes(512 * 1024 + 1) }),
    rows: framed(RowsMessage, { rows: bytes(90) }),
  };
  let subscribed = 0;
  const lane = (name: keyof typeof frames) => ({
    subscription: true,
    serve(_from: Bytes, _request: Buffer, out: Outlet) {
      subscribed++;
      out.send(frames[name]);
    },
  });
  const call = (frame: () => Buffer) => ({
    subscription: false,
    serve(_from: Bytes, _request: Buffer, out: Outlet) {
      out.send(frame());
      out.end();
    },
  });
  // A field that says to be longer than all there is: random bytes may well be a message.
  const once = call(() => Buffer.from([0x0a, 0x7f, ...bytes(38)]));
  const service: Service = {
    pager: lane("pager"),
    plot: lane("plot"),
    rows: lane("rows"),
    cut: once,
    attest: once,
    fetch: call(() => frames.plot),
    generate: call(() => Buffer.of(10, 3, 9, 9, 9)),
  };
  const server = new MeshServer(
    sessions,
    service,
    () => {},
    () => {},
  );
  closeLater(server);
  const endpoint = `127.0.0.1:${await server.listen("127.0.0.1:0")}`;
  a.mesh.setPeers([{ operator: identity.operator, signer: identity.signer.address, endpoint }]);
  await until("every lane was taken up again", () => subscribed >= 6 && a.faults.length >= 6);
  assert.ok(a.faults.every(({ kind, code }) => kind === "malformed" && code === "malformed"));
  const soFar = subscribed;
  await sleep(1000);
  assert.ok(subscribed - soFar <= 24, `${subscribed - soFar} subscriptions in a second`);
  frames.pager = framed(PagerMessage, { message: { $case: "evidence", value: bytes(100) } });
  frames.plot = Buffer.from(bytes(200));
  frames.rows = framed(RowsMessage, { rows: bytes(4 * 1024 * 1024 + 5000) });
  const before = a.faults.length;
  await until("rows beyond the limit are refused", () =>
    a.faults.slice(before).some(({ code }) => code === "too_large"),
  );
  const track = { operator: bytes(20), incarnation: bytes(16) };
  for (const question of [
    { type: "fetch", track, from: 1, to: 2 },
    { type: "cut", number: 1 },
  ] as const) {
    const given = await ask(a, identity.operator, question);
    assert.deepEqual(
      given.map(({ type }) => type),
      ["failed"],
    );
  }
  server.close();
  await closed(a);
});

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { type Bytes, toHex } from "../../../offchain/core/bytes.ts";
import { crypto, signerFromKey } from "../../../offchain/crypto/crypto.ts";
import type { HelloReply, ProveReply } from "../../../offchain/mesh/generated/mesh.ts";
import { helloDigest } from "../../../offchain/mesh/sessions.ts";
import { bytes, closeAll, closed, connected, Raw, separator, until, type Worker, worker } from "./harness.ts";

afterEach(closeAll);

type Refusal = { code: number; details: string };

async function refusal(call: Promise<unknown>): Promise<Refusal> {
  const error = await call.then(
    () => assert.fail("was not refused"),
    (error) => error as Refusal,
  );
  return { code: error.code, details: error.details.split(":")[0] };
}

const UNPROVEN = { code: status.UNAUTHENTICATED, details: "bad_hello" };
const NO_SESSION = { code: status.UNAUTHENTICATED, details: "no_session" };
const cut = (raw: Raw) => raw.unary("cut", { number: 1 });

/** A server that lists one client, and that client's raw connection. */
async function pair(): Promise<{ server: Worker; client: Worker; raw: Raw; end(): Promise<void> }> {
  const [server, client] = await Promise.all([worker(), worker()]);
  server.mesh.setPeers([client.peer]);
  const raw = new Raw(server.port);
  return {
    server,
    client,
    raw,
    async end() {
      raw.close();
      await closed(server, client);
    },
  };
}

async function hello(raw: Raw, client: Worker, server: Worker) {
  const clientNonce = bytes(32);
  const reply = await raw.unary<unknown, HelloReply>("hello", { operator: client.operator, nonce: clientNonce });
  const parties = {
    client: client.operator,
    server: server.operator,
    clientNonce,
    serverNonce: new Uint8Array(reply.nonce),
  };
  return { reply, parties };
}

function prove(raw: Raw, parties: { client: Bytes; clientNonce: Bytes; serverNonce: Bytes }, signature: Bytes) {
  const { client: operator, clientNonce, serverNonce } = parties;
  return raw.unary<unknown, ProveReply>("prove", { operator, clientNonce, serverNonce, signature });
}

test("two registered workers get a session, and only with it anything else", async () => {
  const { server, client, raw, end } = await pair();
  assert.deepEqual(await refusal(cut(raw)), NO_SESSION);
  await raw.open(client, server.peer);
  assert.deepEqual(await cut(raw), { found: false, checkpoint: new Uint8Array(0), entries: new Uint8Array(0) });
  await end();
});

test("an operator that the registry does not list is refused", async () => {
  const { server, raw, end } = await pair();
  const stranger = { operator: bytes(20), signer: signerFromKey(bytes(32)) };
  assert.deepEqual(await refusal(raw.open(stranger, server.peer)), {
    code: status.PERMISSION_DENIED,
    details: "unknown_operator",
  });
  await end();
});

test("a client with another key than the registered one is refused", async () => {
  const { server, client, raw, end } = await pair();
  const thief = { operator: client.operator, signer: signerFromKey(bytes(32)) };
  assert.deepEqual(await refusal(raw.open(thief, server.peer)), UNPROVEN);
  assert.ok(server.faults.some(({ kind }) => kind === "handshake"));
  await end();
});

test("a server with another key, or of another operator, is not believed and gets no proof", async () => {
  const [a, impostor] = await Promise.all([worker(), worker()]);
  const thief = await worker({}, { operator: impostor.operator, signer: signerFromKey(bytes(32)) });
  impostor.mesh.setPeers([a.peer]);
  thief.mesh.setPeers([a.peer]);
  a.mesh.setPeers([{ ...impostor.peer, endpoint: thief.peer.endpoint }]);
  await until("the key is refused", () => a.faults.some(({ code }) => code === "wrong_peer"));
  a.mesh.setPeers([{ ...impostor.peer, operator: bytes(20) }]);
  const before = a.faults.length;
  await until("the operator is refused", () => a.faults.slice(before).some(({ code }) => code === "wrong_peer"));
  assert.ok(a.faults.every(({ kind, code }) => code !== "wrong_peer" || kind === "handshake"));
  assert.equal(a.mesh.peers()[0].up, false);
  await closed(a, impostor, thief);
});

test("a proof of the other side, of another pair of nonces, or of another deployment is refused", async () => {
  const { server, client, raw, end } = await pair();
  const { reply, parties } = await hello(raw, client, server);
  const sign = (...args: Parameters<typeof helloDigest>) => client.signer.sign(helloDigest(...args));
  const refused = [
    new Uint8Array(reply.signature),
    sign(crypto, separator, "server", parties),
    sign(crypto, separator, "client", { ...parties, clientNonce: bytes(32) }),
    sign(crypto, separator, "client", { ...parties, server: client.operator }),
    sign(crypto, bytes(32), "client", parties),
    new Uint8Array(65),
    new Uint8Array(0),
  ];
  for (const signature of refused) assert.deepEqual(await refusal(prove(raw, parties, signature)), UNPROVEN);
  const own = sign(crypto, separator, "client", parties);
  const forged = { ...parties, serverNonce: bytes(32) };
  assert.deepEqual(
    await refusal(prove(raw, forged, sign(crypto, separator, "client", forged))),
    UNPROVEN,
    "a nonce that the server did not make",
  );
  assert.equal((await prove(raw, parties, own)).session.length, 32);
  await end();
});

test("a proof opens one session only", async () => {
  const { server, client, raw, end } = await pair();
  const { parties } = await hello(raw, client, server);
  const signature = client.signer.sign(helloDigest(crypto, separator, "client", parties));
  await prove(raw, parties, signature);
  assert.deepEqual(await refusal(prove(raw, parties, signature)), UNPROVEN);
  await end();
});

test("a token is of no use elsewhere, nor after its operator has left the registry or changed its key", async () => {
  const { server, client, raw, end } = await pair();
  const other = await worker();
  other.mesh.setPeers([client.peer]);
  const elsewhere = new Raw(other.port);
  elsewhere.session = await raw.open(client, server.peer);
  assert.deepEqual(await refusal(cut(elsewhere)), NO_SESSION);

  const stream = raw.send("Pager", new Uint8Array(0));
  await sleep(50);
  server.mesh.setPeers([]);
  assert.deepEqual((await stream)[0], status.UNAUTHENTICATED, "open streams end too");
  assert.deepEqual(await refusal(cut(raw)), NO_SESSION);
  server.mesh.setPeers([client.peer]);
  assert.deepEqual(await refusal(cut(raw)), NO_SESSION);

  await raw.open(client, server.peer);
  server.mesh.setPeers([{ ...client.peer, signer: signerFromKey(bytes(32)).address }]);
  assert.deepEqual(await refusal(cut(raw)), NO_SESSION);
  elsewhere.close();
  await closed(other);
  await end();
});

test("an operator has four sessions at most; the oldest goes", async () => {
  const { server, client, raw, end } = await pair();
  const first = await raw.open(client, server.peer);
  for (let i = 0; i < 4; i++) await raw.open(client, server.peer);
  await cut(raw);
  raw.session = first;
  assert.deepEqual(await refusal(cut(raw)), NO_SESSION);
  await end();
});

test("setPeers dials the new, drops the gone and follows a changed endpoint", async () => {
  const [a, b, c] = await Promise.all([worker(), worker(), worker()]);
  await connected(a, b);
  a.mesh.setPeers([b.peer, { ...c.peer, endpoint: "no address" }]);
  assert.deepEqual(
    a.faults.map(({ kind, code }) => [kind, code]),
    [["endpoint", "bad_endpoint"]],
  );
  assert.equal(a.mesh.peers()[0].up, true, "who has not changed is not dialled again");
  await connected(a, b, c);
  for (const { mesh } of [b, c]) mesh.setPeers([b.peer, c.peer]);
  a.mesh.setPeers([]);
  await until("a is gone", () => b.mesh.peers().length === 1);
  await until("a has let go", () => a.events.filter((event) => event.startsWith("down")).length === 2);
  b.write();
  await until("the others go on", () => c.segments.length === 1);
  assert.equal(a.segments.length, 0);
  const moved = await worker({}, c);
  moved.mesh.setPeers([b.peer]);
  b.mesh.setPeers([moved.peer]);
  await until("the new place is found", () => b.mesh.peers()[0].up);
  assert.equal(b.mesh.peers()[0].endpoint, moved.peer.endpoint);
  assert.equal(b.events.filter((event) => event === `up ${toHex(c.operator)}`).length, 2);
  await closed(a, b, c, moved);
});

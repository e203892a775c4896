import { randomBytes } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { credentials, Metadata } from "@grpc/grpc-js";
import type { Beat } from "../../../offchain/core/beat.ts";
import type { Bytes } from "../../../offchain/core/bytes.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import type { Advance } from "../../../offchain/core/cut.ts";
import { codeOf } from "../../../offchain/core/errors.ts";
import type { Answer, Question } from "../../../offchain/core/events.ts";
import type { Evidence } from "../../../offchain/core/evidence.ts";
import { Heads } from "../../../offchain/core/heads.ts";
import type { Signer } from "../../../offchain/core/ports.ts";
import type { RowsShipment } from "../../../offchain/core/rows.ts";
import { decodeSegment, encodeSegment, sealSegment, trackId } from "../../../offchain/core/segment.ts";
import { crypto, signerFromKey } from "../../../offchain/crypto/crypto.ts";
import { MeshClient } from "../../../offchain/mesh/generated/mesh.ts";
import { type BeatState, Mesh, type MeshHandlers, type MeshOptions, type Peer } from "../../../offchain/mesh/mesh.ts";
import { openSession } from "../../../offchain/mesh/sessions.ts";
import { withSession } from "../../../offchain/mesh/wire.ts";

export const separator = crypto.keccak256(new TextEncoder().encode("a test deployment"));
export const bytes = (length: number): Bytes => new Uint8Array(randomBytes(length));

export type Worker = {
  operator: Bytes;
  signer: Signer;
  incarnation: Bytes;
  mesh: Mesh;
  port: number;
  peer: Peer;
  state: BeatState;
  /** Own segments, sequence 1 first. */
  stored: Bytes[];
  heads: Advance[];
  beats: { from: string; beat: Beat; at: number }[];
  evidence: { from: string; evidence: Evidence }[];
  segments: Bytes[];
  rows: RowsShipment[];
  events: string[];
  answers: { id: number; answer: Answer }[];
  faults: { kind: string; from: string | undefined; code: string; error: unknown }[];
  /** Seals and stores the next own segment. */
  seal(size?: number): Bytes;
  /** Publishes it too. */
  write(size?: number): void;
};

export type Options = { handlers?: Partial<MeshHandlers>; mesh?: Partial<MeshOptions>; listen?: string };

const open = new Set<{ close(): unknown }>();

export function closeLater(one: { close(): unknown }): void {
  open.add(one);
}

/** Closes what a test left open, also one that failed. */
export async function closeAll(): Promise<void> {
  await Promise.all([...open].map((one) => one.close()));
  open.clear();
}

/** A worker with real keys and a store in memory. Its mesh is started, its peers are not set. */
export async function worker(options: Options = {}, identity?: Pick<Worker, "operator" | "signer">): Promise<Worker> {
  const signer = identity?.signer ?? signerFromKey(bytes(32));
  const operator = identity?.operator ?? bytes(20);
  const incarnation = bytes(16);
  const track = { operator, incarnation };
  const held = new Map<string, Advance>();
  const own: Omit<Worker, "mesh" | "port" | "peer"> = {
    operator,
    signer,
    incarnation,
    stored: [],
    heads: [],
    beats: [],
    evidence: [],
    segments: [],
    rows: [],
    events: [],
    answers: [],
    faults: [],
    state: {
      registryPosition: 1,
      registryMark: bytes(8),
      checkpoint: 0,
      anchor: 0,
      known: new Uint8Array(8),
      digest: bytes(32),
      moved: 0,
      load: 0,
      heads: new Heads(),
      evidence: [],
    },
    write(size) {
      self.mesh.publishSegment(self.seal(size));
    },
    seal(size = 64) {
      const sequence = self.stored.length + 1;
      const previous = self.heads.at(-1)?.head ?? trackId(crypto, track);
      const snapshots = [{ salt: bytes(16), body: bytes(size) }];
      const segment = sealSegment(crypto, separator, signer, track, { sequence, previous }, snapshots);
      const encoded = encodeSegment(segment);
      self.stored.push(encoded);
      self.heads.push({ ...track, sequence, head: segment.hash });
      return encoded;
    },
  };
  const self = own as Worker; // the rest is set below
  const handlers: MeshHandlers = {
    beat: (from, beat) => void self.beats.push({ from: toHex(from), beat, at: performance.now() }),
    evidence: (from, evidence) => void self.evidence.push({ from: toHex(from), evidence }),
    segment(from, encoded) {
      const { header } = decodeSegment(encoded);
      self.segments.push(encoded);
      held.set(toHex(from), { ...header, head: crypto.keccak256(encoded) });
    },
    rows: (_from, shipment) => void self.rows.push(shipment),
    peerUp: (peer) => void self.events.push(`up ${toHex(peer)}`),
    peerDown: (peer) => void self.events.push(`down ${toHex(peer)}`),
    heads: () => [...held.values()],
    state: () => self.state,
    segmentsSince: (since) => self.stored.slice(since.at(-1)?.sequence ?? 0),
    fetch: (_track, from, to) => self.stored.slice(from - 1, to),
    cut: () => undefined,
    memory: () => undefined,
    tree: () => undefined,
    answered: (id, answer) => void self.answers.push({ id, answer }),
    attest: (_from, ticket) => self.mesh.reply(ticket, { type: "refused", code: "busy", message: "not now" }),
    generate: async function* () {},
    ...options.handlers,
  };
  self.mesh = new Mesh({
    operator,
    signer,
    crypto,
    separator,
    listen: options.listen ?? "127.0.0.1:0",
    handlers,
    onFault: (kind, from, error) =>
      void self.faults.push({ kind, from: from && toHex(from), code: codeOf(error, String(error)), error }),
    ...options.mesh,
  });
  open.add(self.mesh);
  self.port = (await self.mesh.start()).port;
  self.peer = { operator, signer: signer.address, endpoint: `127.0.0.1:${self.port}` };
  return self;
}

let lastQuestion = 0;

/** All answers to a question, the final one last. */
export async function ask(worker: Worker, to: Bytes, question: Question): Promise<Answer[]> {
  const id = ++lastQuestion;
  worker.mesh.ask(id, to, question);
  const given = () => worker.answers.filter((one) => one.id === id).map(({ answer }) => answer);
  await until("there is a final answer", () => given().some((one) => one.type !== "segments" || one.last));
  return given();
}

export async function until(what: string, condition: () => boolean, timeoutMs = 30_000): Promise<void> {
  for (const end = Date.now() + timeoutMs; !condition(); await sleep(2))
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
}

/** Workers that all know one another, connected. */
export async function connected(...workers: Worker[]): Promise<void> {
  for (const { mesh } of workers) mesh.setPeers(workers.map(({ peer }) => peer));
  await until("all lanes are open", () =>
    workers.every(({ mesh }) => mesh.peers().every(({ lanes }) => lanes.pager && lanes.plot && lanes.rows)),
  );
}

export async function closed(...workers: Worker[]): Promise<void> {
  await Promise.all(workers.map(({ mesh }) => mesh.close()));
}

/** A client that speaks the wire directly: what a peer of another make, or an attacker, would send. */
export class Raw {
  readonly client: MeshClient;
  session: Bytes = new Uint8Array(0);

  constructor(port: number, options = {}) {
    this.client = new MeshClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      ...options,
    });
    open.add(this);
  }

  unary<Q, R>(name: "hello" | "prove" | "cut" | "attest", request: Q, metadata = this.metadata): Promise<R> {
    const call = this.client[name] as unknown as (
      request: Q,
      metadata: Metadata,
      done: (error: Error | null, reply: R) => void,
    ) => void;
    return new Promise((resolve, reject) => {
      call.call(this.client, request, metadata, (error, reply) => (error ? reject(error) : resolve(reply)));
    });
  }

  /** Sends these bytes as the request of a method; the status that comes back, as [code, details]. */
  send(path: string, request: Bytes, metadata = this.metadata): Promise<[number, string]> {
    const asBytes = (value: Bytes) => Buffer.from(value);
    return new Promise((resolve) => {
      const call = this.client.makeServerStreamRequest(
        `/weft.mesh.v1.Mesh/${path}`,
        asBytes,
        (value: Buffer) => value,
        request,
        metadata,
        { deadline: Date.now() + 5000 },
      );
      call.on("data", () => {});
      call.on("error", () => {});
      call.on("status", ({ code, details }) => resolve([code, details]));
    });
  }

  get metadata(): Metadata {
    return this.session.length > 0 ? withSession(this.session) : new Metadata();
  }

  async open(self: Pick<Worker, "operator" | "signer">, server: Peer): Promise<Bytes> {
    this.session = await openSession({ ...self, crypto, separator }, server, {
      hello: (request) => this.unary("hello", request),
      prove: (request) => this.unary("prove", request),
    });
    return this.session;
  }

  close(): void {
    this.client.close();
  }
}

/** A link to `port` on which every connection brings at most so many bytes a second to whoever dialled. */
export async function slowLink(port: number, bytesPerSecond: number): Promise<string> {
  const sockets = new Set<Socket>();
  const link = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket.setNoDelay());
      socket.on("error", () => {});
      socket.on("close", () => {
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.on("data", (chunk) => {
      far.pause();
      near.write(chunk);
      setTimeout(() => far.resume(), (1000 * chunk.length) / bytesPerSecond);
    });
  });
  await new Promise<void>((resolve) => link.listen(0, "127.0.0.1", resolve));
  closeLater({
    close() {
      link.close();
      for (const socket of sockets) socket.destroy();
    },
  });
  const address = link.address();
  if (!address || typeof address === "string") throw new Error("no port");
  return `127.0.0.1:${address.port}`;
}

import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { credentials, Metadata, Server, ServerCredentials, type ServerWritableStream, status } from "@grpc/grpc-js";
import type { Devnet, Operator } from "../../../offchain/cli/devnet.ts";
import { type Bytes, fromHex } from "../../../offchain/core/bytes.ts";
import type { Crypto, Signer } from "../../../offchain/core/ports.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { MeshClient, type MeshServer, MeshService, SegmentMessage } from "../../../offchain/mesh/generated/mesh.ts";
import { openSession, Sessions } from "../../../offchain/mesh/sessions.ts";
import { withSession } from "../../../offchain/mesh/wire.ts";
import { openKeystore } from "../../../offchain/node/keys.ts";
import { separatorOf } from "../../../offchain/node/protocol-options.ts";

type Out = ServerWritableStream<unknown, unknown>;
export type Streams = "pager" | "plot" | "rows";

export const random = (count: number): Bytes => new Uint8Array(randomBytes(count));

/** A registered operator's key in bad hands: says whatever it likes to the one worker that it is after. */
export class Rogue {
  readonly self: { operator: Bytes; signer: Signer; crypto: Crypto; separator: Bytes };
  readonly client: MeshClient;
  /** Open subscriptions of the target to us. */
  readonly #streams = new Map<Streams, Out>();
  /** How often the target has subscribed to each. */
  readonly subscriptions: Record<Streams, number> = { pager: 0, plot: 0, rows: 0 };
  readonly #target: Operator;
  readonly #server = new Server();
  #session: Bytes = new Uint8Array(0);

  private constructor(self: Rogue["self"], target: Operator) {
    this.self = self;
    this.#target = target;
    this.client = new MeshClient(target.endpoint, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  static async start(devnet: Devnet, as: Operator, target: Operator): Promise<Rogue> {
    const { signer } = await openKeystore(join(as.folder, "signer.json"), join(as.folder, "password"));
    const separator = separatorOf(crypto, devnet.deployment);
    const rogue = new Rogue({ operator: fromHex(as.owner, 20), signer, crypto, separator }, target);
    await rogue.#listen(as.endpoint);
    await rogue.open();
    return rogue;
  }

  /** Lets only the target in: nobody else is to be bothered. */
  async #listen(endpoint: string): Promise<void> {
    const sessions = new Sessions(this.self);
    sessions.setPeers([{ operator: fromHex(this.#target.owner, 20), signer: fromHex(this.#target.signer, 20) }]);
    const reply = <Q, R>(answer: (request: Q) => R) => {
      return ({ request }: { request: Q }, done: (error: object | null, value?: R) => void) => {
        try {
          done(null, answer(request));
        } catch (cause) {
          done({ code: status.PERMISSION_DENIED, details: String(cause) });
        }
      };
    };
    const keep = (name: Streams) => (call: Out) => {
      this.#streams.set(name, call);
      this.subscriptions[name] += 1;
      call.on("error", () => {});
      call.on("cancelled", () => {
        if (this.#streams.get(name) === call) this.#streams.delete(name);
      });
      call.sendMetadata(new Metadata());
    };
    const empty = (call: Out) => call.end();
    this.#server.addService(MeshService, {
      hello: reply((request: Parameters<Sessions["hello"]>[0]) => sessions.hello(request)),
      prove: reply((request: Parameters<Sessions["prove"]>[0]) => sessions.prove(request)),
      cut: reply(() => ({ found: false, checkpoint: new Uint8Array(0), entries: new Uint8Array(0) })),
      attest: reply(() => ({ reply: random(40) })),
      pager: keep("pager"),
      plot: keep("plot"),
      rows: keep("rows"),
      fetch: empty,
      generate: empty,
    } as unknown as MeshServer);
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(endpoint, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  /** A session at the target, by the book. */
  async open(): Promise<Bytes> {
    const call = <Q, R>(name: "hello" | "prove", request: Q) =>
      new Promise<R>((resolve, reject) => {
        const method = this.client[name] as unknown as (q: Q, done: (error: Error | null, reply: R) => void) => void;
        method.call(this.client, request, (error, reply) => (error ? reject(error) : resolve(reply)));
      });
    const peer = { operator: fromHex(this.#target.owner, 20), signer: fromHex(this.#target.signer, 20) };
    this.#session = await openSession(this.self, peer, {
      hello: (request) => call("hello", request),
      prove: (request) => call("prove", request),
    });
    return this.#session;
  }

  isSubscribed(stream: Streams): boolean {
    return this.#streams.has(stream);
  }

  /** Streams one message to the target. */
  say(stream: Streams, message: unknown): void {
    this.#streams.get(stream)?.write(message);
  }

  /** Sends bytes as the request of a method; the status that ends the call. */
  ask(method: string, request: Bytes, session: Bytes = this.#session): Promise<{ code: status; details: string }> {
    const metadata = session.length > 0 ? withSession(session) : new Metadata();
    return new Promise((resolve) => {
      const call = this.client.makeServerStreamRequest(
        `/weft.mesh.v1.Mesh/${method}`,
        (bytes: Bytes) => Buffer.from(bytes),
        (bytes: Buffer) => bytes,
        request,
        metadata,
        { deadline: Date.now() + 20_000 },
      );
      call.on("data", () => {});
      call.on("error", () => {});
      call.on("status", ({ code, details }) => resolve({ code, details }));
    });
  }

  /** The segments that the target streams to a new subscriber until it has no more for a while. */
  collect(method: "Plot"): Promise<Bytes[]> {
    const call = this.client.makeServerStreamRequest(
      `/weft.mesh.v1.Mesh/${method}`,
      (bytes: Bytes) => Buffer.from(bytes),
      (bytes: Buffer) => SegmentMessage.decode(bytes).segment,
      new Uint8Array(0),
      withSession(this.#session),
    );
    const segments: Bytes[] = [];
    return new Promise((resolve) => {
      const done = setTimeout(() => call.cancel(), 1_000);
      call.on("data", (segment: Bytes) => {
        segments.push(segment);
        done.refresh();
      });
      call.on("error", () => {});
      call.on("status", () => {
        clearTimeout(done);
        resolve(segments);
      });
    });
  }

  stop(): void {
    this.client.close();
    this.#server.forceShutdown();
  }
}

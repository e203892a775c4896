import { setTimeout as sleep } from "node:timers/promises";
import { type ClientReadableStream, type ClientUnaryCall, type Metadata, status } from "@grpc/grpc-js";
import { type Bytes, equal } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import { backoffMs, LANE_OF, type Method } from "./frames.ts";
import { type MeshClient, MeshService } from "./generated/mesh.ts";
import { type Identity, openSession } from "./sessions.ts";
import type { CallLimits, Link, LinkEvents, Subscription, Subscriptions, Taker } from "./transport.ts";
import { LANES, type Lane, type Peer } from "./types.ts";
import { dial, errorOf, isServiceError, patiently, withSession } from "./wire.ts";

const HELLO_MS = 10_000;
/** How long a call waits for a connection that is not there yet. */
const CONNECT_MS = 1000;
const CLOSE_MS = 1000;
/** A stream that lived this long was a good one: the next failure starts with the shortest wait again. */
const GOOD_MS = 3000;
/** How long a lane counts as open while another stream takes the place of its stream. */
const HANDOVER_MS = 3000;

type Callback<R> = (error: Error | null, reply: R) => void;
type Stream = ClientReadableStream<Buffer>;

const asBytes = (bytes: Buffer): Buffer => bytes;

export class GrpcLink implements Link {
  readonly peer: Peer;
  readonly lanes: Record<Lane, boolean> = { pager: false, plot: false, rows: false };
  readonly #clients: Record<Lane, MeshClient>;
  readonly #self: Identity;
  readonly #events: LinkEvents;
  readonly #closed = new AbortController();
  readonly #loops: Promise<void>[];
  readonly #streams = new Map<Lane, Stream>();
  readonly #renewed = new Set<Lane>();
  #opening: Promise<Bytes> | undefined;
  #session: Bytes | undefined;
  #up = false;

  /** @throws WeftError `bad_endpoint` */
  constructor(self: Identity, peer: Peer, subscriptions: Subscriptions, events: LinkEvents) {
    this.peer = peer;
    this.#self = self;
    this.#events = events;
    const { endpoint } = peer;
    this.#clients = { pager: dial(endpoint, "pager"), plot: dial(endpoint, "plot"), rows: dial(endpoint, "rows") };
    this.#loops = LANES.map((lane) => this.#keep(lane, subscriptions[lane]));
  }

  get up(): boolean {
    return this.#up;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    for (const lane of LANES) this.#clients[lane].close();
    const over = new AbortController();
    // A handler at work may finish; one that hangs does not keep the mesh from closing.
    const late = sleep(CLOSE_MS, undefined, { signal: over.signal }).catch(() => {});
    await Promise.race([Promise.all(this.#loops), late]);
    over.abort();
  }

  call(method: Method, request: Buffer, limits: CallLimits, taker: Taker): () => void {
    const over = new AbortController();
    void this.#run(method, request, { ...limits, signal: over.signal }, taker);
    return () => over.abort();
  }

  renew(lane: Lane): void {
    const stream = this.#streams.get(lane);
    if (!stream) return; // asks anew whenever it is opened
    this.#renewed.add(lane);
    stream.cancel();
  }

  async #run(method: Method, request: Buffer, limits: CallLimits & { signal: AbortSignal }, taker: Taker) {
    let failed: WeftError | undefined;
    try {
      for await (const frame of this.stream(method, request, limits)) {
        if (limits.signal.aborted) return;
        await taker.frame(frame);
      }
    } catch (error) {
      failed = errorOf(error);
    }
    if (!limits.signal.aborted) taker.over(failed);
  }

  /** One answer, frame by frame; it ends with its consumer, with `signal` or with the peer. */
  async *stream(
    method: Method,
    request: Buffer,
    { signal, idleMs, timeoutMs }: CallLimits & { signal?: AbortSignal },
  ): AsyncGenerator<Buffer> {
    const deadline = timeoutMs === undefined ? undefined : Date.now() + timeoutMs;
    for (let again = true; ; again = false) {
      const session = await this.#connected(Math.min(CONNECT_MS, timeoutMs ?? CONNECT_MS));
      const call = this.#start(method, request, withSession(session), deadline);
      const stop = cancelWith(call, this.#closed.signal, signal);
      let silent = false;
      const silence = () => {
        silent = true;
        call.cancel();
      };
      let timer: NodeJS.Timeout | undefined;
      const listen = () => {
        if (idleMs !== undefined) timer = setTimeout(silence, idleMs);
      };
      try {
        listen();
        for await (const message of call) {
          clearTimeout(timer); // the consumer's time is its own
          again = false;
          yield message as Buffer;
          listen();
        }
        return;
      } catch (error) {
        if (silent) throw new WeftError("deadline", "the peer fell silent", { cause: error });
        if (!this.#stale(error, session) || !again) throw errorOf(error);
      } finally {
        clearTimeout(timer);
        stop();
      }
    }
  }

  #start(method: Method, request: Buffer, metadata: Metadata, deadline?: number): Stream {
    const client = this.#clients[LANE_OF[method]];
    const { path } = MeshService[method];
    return client.makeServerStreamRequest(path, asBytes, asBytes, request, metadata, { deadline });
  }

  async #keep(lane: Lane, subscription: Subscription): Promise<void> {
    const { signal } = this.#closed;
    for (let failures = 0; !signal.aborted; failures++) {
      const began = performance.now();
      const session = await this.#open().catch(() => undefined); // reported where it was opened
      const isStale = session && (await this.#receive(lane, subscription, session)) === "stale";
      if (this.#renewed.delete(lane) || (isStale && failures === 0)) continue;
      if (performance.now() - began > GOOD_MS) failures = 0;
      await sleep(backoffMs(failures) * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
    }
  }

  async #receive(lane: Lane, subscription: Subscription, session: Bytes): Promise<"over" | "stale"> {
    // Waits for the connection, which has a backoff of its own.
    const call = this.#start(lane, subscription.request(), withSession(session, patiently()));
    const stop = cancelWith(call, this.#closed.signal);
    const tooLate = setTimeout(() => this.#mark(lane, false), HANDOVER_MS);
    this.#streams.set(lane, call);
    call.on("metadata", () => {
      clearTimeout(tooLate);
      this.#mark(lane, true);
    });
    try {
      for await (const frame of call) if (!(await subscription.receive(frame))) break;
    } catch (error) {
      if (this.#stale(error, session)) return "stale";
      this.#report("stream", error);
    } finally {
      clearTimeout(tooLate);
      stop();
      this.#streams.delete(lane);
      if (!this.#renewed.has(lane)) this.#mark(lane, false);
    }
    return "over";
  }

  #mark(lane: Lane, open: boolean): void {
    this.lanes[lane] = open;
    const up = this.lanes.pager && this.lanes.plot;
    if (up === this.#up) return;
    this.#up = up;
    if (up) this.#events.up();
    else this.#events.down();
  }

  /** A peer that is gone is no fault; one that refuses us, or sends what cannot be, is. */
  #report(kind: "stream" | "handshake", error: unknown): void {
    if (this.#closed.signal.aborted) return;
    const code = isServiceError(error) ? error.code : undefined;
    if (code === status.UNAVAILABLE || code === status.CANCELLED || code === status.DEADLINE_EXCEEDED) return;
    this.#events.fault(code === status.RESOURCE_EXHAUSTED ? "malformed" : kind, this.peer.operator, errorOf(error));
  }

  /** True when the peer no longer knows this session; the next call says hello again. */
  #stale(error: unknown, session: Bytes): boolean {
    if (!isServiceError(error) || error.code !== status.UNAUTHENTICATED) return false;
    if (this.#session && equal(this.#session, session)) this.#session = this.#opening = undefined;
    return true;
  }

  /** The session of all three connections; whoever needs it first opens it. */
  #open(): Promise<Bytes> {
    const { pager } = this.#clients;
    const soon = () => ({ deadline: Date.now() + HELLO_MS });
    this.#opening ??= openSession(this.#self, this.peer, {
      hello: (request) => this.#unary((done) => pager.hello(request, patiently(), soon(), done)),
      prove: (request) => this.#unary((done) => pager.prove(request, patiently(), soon(), done)),
    }).then(
      (session) => {
        this.#session = session;
        return session;
      },
      (error) => {
        this.#opening = undefined;
        this.#report("handshake", error);
        throw error;
      },
    );
    return this.#opening;
  }

  async #connected(timeoutMs: number): Promise<Bytes> {
    if (this.#session) return this.#session;
    const over = new AbortController();
    const late = sleep(timeoutMs, undefined, { signal: over.signal }).then(() => {
      throw new WeftError("unavailable", "the peer is not connected", { remedy: "ask another peer" });
    });
    try {
      return await Promise.race([this.#open().catch((error) => Promise.reject(errorOf(error))), late]);
    } finally {
      over.abort();
      late.catch(() => {});
    }
  }

  #unary<R>(start: (done: Callback<R>) => ClientUnaryCall): Promise<R> {
    const { signal } = this.#closed;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(new WeftError("closing", "the mesh is closing"));
      const call = start((error, reply) => {
        signal.removeEventListener("abort", cancel);
        if (error) reject(error);
        else resolve(reply);
      });
      const cancel = () => call.cancel();
      signal.addEventListener("abort", cancel, { once: true });
    });
  }
}

/** Cancels a call with any of these signals; the function returned cancels it too, and forgets the signals. */
function cancelWith(call: ClientReadableStream<unknown>, ...signals: (AbortSignal | undefined)[]): () => void {
  const cancel = () => call.cancel();
  call.on("error", () => {}); // comes once more after the iterator is gone
  for (const signal of signals) {
    if (signal?.aborted) cancel();
    signal?.addEventListener("abort", cancel, { once: true });
  }
  return () => {
    for (const signal of signals) signal?.removeEventListener("abort", cancel);
    cancel();
  };
}

import type { Bytes } from "../core/bytes.ts";
import type { WeftError } from "../core/errors.ts";
import type { Method } from "./frames.ts";
import type { Lane, OnFault, Peer } from "./types.ts";

/**
 * What carries a mesh: real connections, or a simulated network. A frame is one protobuf message of the mesh's service.
 * Neither side calls back within a call to it.
 */
export type Transport = {
  readonly clock: Clock;
  /** Lets listed peers in, once it is told who is listed. */
  serve(service: Service, onFault: OnFault, countOut: CountOut): Server;
  /** @throws WeftError `bad_endpoint` */
  dial(peer: Peer, subscriptions: Subscriptions, events: LinkEvents): Link;
};

export type Clock = {
  /** Milliseconds, monotone. */
  now(): number;
  /** Never within the call, also not for 0. The function returned cancels it. */
  after(ms: number, work: () => void): () => void;
};

/** The one writer of a stream to a peer. It counts the bytes that the connection has not taken yet. */
export type Outlet = {
  /** Aborted when the stream is over, whoever ended it. */
  readonly closed: AbortSignal;
  /** Never true once it is over. */
  readonly room: boolean;
  /** Called whenever there is room again. */
  onRoom: () => void;
  /** Never waits; ask for `room` first. */
  send(frame: Buffer): void;
  end(): void;
  fail(error: unknown): void;
};

export type Served = {
  /** A peer has one of these at a time: a new one takes the place of the old. */
  readonly subscription: boolean;
  /** Ends the stream, throws, or returns while the stream goes on. */
  serve(from: Bytes, request: Buffer, out: Outlet): void | Promise<void>;
};

export type Service = Readonly<Partial<Record<Method, Served>>>;

export type Server = {
  /** Ends what is open with whoever is no longer listed, or with another key. */
  setPeers(peers: readonly Peer[]): void;
  close(): void;
};

export type CountOut = (operator: Bytes, lane: Lane, bytes: number) => void;

/** One lane's stream: how it is asked for and who takes its frames. Neither throws. */
export type Subscription = {
  request(): Buffer;
  /** False drops the stream, which is then subscribed anew. */
  receive(frame: Buffer): boolean | Promise<boolean>;
};

export type Subscriptions = Record<Lane, Subscription>;

export type LinkEvents = { up(): void; down(): void; fault: OnFault };

/** Our end of the three connections to one peer: dialled, kept, and taken up again when they break. */
export type Link = {
  readonly peer: Peer;
  /** Its pager and plot streams both reach us. */
  readonly up: boolean;
  readonly lanes: Readonly<Record<Lane, boolean>>;
  /** The function returned cancels the call: nothing more comes of it. */
  call(method: Method, request: Buffer, limits: CallLimits, taker: Taker): () => void;
  /** Subscribes a lane anew, with another request; the peer is not down meanwhile. */
  renew(lane: Lane): void;
  close(): Promise<void>;
};

/** Of a call: how long it may take, and the longest silence that is borne. No limit where absent. */
export type CallLimits = { timeoutMs?: number; idleMs?: number };

export type Taker = {
  /** Awaiting holds the next one back, where the connection can. A throw ends the call with that error. */
  frame(frame: Buffer): void | Promise<void>;
  /** Exactly once, and the last thing; without an error when the peer has said all. */
  over(error: WeftError | undefined): void;
};

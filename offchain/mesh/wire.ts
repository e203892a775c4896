import { type ChannelOptions, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import type { Bytes } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import { LIMIT_EVENT_BYTES, LIMIT_ORDER_BYTES } from "../core/generate.ts";
import { LIMIT_ADVANCES, LIMIT_PROPOSAL_BYTES } from "../core/proposal.ts";
import { LIMIT_ROWS_BYTES } from "../core/rows.ts";
import { MeshClient, MeshService, type MessageFns } from "./generated/mesh.ts";
import type { Lane } from "./types.ts";

/** What protobuf and core's own headers add to a payload, generously. */
const FRAMING = 1024;
const LIMIT_CUT_BYTES = 8 * 1024 * 1024;
export const LIMIT_FETCH = 1024;

export type Method = keyof typeof MeshService;

/** The most bytes that each request may have. Those before the session are small. */
const REQUEST_LIMITS: Record<Method, number> = {
  hello: 256,
  prove: 256,
  pager: FRAMING,
  cut: FRAMING,
  attest: LIMIT_PROPOSAL_BYTES + FRAMING,
  plot: LIMIT_ADVANCES * 80,
  fetch: FRAMING,
  generate: LIMIT_ORDER_BYTES + FRAMING,
  rows: FRAMING,
};
export const LIMIT_REQUEST_BYTES = Math.max(...Object.values(REQUEST_LIMITS));

const METHOD_OF_PATH = new Map(Object.entries(MeshService).map(([name, { path }]) => [path as string, name as Method]));

export function limitOf(path: string): number {
  const method = METHOD_OF_PATH.get(path);
  return method ? REQUEST_LIMITS[method] : 0;
}

/** Pings tell a dead peer from a quiet one. Behind a full window of bulk data they take their time. */
const LANE_OPTIONS: Record<Lane, { receive: number; ping: number; pingTimeout: number }> = {
  pager: { receive: LIMIT_CUT_BYTES + FRAMING, ping: 1000, pingTimeout: 2000 },
  plot: { receive: LIMIT_EVENT_BYTES + FRAMING, ping: 2000, pingTimeout: 4000 },
  rows: { receive: LIMIT_ROWS_BYTES + FRAMING, ping: 5000, pingTimeout: 15_000 },
};

export const BACKOFF = { first: 50, most: 2000 };

/** A connection of its own: on a shared one, a lost packet or a full window of rows would hold a beat back. */
export function dial(endpoint: string, lane: Lane): MeshClient {
  if (!/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/.test(endpoint))
    throw new WeftError("bad_endpoint", "an endpoint is host:port", { field: "endpoint" });
  const { receive, ping, pingTimeout } = LANE_OPTIONS[lane];
  const options: ChannelOptions = {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_receive_message_length": receive,
    "grpc-node.flow_control_window": 16 * 1024 * 1024,
    "grpc.keepalive_time_ms": ping,
    "grpc.keepalive_timeout_ms": pingTimeout,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.initial_reconnect_backoff_ms": BACKOFF.first,
    "grpc.max_reconnect_backoff_ms": BACKOFF.most,
    "grpc.dns_min_time_between_resolutions_ms": BACKOFF.most,
    "grpc.client_idle_timeout_ms": 24 * 3600 * 1000,
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_http_proxy": 0,
    "grpc.enable_retries": 0,
  };
  return new MeshClient(endpoint, credentials.createInsecure(), options);
}

export const SERVER_OPTIONS: ChannelOptions = {
  "grpc.max_receive_message_length": LIMIT_REQUEST_BYTES,
  "grpc.max_concurrent_streams": 256,
  "grpc.max_connection_idle_ms": 60_000,
  "grpc.keepalive_time_ms": 5000,
  "grpc.keepalive_timeout_ms": 15_000,
};

const SESSION_KEY = "weft-session-bin";

/** A patient call waits for its connection; another fails when there is none. */
export const patiently = () => new Metadata({ waitForReady: true });

export function withSession(session: Bytes, metadata = new Metadata()): Metadata {
  metadata.set(SESSION_KEY, Buffer.from(session));
  return metadata;
}

export function sessionIn(metadata: Metadata): Buffer | undefined {
  const values = metadata.get(SESSION_KEY);
  return values.length === 1 && Buffer.isBuffer(values[0]) ? values[0] : undefined;
}

const STATUS_OF_CODE: Record<string, status> = {
  malformed: status.INVALID_ARGUMENT,
  out_of_range: status.INVALID_ARGUMENT,
  too_large: status.RESOURCE_EXHAUSTED,
  too_many_calls: status.RESOURCE_EXHAUSTED,
  no_session: status.UNAUTHENTICATED,
  bad_hello: status.UNAUTHENTICATED,
  unknown_operator: status.PERMISSION_DENIED,
  superseded: status.ABORTED,
  closing: status.UNAVAILABLE,
};

/** An error as a status: our code first in its details. What is not ours says nothing about our insides. */
export function statusOf(error: unknown): { code: status; details: string } {
  if (!(error instanceof WeftError)) return { code: status.INTERNAL, details: "internal: the worker failed" };
  return {
    code: STATUS_OF_CODE[error.code] ?? status.FAILED_PRECONDITION,
    details: `${error.code}: ${error.message}`.slice(0, 512),
  };
}

const CODE_OF_STATUS: Partial<Record<status, string>> = {
  [status.CANCELLED]: "cancelled",
  [status.DEADLINE_EXCEEDED]: "deadline",
  [status.UNAVAILABLE]: "unavailable",
  [status.RESOURCE_EXHAUSTED]: "too_large",
  [status.UNAUTHENTICATED]: "no_session",
};

/** A peer's status as an error: its own code when it gave one, else ours for the kind of status. */
export function errorOf(error: unknown): WeftError {
  if (error instanceof WeftError) return error;
  if (!isServiceError(error)) return new WeftError("stream_failed", "the call failed", { cause: error });
  const own = /^([a-z][a-z_]{1,40}): (.*)$/s.exec(error.details);
  if (own) return new WeftError(own[1], own[2], { cause: error });
  const code = CODE_OF_STATUS[error.code] ?? "stream_failed";
  return new WeftError(code, error.details.slice(0, 512) || "the call failed", { cause: error });
}

export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "details" in error && typeof error.details === "string";
}

/** Messages arrive as Buffers, whose `slice` shares memory; core expects arrays whose `slice` copies. */
export function plain(bytes: Bytes): Bytes {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes that outlive their message. */
export function owned(bytes: Bytes): Bytes {
  return new Uint8Array(bytes);
}

export function hex(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

export function parse<Q>(codec: MessageFns<Q>, bytes: Buffer): Q {
  try {
    return codec.decode(bytes);
  } catch (cause) {
    throw new WeftError("malformed", "not the protobuf message that it should be", { cause });
  }
}

export function framed<R>(codec: MessageFns<R>, message: R): Buffer {
  return Buffer.from(codec.encode(message).finish());
}

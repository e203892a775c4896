import { type ChannelOptions, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import type { Bytes } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import { BACKOFF, FRAME_LIMITS, REQUEST_LIMITS } from "./frames.ts";
import { MeshClient, MeshService } from "./generated/mesh.ts";
import type { Lane } from "./types.ts";

/** The most bytes of a request of each method; those before the session are small. */
const LIMITS: Record<keyof typeof MeshService, number> = { hello: 256, prove: 256, ...REQUEST_LIMITS };
export const LIMIT_REQUEST_BYTES = Math.max(...Object.values(LIMITS));

const LIMIT_OF_PATH = new Map<string, number>(
  Object.entries(MeshService).map(([name, { path }]) => [path, LIMITS[name as keyof typeof MeshService]]),
);

export function limitOf(path: string): number {
  return LIMIT_OF_PATH.get(path) ?? 0;
}

/** Pings tell a dead peer from a quiet one. Behind a full window of bulk data they take their time. */
const PINGS: Record<Lane, { ping: number; pingTimeout: number }> = {
  pager: { ping: 1000, pingTimeout: 2000 },
  plot: { ping: 2000, pingTimeout: 4000 },
  rows: { ping: 5000, pingTimeout: 15_000 },
};

/** A connection of its own: on a shared one, a lost packet or a full window of rows would hold a beat back. */
export function dial(endpoint: string, lane: Lane): MeshClient {
  if (!/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/.test(endpoint))
    throw new WeftError("bad_endpoint", "an endpoint is host:port", { field: "endpoint" });
  const { ping, pingTimeout } = PINGS[lane];
  const options: ChannelOptions = {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_receive_message_length": FRAME_LIMITS[lane],
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

import type { Bytes } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import { LIMIT_EVENT_BYTES, LIMIT_ORDER_BYTES } from "../core/generate.ts";
import { LIMIT_MEMORY_PAGE_BYTES } from "../core/memory-page.ts";
import { LIMIT_ADVANCES, LIMIT_PROPOSAL_BYTES } from "../core/proposal.ts";
import { LIMIT_ROWS_BYTES } from "../core/rows.ts";
import { type StatedTree, TREE_PAGE_BYTES } from "../core/stated-tree.ts";
import { type MeshService, type MessageFns, StatedTree as WireTree } from "./generated/mesh.ts";
import type { Lane } from "./types.ts";

/** What protobuf and core's own headers add to a payload, generously. */
const FRAMING = 1024;
const LIMIT_CUT_BYTES = 8 * 1024 * 1024;
/** Segments of one fetch. */
export const LIMIT_FETCH = 1024;
/** Operators whose tracks one peer relays. */
export const LIMIT_RELAYED = 1024;
/** Calls of one peer at once. */
export const LIMIT_CALLS = 128;
/** Bytes of one stream that the connection has not taken yet. */
export const CREDIT_BYTES = 256 * 1024;
/** Between attempts to subscribe, doubled every time, in milliseconds. */
export const BACKOFF = { first: 50, most: 2000 };

/** How long to wait before the next attempt, after so many that failed. */
export const backoffMs = (failures: number): number =>
  Math.min(BACKOFF.most, BACKOFF.first * 2 ** Math.min(failures, 10));

/** The calls that need a session. */
export type Method = Exclude<keyof typeof MeshService, "hello" | "prove">;

export const LANE_OF: Readonly<Record<Method, Lane>> = {
  pager: "pager",
  cut: "pager",
  attest: "pager",
  plot: "plot",
  fetch: "plot",
  generate: "plot",
  rows: "rows",
  memory: "rows",
  tree: "rows",
};

/** The most bytes that each request may have. */
export const REQUEST_LIMITS: Readonly<Record<Method, number>> = {
  pager: FRAMING,
  cut: FRAMING,
  attest: LIMIT_PROPOSAL_BYTES + FRAMING,
  plot: LIMIT_ADVANCES * 80 + LIMIT_RELAYED * 24,
  fetch: FRAMING,
  generate: LIMIT_ORDER_BYTES + FRAMING,
  rows: FRAMING,
  memory: FRAMING,
  tree: FRAMING,
};

/** The most bytes that a frame may have, by the connection that it comes over. */
export const FRAME_LIMITS: Readonly<Record<Lane, number>> = {
  pager: LIMIT_CUT_BYTES + FRAMING,
  plot: LIMIT_EVENT_BYTES + FRAMING,
  rows: Math.max(LIMIT_ROWS_BYTES, LIMIT_MEMORY_PAGE_BYTES, TREE_PAGE_BYTES) + FRAMING,
};

/** How the wire names the trees that can be asked for. */
export const WIRE_TREES: Readonly<Record<StatedTree, WireTree>> = {
  trace: WireTree.STATED_TREE_TRACE,
  segments: WireTree.STATED_TREE_SEGMENTS,
  entries: WireTree.STATED_TREE_ENTRIES,
};

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

/** @throws WeftError `malformed` */
export function parse<Q>(codec: MessageFns<Q>, bytes: Buffer): Q {
  try {
    return codec.decode(bytes);
  } catch (cause) {
    throw new WeftError("malformed", "not the protobuf message that it should be", { cause });
  }
}

export function framed<R>(codec: MessageFns<R>, message: R): Buffer {
  const { buffer, byteOffset, byteLength } = codec.encode(message).finish();
  return Buffer.from(buffer, byteOffset, byteLength);
}

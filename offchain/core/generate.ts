import { type Bytes, Reader, Writer } from "./bytes.ts";
import { encodeDefinition, type MemoryDefinition, readDefinition } from "./memory-definition.ts";
import { encodeRequest, type Request, readRequest } from "./request.ts";
import { CLOSE_REASONS, type CloseReason } from "./snapshot.ts";
import { TREE } from "./tree.ts";

/** A gateway's order to an author: write this answer, from wherever it stopped. */
export type GenerateOrder = {
  request: Request;
  /** All tokens of the context up to the end of the given ones: `request.after.length` of them. */
  prompt: readonly number[];
  /** Tokens of the answer that the client has already seen. */
  answered: readonly number[];
  /** The earlier turn whose context the request goes on from, when the gateway knows one. */
  parent?: Bytes;
  /** The abandoned turn to continue. */
  continues?: Bytes;
  /** Adopt no rows of others; for measuring. */
  recompute?: boolean;
  /** The memory that is taught what the author writes. */
  learn?: MemoryDefinition;
};

export type GenerateEvent =
  | {
      type: "opened";
      turn: Bytes;
      /** Positions whose rows were attached, and positions computed, before the first token. */
      attached: number;
      prefilled: number;
    }
  | { type: "tokens"; first: number; ids: readonly number[] }
  | { type: "closed"; reason: CloseReason; length: number }
  | { type: "failed"; code: string; message: string };

const LIMIT_CONTEXT = 2 ** TREE.context.depth - 1;
export const LIMIT_ORDER_BYTES = 8 * 1024 * 1024;
export const LIMIT_EVENT_BYTES = 1024 * 1024;
const LIMIT_CODE = 64;
const LIMIT_MESSAGE = 1024;

function writeIds(out: Writer, ids: readonly number[]): Writer {
  out.u32(ids.length);
  for (const id of ids) out.u32(id);
  return out;
}

function readIds(from: Reader): number[] {
  const count = from.count(Math.min(LIMIT_CONTEXT, Math.floor(from.left / 4)));
  return Array.from({ length: count }, () => from.u32());
}

export function encodeOrder(order: GenerateOrder): Bytes {
  const out = new Writer().raw(encodeRequest(order.request));
  writeIds(out, order.prompt);
  writeIds(out, order.answered);
  for (const turn of [order.parent, order.continues]) {
    out.u8(turn ? 1 : 0);
    if (turn) out.fixed(turn, 32);
  }
  out.u8(order.recompute ? 1 : 0).u8(order.learn ? 1 : 0);
  if (order.learn) out.raw(encodeDefinition(order.learn));
  return out.done();
}

export function decodeOrder(bytes: Bytes): GenerateOrder {
  const from = new Reader(bytes, "order");
  if (bytes.length > LIMIT_ORDER_BYTES) throw from.malformed(`is larger than ${LIMIT_ORDER_BYTES} bytes`);
  const order: GenerateOrder = { request: readRequest(from), prompt: readIds(from), answered: readIds(from) };
  if (from.bool()) order.parent = from.fixed(32);
  if (from.bool()) order.continues = from.fixed(32);
  if (from.bool()) order.recompute = true;
  if (from.bool()) order.learn = readDefinition(from);
  from.end();
  if (order.prompt.length !== order.request.after.length) throw from.malformed("does not hold the whole prompt");
  if (order.answered.length > order.request.maxLength) throw from.malformed("is answered beyond its maximum length");
  return order;
}

export function encodeGenerateEvent(event: GenerateEvent): Bytes {
  const out = new Writer();
  switch (event.type) {
    case "opened":
      return out.u8(1).fixed(event.turn, 32).u32(event.attached).u32(event.prefilled).done();
    case "tokens":
      return writeIds(out.u8(2).u32(event.first), event.ids).done();
    case "closed":
      return out
        .u8(3)
        .u8(CLOSE_REASONS.indexOf(event.reason) + 1)
        .u32(event.length)
        .done();
    case "failed":
      return out.u8(4).text(event.code, LIMIT_CODE).text(event.message, LIMIT_MESSAGE).done();
  }
}

export function decodeGenerateEvent(bytes: Bytes): GenerateEvent {
  const from = new Reader(bytes, "generate event");
  const event = readEvent(from);
  from.end();
  return event;
}

function readEvent(from: Reader): GenerateEvent {
  switch (from.u8()) {
    case 1:
      return { type: "opened", turn: from.fixed(32), attached: from.u32(), prefilled: from.u32() };
    case 2:
      return { type: "tokens", first: from.u32(), ids: readIds(from) };
    case 3: {
      const reason = CLOSE_REASONS[from.u8() - 1];
      if (!reason) throw from.malformed("has an unknown reason");
      return { type: "closed", reason, length: from.u32() };
    }
    case 4:
      return { type: "failed", code: from.text(LIMIT_CODE), message: from.text(LIMIT_MESSAGE) };
    default:
      throw from.malformed("has an unknown kind");
  }
}

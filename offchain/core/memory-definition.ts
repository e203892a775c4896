import { type Bytes, compare, Reader, toHex, utf8, Writer } from "./bytes.ts";
import type { Hashing } from "./ports.ts";

/** What a long-term memory is: immutable, and named by its hash. Its cells are what was learnt into it. */
export type MemoryDefinition = {
  /** Tokens that it counts: ids below this. */
  columns: number;
  /** Context lengths that it remembers by, ascending. */
  orders: readonly number[];
  /** 32 bytes that key its rows: whose they are cannot be guessed, and no two memories share a row by design. */
  salt: Bytes;
  /** Operators whose turns may teach it, ascending; of none: everybody's. What others learn into it adds nothing. */
  writers: readonly Bytes[];
};

export const LIMIT_COLUMNS = 2 ** 18;
export const LIMIT_ORDERS = 8;
/** The longest context. */
export const LIMIT_ORDER = 8;
export const LIMIT_WRITERS = 32;
/** For models whose tokens are bytes. */
export const DEFAULT_ORDERS = [3, 4, 5] as const;
export const ROWS_PER_ORDER = 2 ** 16;
export const LIMIT_DEFINITION_BYTES = 4 + 1 + LIMIT_ORDERS + 32 + 1 + 20 * LIMIT_WRITERS;

const DOMAIN = utf8("Weft memory");

export function encodeDefinition({ columns, orders, salt, writers }: MemoryDefinition): Bytes {
  const out = new Writer().u32(columns).u8(orders.length);
  for (const order of orders) out.u8(order);
  out.fixed(salt, 32).u8(writers.length);
  for (const writer of writers) out.fixed(writer, 20);
  return out.done();
}

/** @throws WeftError `malformed` for anything but the one encoding of a definition that keeps the bounds. */
export function readDefinition(from: Reader): MemoryDefinition {
  const columns = from.u32();
  if (columns === 0 || columns > LIMIT_COLUMNS)
    throw from.malformed(`counts ${columns} tokens, not 1..${LIMIT_COLUMNS}`);
  const orders = Array.from({ length: from.u8() }, () => from.u8());
  if (orders.length === 0 || orders.length > LIMIT_ORDERS) throw from.malformed(`has 1..${LIMIT_ORDERS} orders`);
  if (orders.some((order, i) => order > LIMIT_ORDER || order <= (orders[i - 1] ?? 0)))
    throw from.malformed(`has orders that do not ascend within 1..${LIMIT_ORDER}`);
  const salt = from.fixed(32);
  const writers = Array.from({ length: from.u8() }, () => from.fixed(20));
  if (writers.length > LIMIT_WRITERS) throw from.malformed(`has more than ${LIMIT_WRITERS} writers`);
  if (writers.some((writer, i) => i > 0 && compare(writers[i - 1], writer) >= 0))
    throw from.malformed("has writers that do not ascend");
  return { columns, orders, salt, writers };
}

/** @throws WeftError `malformed` */
export function decodeDefinition(bytes: Bytes): MemoryDefinition {
  const from = new Reader(bytes, "memory definition");
  const definition = readDefinition(from);
  from.end();
  return definition;
}

export function memoryId(h: Hashing, definition: MemoryDefinition): Bytes {
  return h.keccak256(DOMAIN, encodeDefinition(definition));
}

export function mayTeach({ writers }: MemoryDefinition, operator: Bytes): boolean {
  return writers.length === 0 || writers.some((writer) => compare(writer, operator) === 0);
}

/** A memory's name in maps. */
export const memoryName = (id: Bytes): string => toHex(id);

/**
 * The row of a context, 0..65535: a hash of the `orders[index]` ids before position `end`, keyed by the salt. 32-bit
 * multiplications and shifts only, so that a contract computes it as cheaply.
 * @param idAt token id at a position
 */
export function rowOf(
  { orders, salt }: MemoryDefinition,
  index: number,
  end: number,
  idAt: (position: number) => number,
): number {
  const at = 4 * index;
  let hash = (salt[at] << 24) | (salt[at + 1] << 16) | (salt[at + 2] << 8) | salt[at + 3];
  for (let position = end - orders[index]; position < end; position++) {
    hash = Math.imul(hash ^ idAt(position), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0x85ebca77);
  return (hash ^ (hash >>> 13)) >>> 16;
}

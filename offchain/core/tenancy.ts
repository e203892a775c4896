import { type Bytes, equal, utf8 } from "./bytes.ts";
import { DEFAULT_ORDERS, type MemoryDefinition } from "./memory-definition.ts";
import type { Hashing } from "./ports.ts";

const DOMAIN = utf8("Weft memory salt");

/**
 * A client's memory of a name: the salt comes from both, so the same name of two clients is two memories, and every worker
 * makes the same one of it without asking anybody.
 * @param requester the client's identity, 32 bytes
 */
export function memoryOf(
  h: Hashing,
  requester: Bytes,
  name: string,
  { columns, orders = DEFAULT_ORDERS, writers = [] }: Pick<MemoryDefinition, "columns"> & Partial<MemoryDefinition>,
): MemoryDefinition {
  return { columns, orders, salt: h.keccak256(DOMAIN, requester, utf8(name)), writers };
}

/** Is this the client's own memory of that name? */
export function isOwn(h: Hashing, { salt }: MemoryDefinition, requester: Bytes, name: string): boolean {
  return equal(salt, memoryOf(h, requester, name, { columns: 1 }).salt);
}

import type { Bytes } from "../core/bytes.ts";
import { decodeDefinition, encodeDefinition, type MemoryDefinition } from "../core/memory-definition.ts";
import type { Sql } from "./sql.ts";

/** The name that a client gave to a memory. */
export type NamedMemory = { requester: Bytes; name: string; definition: MemoryDefinition };

/** Names of memories, in the order in which they were given. */
export class MemoryNameTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  all(): NamedMemory[] {
    return this.#sql
      .all<Omit<NamedMemory, "definition"> & { definition: Bytes }>(
        "SELECT requester, name, definition FROM memory_names ORDER BY id",
      )
      .map((row) => ({ ...row, definition: decodeDefinition(row.definition) }));
  }

  put({ requester, name, definition }: NamedMemory): void {
    this.#sql.durably(["store.name"], () => {
      const put = "INSERT INTO memory_names (requester, name, definition) VALUES (?, ?, ?)";
      this.#sql.run(put, requester, name, encodeDefinition(definition));
    });
  }

  drop({ requester, name }: Pick<NamedMemory, "requester" | "name">): void {
    this.#sql.run("DELETE FROM memory_names WHERE requester = ? AND name = ?", requester, name);
  }
}

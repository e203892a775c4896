import type { MemoryInfo, MemoryPorts } from "../api/ports.ts";
import { toHex } from "../core/bytes.ts";
import type { MemoryCatalog, OwnMemory } from "./memory-catalog.ts";
import { type TaughtOnce, taughtJson } from "./taught-once.ts";
import type { Teacher } from "./teacher.ts";

const infoOf = ({ id, name, definition: { columns, orders, salt, writers } }: OwnMemory): MemoryInfo => ({
  id: toHex(id),
  name,
  columns,
  orders,
  salt: toHex(salt),
  writers: writers.map(toHex),
});

/** What the HTTP interface says of memories. */
export function memoryPorts(
  catalog: MemoryCatalog,
  teacher: Pick<Teacher, "teach">,
  once: Pick<TaughtOnce, "teach">,
): MemoryPorts {
  return {
    make: (requester, name, choices) => infoOf(catalog.make(requester, name, choices)),
    list: (requester) => catalog.list(requester).map(infoOf),
    show(requester, named) {
      const own = catalog.find(requester, named);
      const { cells, checkpoint } = catalog.contents(own.id);
      return {
        ...infoOf(own),
        cells,
        checkpoint: checkpoint ? { number: checkpoint.number, hash: toHex(checkpoint.hash) } : null,
      };
    },
    async teach(requester, named, text, signal, key) {
      const own = catalog.find(requester, named);
      if (key !== undefined) return once.teach(requester, own, text, key, signal);
      return taughtJson(own, await teacher.teach(requester, own, text, signal));
    },
  };
}

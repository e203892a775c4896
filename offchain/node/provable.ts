import { WeftError } from "../core/errors.ts";
import type { MemoryDefinition } from "../core/memory-definition.ts";
import { isProvable } from "../core/memory-proof.ts";
import type { ModelInfo } from "../inference/model.ts";

/**
 * Of an exact model a wrong token is to be proven wrong, so nothing is read of which no court could be shown what it said.
 * @throws WeftError `unprovable_memory`
 */
export function checkProvable({ class: worth }: Pick<ModelInfo, "class">, definition: MemoryDefinition): void {
  if (worth !== "exact" || isProvable(definition)) return;
  const { columns, orders } = definition;
  throw new WeftError(
    "unprovable_memory",
    `rows of ${orders.length} orders and ${columns} columns cannot be shown to a court in one transaction`,
    { field: "memory", remedy: "make a memory with fewer orders, or ask without a memory (gate off)" },
  );
}

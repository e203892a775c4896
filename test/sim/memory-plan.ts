import { type Bytes, compare, Writer } from "../../offchain/core/bytes.ts";
import type { MemoryDefinition } from "../../offchain/core/memory-definition.ts";
import type { MemoryPlan, OperatorPlan } from "./plan.ts";
import type { Random } from "./random.ts";

/** Under the simulated hash the ids of these two, which differ in the salt alone, begin with the same 40 bits. */
export const ALIKE = [362_586, 1_155_077].map((salt) => ({ columns: 256, orders: [1, 2], salt, writers: [] }));

/** Short contexts come again soon; some have fewer columns than the model has tokens. */
const ORDERS = [[1], [1, 2], [1, 3], [2, 3, 4], [1, 2, 3, 4, 5, 6, 7, 8]];
const COLUMNS = [64, 100, 250, 1_000];
const FALSE_TEACHERS = 0.4;

/** A few memories, with writers of their own. Who lies anyhow may come to lie about them. */
export function memoriesOf(random: Random, operators: readonly OperatorPlan[]): MemoryPlan {
  const memories: MemoryPlan["memories"] = random.chance(0.3) ? structuredClone(ALIKE) : [];
  for (let count = random.int(1, 3); count > 0; count--) {
    const writers = random.chance(0.5) ? [] : operators.flatMap((_, node) => (random.chance(0.6) ? [node] : []));
    memories.push({
      columns: random.pick(COLUMNS),
      orders: random.pick(ORDERS),
      salt: random.int(1, 2 ** 31),
      writers,
    });
  }
  for (const one of operators) if (one.role !== "honest" && random.chance(FALSE_TEACHERS)) one.role = "false-teacher";
  return { memories, teaching: 0.2 + 0.6 * random.float(), reading: 0.2 + 0.6 * random.float() };
}

/** @param accounts of the operators, by node */
export function definitionsOf({ memories }: MemoryPlan, accounts: readonly Bytes[]): MemoryDefinition[] {
  return memories.map(({ columns, orders, salt, writers }) => ({
    columns,
    orders,
    salt: new Writer().u32(salt).raw(new Uint8Array(28)).done(),
    writers: writers.flatMap((node) => accounts[node] ?? []).sort(compare),
  }));
}

import { toHex } from "../../../offchain/core/bytes.ts";
import { rowOf } from "../../../offchain/core/memory-definition.ts";
import { DOUBT } from "../../../offchain/core/mixing.ts";
import type { Request } from "../../../offchain/core/request.ts";
import { rowAt, type Stand } from "./full-replay.ts";

const ONE = 2 ** 16;

/**
 * What a memory makes of the model's probabilities, by the rule of MEMORY.md, from plain counts.
 * @param context the tokens before the one that is to be drawn
 */
export function mixedBy(
  stand: Stand,
  { id, gate }: NonNullable<Request["memory"]>,
  probabilities: Uint32Array,
  context: readonly number[],
): Uint32Array {
  const name = toHex(id);
  const definition = stand.definitions.get(name);
  let p = [...probabilities];
  for (const [order, length] of definition?.orders.entries() ?? []) {
    if (!definition || context.length < length) break;
    const row = rowOf(definition, order, context.length, (position) => context[position]);
    const counts = rowAt(stand, name, `${order} ${row}`);
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    if (total === 0) continue;
    const weight = Math.floor((total * ONE) / (total + DOUBT[gate] * counts.size));
    p = p.map((one, id) => {
      const share = Math.floor(((counts.get(id) ?? 0) * ONE) / total);
      return Math.floor((weight * share + (ONE - weight) * one) / ONE);
    });
    p[p.indexOf(Math.max(...p))] += ONE - p.reduce((sum, one) => sum + one, 0);
  }
  return Uint32Array.from(p);
}

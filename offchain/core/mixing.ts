import type { Memory } from "./memories.ts";
import { rowOf } from "./memory-definition.ts";
import type { Row } from "./memory-row.ts";
import type { Gate } from "./request.ts";

/** Probabilities are integers that sum to this. */
export const PROBABILITY_ONE = 65_536;

/**
 * How many sightings a row must have, for each different token in it, to count as much as what is known without it. Less
 * doubt, more weight. One number for all lengths of contexts: numbers tuned for each gain less than 1 % (docs/memory.md).
 */
export const DOUBT: Record<Exclude<Gate, "off">, number> = { weak: 200, medium: 48, strong: 12 };

/** floor(a·b / c), exact. */
function mulDiv(a: number, b: number, c: number): number {
  const product = a * b;
  if (product <= Number.MAX_SAFE_INTEGER && c < 2 ** 36) return Math.floor(product / c);
  return Number((BigInt(a) * BigInt(b)) / BigInt(c));
}

/**
 * Mixes what a memory has seen after this context into the model's probabilities, order by order from short to long:
 * with `T` sightings of `U` different tokens in the context's row, weight λ = ⌊T·2^16 / (T + α·U)⌋ and
 * `p ← ⌊(λ·⌊c·2^16 / T⌋ + (2^16 − λ)·p) / 2^16⌋`; what rounding loses goes to the largest, of equal ones to the lowest id.
 * @param probabilities integers that sum to 2^16; changed in place
 * @param context token ids up to, and without, the one that is to be drawn
 */
export function mix(
  probabilities: Uint32Array,
  memory: Memory,
  gate: Exclude<Gate, "off">,
  context: readonly number[],
): Uint32Array {
  const { orders } = memory.definition;
  const idAt = (position: number) => context[position];
  for (const [index, length] of orders.entries()) {
    if (context.length < length) break;
    const row = memory.row(index, rowOf(memory.definition, index, context.length, idAt));
    if (row) mixRow(probabilities, row, DOUBT[gate]);
  }
  return probabilities;
}

function mixRow(probabilities: Uint32Array, row: Row, doubt: number): void {
  const { total, distinct } = row;
  const weight = mulDiv(total, PROBABILITY_ONE, total + doubt * distinct);
  const cells = row.cells();
  let next = cells.next().value;
  let [rest, largest] = [PROBABILITY_ONE, 0];
  for (let id = 0; id < probabilities.length; id++) {
    let sum = (PROBABILITY_ONE - weight) * probabilities[id];
    if (next && next[0] === id) {
      sum += weight * mulDiv(next[1], PROBABILITY_ONE, total);
      next = cells.next().value;
    }
    probabilities[id] = Math.floor(sum / PROBABILITY_ONE);
    rest -= probabilities[id];
    if (probabilities[id] > probabilities[largest]) largest = id;
  }
  probabilities[largest] += rest;
}

import type { Memory } from "./memories.ts";
import { rowOf } from "./memory-definition.ts";
import type { Row } from "./memory-row.ts";
import type { Gate } from "./request.ts";

/** Probabilities are integers that sum to this. */
export const PROBABILITY_ONE = 65_536;

/**
 * How many sightings a row must have, for each different token in it, to count as much as what is known without it; by the
 * length of its context, from 1 token on. Less doubt, more weight.
 */
export const DOUBT: Record<Exclude<Gate, "off">, readonly number[]> = {
  weak: [500, 400, 200, 60, 20, 10, 7, 5],
  medium: [100, 80, 60, 30, 12, 6, 5, 4],
  strong: [25, 20, 15, 8, 4, 2, 2, 1],
};

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
    if (row) mixRow(probabilities, row, DOUBT[gate][length - 1]);
  }
  return probabilities;
}

function mixRow(probabilities: Uint32Array, row: Row, doubt: number): void {
  const { total, distinct } = row;
  const weight = mulDiv(total, PROBABILITY_ONE, total + doubt * distinct);
  const shares = new Map<number, number>();
  for (const [id, count] of row.cells()) shares.set(id, mulDiv(count, PROBABILITY_ONE, total));
  let [rest, largest] = [PROBABILITY_ONE, 0];
  for (let id = 0; id < probabilities.length; id++) {
    const sum = weight * (shares.get(id) ?? 0) + (PROBABILITY_ONE - weight) * probabilities[id];
    probabilities[id] = Math.floor(sum / PROBABILITY_ONE);
    rest -= probabilities[id];
    if (probabilities[id] > probabilities[largest]) largest = id;
  }
  probabilities[largest] += rest;
}

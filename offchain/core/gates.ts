import type { Memory } from "./memories.ts";
import { LIMIT_ORDER } from "./memory-definition.ts";
import { mix, PROBABILITY_ONE } from "./mixing.ts";
import { GATES, type Gate } from "./request.ts";

/** What a token costs that is given no probability at all. */
const LEAST = 0.5;

/**
 * The gate under which a memory would have foretold these tokens best; of equals the one that listens least.
 * @param tokens a context from its beginning
 * @param probabilitiesAt the model's for the token at a position, as integers that sum to 2^16; undefined where they are
 *   not known, and there nothing is scored
 */
export function chooseGate(
  tokens: readonly number[],
  probabilitiesAt: (position: number) => Uint32Array | undefined,
  memory: Memory,
): Gate {
  const bits = new Map<Gate, number>(GATES.map((gate) => [gate, 0]));
  for (let position = 0; position < tokens.length; position++) {
    const probabilities = probabilitiesAt(position);
    if (!probabilities) continue;
    const context = tokens.slice(Math.max(0, position - LIMIT_ORDER), position);
    for (const gate of GATES) {
      const mixed = gate === "off" ? probabilities : mix(probabilities.slice(), memory, gate, context);
      const cost = -Math.log2(Math.max(mixed[tokens[position]], LEAST) / PROBABILITY_ONE);
      bits.set(gate, (bits.get(gate) as number) + cost);
    }
  }
  return [...GATES].sort((a, b) => (bits.get(a) as number) - (bits.get(b) as number))[0];
}

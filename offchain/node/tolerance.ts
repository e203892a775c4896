import { mix } from "../core/mixing.ts";
import type { Hashing } from "../core/ports.ts";
import { drawThreshold } from "../core/request.ts";
import { distribution, FLOAT_LOGIT_BITS, PROBABILITY_ONE, quantiseLogits, weightTable } from "../inference/sampling.ts";
import { type Drawn, PLAIN } from "./next-token.ts";

/** Distances are counted in steps of 1/2048 nat, in which float logits are sampled. */
export const DISTANCE_ONE = 2 ** FLOAT_LOGIT_BITS;
/** No logits at all would give the token. */
export const OUT_OF_REACH = 2 ** 32 - 1;
/** Beyond so many nats nothing is told apart. */
const FARTHEST = 32 * DISTANCE_ONE;

/** How many steps a tolerance in nats is. */
export const stepsOf = (tolerance: number): number => Math.ceil(tolerance * DISTANCE_ONE);

/** What a token was drawn from, as far as it is known here. */
export type Drawing = {
  drawn: Drawn;
  /** Of the context's last position, as this machine computes them. */
  logits: Float32Array;
  context: readonly number[];
};

/**
 * How far each logit would have to be from ours, at least and in steps, for this token to be what the request has: by
 * bounds that no author within that distance exceeds, so nobody within it is taken for farther.
 */
export function distanceOf(h: Hashing, drawing: Drawing, token: number): number {
  const isWithin = reachOf(h, drawing, token);
  if (!isWithin(FARTHEST)) return OUT_OF_REACH;
  let [low, high] = [0, FARTHEST];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isWithin(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Whether a token may have been drawn from logits of which each is at most so many steps from ours. */
export function reachOf(h: Hashing, drawing: Drawing, token: number): (steps: number) => boolean {
  const { drawn, context } = drawing;
  const values = quantiseLogits(drawing.logits);
  const { temperature } = drawn.request.parameters;
  const { reading, samplerK } = drawn;
  const max = values.reduce((a, b) => Math.max(a, b));
  // Two logits that move by as much towards one another come twice as near.
  if (temperature === 0 && !reading) return (steps) => max - values[token] <= 2 * steps;
  const own = distribution(values, temperature || PLAIN, samplerK);
  const table = weightTable(temperature || PLAIN);
  const weights = (steps: number) => new Weights(values, max, table, samplerK, 2 * steps);
  const mixed = reading ? mix(own.slice(), reading.memory, reading.gate, context) : own;
  // Each order rounds down once for every token, there and here, and gives what is lost to the largest.
  const kept = mixed.reduce((count, one) => count + (one > 0 ? 1 : 0), 0);
  const slack = reading ? 2 * reading.memory.definition.orders.length * kept : 0;
  // What a memory adds is the same for both, and the model's share is not larger after it.
  const least = (ours: number, had: number, may: number) => ours - Math.max(0, had - may) - slack;
  if (temperature === 0)
    return (steps) => {
      const moved = weights(steps);
      const rest = moved.least((v) => v !== token);
      const most = PROBABILITY_ONE - least(PROBABILITY_ONE - mixed[token], PROBABILITY_ONE - own[token], rest);
      return mixed.every((ours, v) => v === token || least(ours, own[v], moved.leastOf(v)) <= most);
    };
  const threshold = drawThreshold(h, drawn.id, context.length);
  const sum = (of: Uint32Array, from: number, to: number) => of.subarray(from, to).reduce((a, b) => a + b, 0);
  const before = { ours: sum(mixed, 0, token), had: sum(own, 0, token) };
  const after = { ours: sum(mixed, token + 1, mixed.length), had: sum(own, token + 1, own.length) };
  return (steps) => {
    const moved = weights(steps);
    if (mixed[token] === 0 && !moved.isDrawn(token)) return false;
    const start = least(
      before.ours,
      before.had,
      moved.least((v) => v < token),
    );
    const rest = least(
      after.ours,
      after.had,
      moved.least((v) => v > token),
    );
    return start <= threshold && threshold < PROBABILITY_ONE - rest;
  };
}

/** Between what the sampler's weights may be where every difference of two logits may be another by `apart`. */
class Weights {
  readonly #low: Uint16Array;
  readonly #high: Uint16Array;
  readonly #largest: number;
  #lowSum = 0;
  #highSum = 0;

  constructor(values: Int32Array, max: number, table: Uint16Array, k: number, apart: number) {
    const last = table.length - 1;
    this.#low = new Uint16Array(values.length);
    this.#high = new Uint16Array(values.length);
    this.#largest = table[0];
    for (const [v, value] of values.entries()) {
      const below = max - value;
      this.#low[v] = table[Math.min((below + apart) >>> k, last)];
      this.#high[v] = table[Math.min(Math.max(0, below - apart) >>> k, last)];
      this.#lowSum += this.#low[v];
      this.#highSum += this.#high[v];
    }
  }

  /** The least probability that these tokens have together. */
  least(isOne: (v: number) => boolean): number {
    let [low, high, count, each] = [0, this.#highSum, 0, 0];
    for (let v = 0; v < this.#low.length; v++) {
      if (!isOne(v) || this.#high[v] === 0) continue;
      low += this.#low[v];
      high -= this.#high[v];
      count++;
      each += Math.floor((this.#low[v] * PROBABILITY_ONE) / this.#highSum);
    }
    // Either is a bound: of many small ones the sum, of few large ones the share.
    return Math.max(each, leastOf(low, high, count));
  }

  leastOf(v: number): number {
    return leastOf(this.#low[v], this.#highSum - this.#high[v], 1);
  }

  /** Whether a token can have a probability that is not zero. */
  isDrawn(v: number): boolean {
    const high = this.#high[v];
    return high === this.#largest || high * PROBABILITY_ONE >= high + this.#lowSum - this.#low[v];
  }
}

/** Every probability is rounded down, before the largest is given what is left. */
function leastOf(low: number, othersHigh: number, count: number): number {
  return low === 0 ? 0 : Math.max(0, Math.floor((low * PROBABILITY_ONE) / (low + othersHigh)) - count);
}

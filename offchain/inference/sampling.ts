import { WeftError } from "../core/errors.ts";

/** Probabilities are integers that sum to this. */
export const PROBABILITY_ONE = 65_536;
/** Temperatures are hundredths, 0 (greedy) to this. */
export const TEMPERATURE_MAX = 1_000;
/** Float logits are sampled as integers with this many fraction bits, so that k = 6 is 1/32 nat as in exact models. */
export const FLOAT_LOGIT_BITS = 11;

const ENTRIES = 512;
const FRACTION = 192n;
const ONE = 1n << FRACTION;
const LOGIT_LIMIT = 2 ** 30;
const tables = new Map<number, Uint16Array>();

/**
 * The weights of one temperature (hundredths, 1..1000): entry i = round(65535·exp(−i / (32·T))), the last one 0.
 * In 192-bit fixed point, because Math.exp may differ between engines. Throws `out_of_range`.
 */
export function weightTable(temperature: number): Uint16Array {
  checkTemperature(temperature);
  if (temperature === 0)
    throw new WeftError("out_of_range", "temperature 0 is greedy and has no weights", { field: "temperature" });
  let table = tables.get(temperature);
  if (table === undefined) {
    table = computeTable(BigInt(temperature));
    tables.set(temperature, table);
  }
  return table;
}

function computeTable(temperature: bigint): Uint16Array {
  // One step is exp(−y), y = 100 / (32·temperature) ≤ 3.125: the series of exp(y) has positive terms only, then invert.
  let growth = ONE;
  for (let term = ONE, n = 1n; term > 0n; n++) {
    term = (term * 25n) / (8n * temperature * n);
    growth += term;
  }
  const step = (ONE * ONE) / growth;
  const table = new Uint16Array(ENTRIES);
  for (let i = 0, power = ONE; i < ENTRIES - 1; i++) {
    table[i] = Number((power * 65_535n + (ONE >> 1n)) >> FRACTION);
    power = (power * step) >> FRACTION;
  }
  return table;
}

/**
 * Integer probabilities of the next token; they sum to exactly 2^16.
 *
 * With weight w_v = table[min((max − logit_v) >> k, 511)], each token gets floor(w_v · 2^16 / Σw) and the token of the
 * largest weight (the lowest id among equals) gets the remainder. At temperature 0 the largest logit (lowest id) gets
 * everything. Tokens below 2^-16 get nothing, and with large vocabularies what they would have had goes to the largest.
 *
 * @param logits one position; float logits are quantised first, see `quantiseLogits`
 * @param temperature hundredths, an integer in 0..1000
 * @param k the model's `sampler.k`, 0..31
 * @throws WeftError `out_of_range` (fields `logits`, `temperature`, `k`)
 */
export function distribution(logits: Int32Array | Float32Array, temperature: number, k: number): Uint32Array {
  checkTemperature(temperature);
  if (!Number.isInteger(k) || k < 0 || k > 31)
    throw new WeftError("out_of_range", `k = ${k} is not in 0..31`, { field: "k" });
  if (logits.length === 0) throw new WeftError("out_of_range", "no logits", { field: "logits" });
  const values = logits instanceof Int32Array ? logits : quantiseLogits(logits);
  const out = new Uint32Array(values.length);
  let max = values[0]!;
  for (const value of values) if (value > max) max = value;
  if (temperature === 0) {
    out[values.indexOf(max)] = PROBABILITY_ONE;
    return out;
  }
  const table = weightTable(temperature);
  let sum = 0;
  // A difference of two int32 fits uint32, and >>> is what reads it so.
  for (let v = 0; v < values.length; v++) {
    out[v] = table[Math.min((max - values[v]!) >>> k, ENTRIES - 1)]!;
    sum += out[v]!;
  }
  const largest = out.indexOf(table[0]!);
  let rest = PROBABILITY_ONE;
  // The product is below 2^32, so the double quotient cannot round up to the next integer.
  for (let v = 0; v < out.length; v++) {
    out[v] = Math.floor((out[v]! * PROBABILITY_ONE) / sum);
    rest -= out[v]!;
  }
  out[largest]! += rest;
  return out;
}

/**
 * The token at a threshold: the first whose running sum of probabilities exceeds it.
 *
 * @param probabilities integers that sum to 2^16
 * @param threshold an integer in 0..65535, from outside: all randomness is a function of request id and position
 * @throws WeftError `out_of_range` (field `threshold`); `malformed` (field `probabilities`) if they sum to less
 */
export function draw(probabilities: ArrayLike<number>, threshold: number): number {
  if (!Number.isInteger(threshold) || threshold < 0 || threshold >= PROBABILITY_ONE)
    throw new WeftError("out_of_range", `threshold ${threshold} is not in 0..65535`, { field: "threshold" });
  let sum = 0;
  for (let v = 0; v < probabilities.length; v++) {
    sum += probabilities[v]!;
    if (sum > threshold) return v;
  }
  throw new WeftError("malformed", `probabilities sum to ${sum}, not 65536`, { field: "probabilities" });
}

/**
 * Float logits as integers: floor(logit · 2^11 + 1/2), limited to ±2^30 (so −Infinity, a mask, is the least).
 * Deterministic given the floats; the floats of a tolerant model need not be. Throws `out_of_range` on NaN or +Infinity.
 */
export function quantiseLogits(logits: Float32Array): Int32Array {
  const out = new Int32Array(logits.length);
  for (let v = 0; v < logits.length; v++) {
    const logit = logits[v]!;
    if (Number.isNaN(logit) || logit === Number.POSITIVE_INFINITY)
      throw new WeftError("out_of_range", `logit ${v} is ${logit}`, { field: "logits", remedy: "check the model" });
    const value = Math.floor(logit * 2 ** FLOAT_LOGIT_BITS + 0.5);
    out[v] = Math.max(-LOGIT_LIMIT, Math.min(LOGIT_LIMIT, value));
  }
  return out;
}

function checkTemperature(temperature: number): void {
  if (!Number.isInteger(temperature) || temperature < 0 || temperature > TEMPERATURE_MAX)
    throw new WeftError("out_of_range", `temperature ${temperature} is not an integer in 0..1000`, {
      field: "temperature",
      remedy: "give hundredths: 100 is 1.00",
    });
}

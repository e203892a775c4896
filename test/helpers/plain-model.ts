import { type PlainOp, readPlain } from "./plain-manifest.ts";

// The forward pass of an exact model in BigInt, by the words of docs/models.md alone: nothing here comes from core, or from
// where the graph of ONNX Runtime is made.

const NO_RESIDUAL = 0xffff;
const POSITION_PARTS = 0xffffffff;
const PART = 256;

/** `[head][position][part][column]` over the whole context. */
type Tensor = { heads: number; parts: number; columns: number; values: bigint[] };

const rsh = (x: bigint, s: number) => (s > 0 ? (x + (1n << BigInt(s - 1))) >> BigInt(s) : x << BigInt(-s));
const least = (x: bigint, y: bigint) => (x < y ? x : y);
const clip = (x: bigint, c: number) => (x > BigInt(c) ? BigInt(c) : x < -BigInt(c) ? -BigInt(c) : x);
const partsOf = (terms: number) => Math.ceil(terms / PART);
const largest = (values: readonly bigint[]) => values.reduce((max, x) => -least(-max, -x));

/** The terms of a part, of so many in all. */
const inPart = <T>(part: number, terms: number, term: (i: number) => T): T[] =>
  Array.from({ length: Math.min(PART, terms - part * PART) }, (_, i) => term(part * PART + i));

function sum(part: number, terms: number, term: (i: number) => bigint): bigint {
  let all = 0n;
  const end = Math.min(terms, (part + 1) * PART);
  for (let i = part * PART; i < end; i++) all += term(i);
  return all;
}

type Known = { T: number; tokens: readonly number[]; tensors: Tensor[]; constants: bigint[][]; columns: number[] };

/** The tensor of one operation. */
function tensorOf(
  { tag, fields: f, constants: c }: PlainOp,
  { T, tokens, tensors, constants, columns }: Known,
): Tensor {
  const make = (
    heads: number,
    parts: number,
    wide: number,
    element: (h: number, t: number, p: number, n: number) => bigint,
  ) => {
    const values: bigint[] = [];
    for (let h = 0; h < heads; h++)
      for (let t = 0; t < T; t++)
        for (let p = 0; p < parts; p++) for (let n = 0; n < wide; n++) values.push(element(h, t, p, n));
    return { heads, parts, columns: wide, values };
  };
  const at = (name: string) => {
    const { parts, columns: wide, values } = tensors[f[name]] as Tensor;
    return (h: number, t: number, p: number, n: number) => values[((h * T + t) * parts + p) * wide + n] as bigint;
  };
  const of = (name: string) => {
    const [values, wide] = [constants[c[name]] as bigint[], columns[c[name]] as number];
    return (row: number, column: number) => values[row * wide + column] as bigint;
  };
  const entry = (x: bigint): [bigint, number] => {
    const place = Number(least(x >> BigInt(f.near), BigInt(f.cap)) + (x >> BigInt(f.far)));
    return [of("placeTable")(0, 2 * place), Number(of("placeTable")(0, 2 * place + 1))];
  };
  const exp = (h: number, t: number, j: number): bigint => {
    const below = (at("max")(h, t, 0, 0) - at("scores")(h, t, 0, j)) >> BigInt(f.shift);
    return of("expTable")(0, Number(least(below, BigInt(f.entries - 1))));
  };
  const kept = (x: bigint, h: number, t: number, n: number): bigint => {
    const added = rsh(x, f.shift) + (f.residual === NO_RESIDUAL ? 0n : at("residual")(h, t, 0, n));
    return f.clip === 0 ? added : clip(added, f.clip);
  };
  const parts = f.parts === POSITION_PARTS ? partsOf(T) : f.parts;
  switch (tag) {
    case 1:
      return make(1, 1, f.width, (_h, t, _p, d) => rsh(of("weights")(tokens[t], d), f.shift));
    case 2: {
      const x = at("input");
      return make(1, partsOf(f.width), 1, (_h, t, p) =>
        sum(p, f.width, (d) => clip(rsh(x(0, t, 0, d), f.shift), f.clip) ** 2n),
      );
    }
    case 3:
      return make(1, 1, f.width, (_h, t, _p, d) => {
        const [m, e] = entry(at("sum")(0, t, 0, 0));
        return clip(rsh(at("input")(0, t, 0, d) * m, e), f.clip);
      });
    case 4: {
      const [x, w] = [at("input"), of("weights")];
      return make(1, partsOf(f.inner), f.outer, (h, t, p, n) =>
        kept(
          sum(p, f.inner, (i) => x(0, t, 0, i) * w(n, i)),
          h,
          t,
          n,
        ),
      );
    }
    case 5: {
      const half = f.size / 2;
      return make(1, 1, f.heads * f.size, (_h, t, _p, n) => {
        const [pair, isFirst] = [n % half, n % f.size < half];
        const a = isFirst ? n : n - half;
        const [x, y] = [at("input")(0, t, 0, a), at("input")(0, t, 0, a + half)];
        const [cos, sin] = [of("angleTable")(t, pair), of("angleTable")(t, half + pair)];
        return clip(rsh(isFirst ? x * cos - y * sin : x * sin + y * cos, f.shift), f.clip);
      });
    }
    case 6: {
      const [q, k, group] = [at("queries"), at("keys"), f.heads / f.keyHeads];
      return make(f.heads, 1, T, (h, t, _p, j) => {
        const own = Math.floor(h / group);
        const score = sum(0, f.size, (i) => q(0, t, 0, h * f.size + i) * k(0, j, 0, own * f.size + i));
        return j > t ? score - BigInt(f.mask) : score;
      });
    }
    case 7:
      return make(f.heads, partsOf(T), 1, (h, t, p) => largest(inPart(p, T, (j) => at("scores")(h, t, 0, j))));
    case 8:
      return make(f.heads, 1, 1, (h, t) => largest(inPart(0, partsOf(T), (p) => at("input")(h, t, p, 0))));
    case 9:
      return make(f.heads, partsOf(T), 1, (h, t, p) => sum(p, T, (j) => exp(h, t, j)));
    case 10:
      return make(f.heads, 1, T, (h, t, _p, j) => {
        const [m, e] = entry(at("sum")(h, t, 0, 0));
        return rsh(exp(h, t, j) * m, e);
      });
    case 11: {
      const [p, v, group] = [at("probabilities"), at("values"), f.heads / f.valueHeads];
      return make(1, partsOf(T), f.heads * f.size, (_h, t, part, n) => {
        const h = Math.floor(n / f.size);
        const column = Math.floor(h / group) * f.size + (n % f.size);
        return sum(part, T, (j) => p(h, t, 0, j) * v(0, j, 0, column));
      });
    }
    case 12:
      return make(f.heads, 1, f.width, (h, t, _p, n) =>
        kept(
          sum(0, parts, (p) => at("input")(h, t, p, n)),
          h,
          t,
          n,
        ),
      );
    default:
      return make(1, 1, f.width, (_h, t, _p, n) => {
        const open = at("gate")(0, t, 0, n);
        return open <= 0n ? 0n : clip(rsh(open * at("up")(0, t, 0, n), f.shift), f.clip);
      });
  }
}

/** All logits, and KV rows `[position][layer][key, value][kv head][dim]`, of a whole context. */
export function plainForward(
  manifest: Uint8Array,
  constantOf: (name: string) => ArrayLike<number>,
  tokens: readonly number[],
): { k: number; logits: number[]; rows: Int8Array } {
  const { k, constants, ops, rows, logits } = readPlain(manifest);
  const tensors: Tensor[] = [];
  const known: Known = {
    T: tokens.length,
    tokens,
    tensors,
    constants: constants.map(({ name }) => Array.from(constantOf(name), BigInt)),
    columns: constants.map(({ columns }) => columns),
  };
  for (const op of ops) tensors.push(tensorOf(op, known));
  const kept = rows.flat().map((number) => tensors[number] as Tensor);
  return {
    k,
    logits: (tensors[logits] as Tensor).values.map(Number),
    rows: Int8Array.from(
      tokens.flatMap((_, t) => kept.flatMap(({ columns, values }) => values.slice(t * columns, (t + 1) * columns))),
      Number,
    ),
  };
}

/** The token at a threshold of 2^16, of one position's logits; temperature in hundredths. */
export function plainToken(logits: readonly number[], temperature: number, k: number, threshold: number): number {
  const max = Math.max(...logits);
  if (temperature === 0) return logits.indexOf(max);
  const weights = logits.map((logit) => {
    const i = Math.floor((max - logit) / 2 ** k);
    return i < 511 ? Math.round(65_535 * Math.exp((-i * 100) / (32 * temperature))) : 0;
  });
  const total = weights.reduce((all, weight) => all + weight, 0);
  const chances = weights.map((weight) => Math.floor((weight * 65_536) / total));
  const likeliest = weights.indexOf(Math.max(...weights));
  chances[likeliest] += 65_536 - chances.reduce((all, chance) => all + chance, 0);
  let running = 0;
  return chances.findIndex((chance) => {
    running += chance;
    return running > threshold;
  });
}

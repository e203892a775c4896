import { WeftError } from "../../offchain/core/errors.ts";
import type { Sizes } from "../../offchain/inference/exact/arithmetic.ts";
import { Graph } from "../../offchain/inference/exact/graph.ts";
import { numbers } from "../unit/inference/exact/random-model.ts";

/** Of a float decoder of gated blocks: sizes as config.json has them, and those of the stream, of queries, of a block's inside. */
export type FloatSizes = Sizes & { width: number; heads: number; hidden: number };

/** Matrices `[inputs, outputs]` by their names in the training of weft-austen: `emb`, `head`, `l0_wq`, `l0_wk`, … */
export type FloatWeights = ReadonlyMap<string, { shape: readonly [number, number]; values: Float32Array }>;

const EPSILON = 1e-6;
/** Angles were trained in steps of 1/1024. */
const ANGLE_ONE = 1_024;
const HIDDEN_SCORE = -1e30;
/** What scores are divided by. */
const SCORE_SCALE = 4;

/** The shapes of the matrices of a model of such sizes. */
export function floatShapes(sizes: FloatSizes): Map<string, readonly [number, number]> {
  const { vocab, width, layers, heads, kvHeads, headDim, hidden } = sizes;
  const rows = kvHeads * headDim;
  const shapes = new Map<string, readonly [number, number]>([
    ["emb", [vocab, width]],
    ["head", [width, vocab]],
  ]);
  for (let layer = 0; layer < layers; layer++)
    for (const [name, shape] of Object.entries({
      wq: [width, heads * headDim],
      wk: [width, rows],
      wv: [width, rows],
      wo: [heads * headDim, width],
      wg: [width, hidden],
      wu: [width, hidden],
      wd: [hidden, width],
    } as const))
      shapes.set(`l${layer}_${name}`, shape);
  return shapes;
}

/**
 * A safetensors file of float32 matrices, of which a head has 32 columns.
 * @throws WeftError `bad_model`, the field being the matrix that is missing or has another shape
 */
export function readFloatModel(file: Uint8Array): { sizes: FloatSizes; weights: FloatWeights } {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
  const { __metadata__: _, ...tensors } = header as Record<string, { shape: [number, number]; data_offsets: number[] }>;
  const weights = new Map(
    Object.entries(tensors).map(
      ([
        name,
        {
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        const { buffer } = new Uint8Array(file.subarray(8 + length + from, 8 + length + to));
        return [name, { shape, values: new Float32Array(buffer) }] as const;
      },
    ),
  );
  const shapeOf = (name: string) => weights.get(name)?.shape ?? [0, 0];
  const headDim = 32;
  const sizes = {
    vocab: shapeOf("emb")[0],
    width: shapeOf("emb")[1],
    layers: [...weights.keys()].filter((name) => name.endsWith("_wq")).length,
    heads: shapeOf("l0_wq")[1] / headDim,
    kvHeads: shapeOf("l0_wk")[1] / headDim,
    headDim,
    hidden: shapeOf("l0_wg")[1],
    maxPositions: 1_024,
  };
  checkWeights(sizes, weights);
  return { sizes, weights };
}

/** Weights of about the size that trained ones have, the same for the same seed. */
export function randomWeights(sizes: FloatSizes, seed: number): FloatWeights {
  const draw = numbers(seed);
  const one = () => draw(2 ** 24) / 2 ** 23 - 1;
  return new Map(
    [...floatShapes(sizes)].map(([name, shape]) => {
      const scale = name === "emb" ? 1 : 3 / Math.sqrt(shape[0]);
      return [name, { shape, values: Float32Array.from({ length: shape[0] * shape[1] }, () => scale * one()) }];
    }),
  );
}

/** config.json of such a model, whose tokens are bytes. */
export function floatConfig({ vocab, layers, kvHeads, headDim, maxPositions }: FloatSizes, name: string) {
  return {
    format: "weft-model-1",
    name,
    class: "tolerant",
    licence: "MIT",
    provenance: "made of the float weights of weft-austen, or of random ones",
    tokenizer: "bytes",
    endTokens: [],
    rowEncoding: "float32",
    vocab,
    layers,
    kvHeads,
    headDim,
    maxPositions,
    sampler: { k: 6 },
  };
}

function checkWeights(sizes: FloatSizes, weights: FloatWeights): void {
  for (const [name, shape] of floatShapes(sizes)) {
    const given = weights.get(name);
    if (given?.shape.join() !== shape.join() || given.values.length !== shape[0] * shape[1])
      throw new WeftError("bad_model", `${name} is ${given?.shape ?? "missing"}, not ${shape}`, { field: name });
  }
}

/**
 * The graph of a float decoder that an engine runs as one of class `tolerant`: the model that weft-austen was trained as
 * before it was made of integers. Norms with a root, turned queries and keys, grouped heads, gates of what is above 0.
 */
export function buildFloatGraph(sizes: FloatSizes, weights: FloatWeights, name: string): Uint8Array {
  checkWeights(sizes, weights);
  return new FloatGraph(sizes, weights).build(name);
}

class FloatGraph {
  readonly #graph = new Graph();
  readonly #sizes: FloatSizes;
  readonly #weights: FloatWeights;
  readonly #positions: string;

  constructor(sizes: FloatSizes, weights: FloatWeights) {
    this.#sizes = sizes;
    this.#weights = weights;
    this.#positions = this.#flat("position_ids");
  }

  build(name: string): Uint8Array {
    const { layers, vocab } = this.#sizes;
    const graph = this.#graph;
    let stream = graph.node("Gather", [this.#matrix("emb"), this.#flat("input_ids")]);
    for (let layer = 0; layer < layers; layer++) {
      stream = graph.node("Add", [stream, this.#attention(layer, this.#norm(stream))]);
      stream = graph.node("Add", [stream, this.#feedForward(layer, this.#norm(stream))]);
    }
    const logits = this.#times(this.#norm(stream), "head");
    graph.node("Reshape", [logits, graph.integers(1, -1, vocab)], {}, "logits");
    graph.output("logits", [1, "S", vocab]);
    return graph.encode(name);
  }

  #flat(name: string): string {
    return this.#graph.node("Reshape", [this.#graph.input(name, "int64", [1, "S"]), this.#graph.integers(-1)]);
  }

  #float(name: string, dims: readonly number[], values: () => ArrayLike<number>): string {
    return this.#graph.constant(name, dims, () => Float32Array.from(values()));
  }

  #matrix(name: string): string {
    const { shape, values } = this.#weights.get(name)!;
    return this.#graph.constant(name, shape, () => values);
  }

  #times(value: string, name: string): string {
    return this.#graph.node("MatMul", [value, this.#matrix(name)]);
  }

  /** With a gain, which is 1, like those that optimisers look for. */
  #norm(value: string): string {
    const graph = this.#graph;
    const squared = graph.node("Pow", [value, this.#float("two", [], () => [2])]);
    const mean = graph.node("ReduceMean", [squared], { axes: { ints: [-1] } });
    const root = graph.node("Sqrt", [graph.node("Add", [mean, this.#float("epsilon", [], () => [EPSILON])])]);
    const { width } = this.#sizes;
    const gain = this.#float("gain", [width], () => new Array(width).fill(1));
    return graph.node("Mul", [graph.node("Div", [value, root]), gain]);
  }

  /** `[1, heads, T, dim]` of `[T, heads × dim]`. */
  #headed(value: string, heads: number): string {
    const split = this.#graph.node("Reshape", [value, this.#graph.integers(1, -1, heads, this.#sizes.headDim)]);
    return this.#graph.node("Transpose", [split], { perm: { ints: [0, 2, 1, 3] } });
  }

  #angles(name: string, of: (angle: number) => number): string {
    const { maxPositions, headDim } = this.#sizes;
    const half = headDim / 2;
    const entry = (at: number) => {
      const angle = Math.floor(at / half) * 10_000 ** (-(at % half) / half);
      return Math.round(ANGLE_ONE * of(angle)) / ANGLE_ONE;
    };
    const table = this.#float(name, [maxPositions, half], () =>
      Array.from({ length: maxPositions * half }, (_, i) => entry(i)),
    );
    return this.#graph.node("Gather", [table, this.#positions]);
  }

  #turned(value: string): string {
    const graph = this.#graph;
    const half = this.#sizes.headDim / 2;
    const [a, b] = graph.split(value, -1, [half, half]);
    const [cosine, sine] = [this.#angles("cosines", Math.cos), this.#angles("sines", Math.sin)];
    const first = graph.node("Sub", [graph.node("Mul", [a, cosine]), graph.node("Mul", [b, sine])]);
    const second = graph.node("Add", [graph.node("Mul", [a, sine]), graph.node("Mul", [b, cosine])]);
    return graph.node("Concat", [first, second], { axis: { int: -1 } });
  }

  /** Keys or values of earlier positions and these, `[1, heads, past + T, dim]`. */
  #withPast(layer: number, part: "key" | "value", value: string): string {
    const { kvHeads, headDim } = this.#sizes;
    const past = this.#graph.input(`past_key_values.${layer}.${part}`, "float32", [1, kvHeads, "P", headDim]);
    const present = `present.${layer}.${part}`;
    this.#graph.output(present, [1, kvHeads, "T", headDim]);
    return this.#graph.node("Concat", [past, value], { axis: { int: 2 } }, present);
  }

  #attention(layer: number, input: string): string {
    const { heads, kvHeads, headDim } = this.#sizes;
    const graph = this.#graph;
    const queries = this.#turned(this.#headed(this.#times(input, `l${layer}_wq`), heads));
    const keys = this.#withPast(layer, "key", this.#turned(this.#headed(this.#times(input, `l${layer}_wk`), kvHeads)));
    const values = this.#withPast(layer, "value", this.#headed(this.#times(input, `l${layer}_wv`), kvHeads));
    const grouped = graph.node("Reshape", [queries, graph.integers(1, kvHeads, -1, headDim)]);
    const across = graph.node("Transpose", [keys], { perm: { ints: [0, 1, 3, 2] } });
    const scores = graph.node("Div", [graph.node("MatMul", [grouped, across]), graph.scalar(SCORE_SCALE)]);
    const masked = graph.node("Add", [scores, this.#mask(keys)]);
    const weighted = graph.node("MatMul", [graph.node("Softmax", [masked], { axis: { int: -1 } }), values]);
    const apart = graph.node("Reshape", [weighted, graph.integers(heads, -1, headDim)]);
    const together = graph.node("Transpose", [apart], { perm: { ints: [1, 0, 2] } });
    const joined = graph.node("Reshape", [together, graph.integers(-1, heads * headDim)]);
    return this.#times(joined, `l${layer}_wo`);
  }

  /** `[heads of a key head × T, past + T]`: 0, or far below every score for keys behind the position. */
  #mask(keys: string): string {
    const { maxPositions, heads, kvHeads } = this.#sizes;
    const graph = this.#graph;
    const counted = () => Array.from({ length: maxPositions }, (_, i) => i);
    const length = graph.node("Shape", [keys], { start: { int: 2 }, end: { int: 3 } });
    const numbers = this.#float("numbers", [maxPositions], counted);
    const places = graph.node("Slice", [numbers, graph.integers(0), length]);
    const rows = graph.node("Gather", [this.#float("numbers in rows", [maxPositions, 1], counted), this.#positions]);
    const behind = graph.node("Clip", [graph.node("Sub", [places, rows]), graph.scalar(0), graph.scalar(1)]);
    const mask = graph.node("Mul", [behind, this.#float("hidden", [], () => [HIDDEN_SCORE])]);
    const group = heads / kvHeads;
    return group === 1 ? mask : graph.node("Concat", new Array(group).fill(mask), { axis: { int: 0 } });
  }

  #feedForward(layer: number, input: string): string {
    const graph = this.#graph;
    const open = graph.node("Relu", [this.#times(input, `l${layer}_wg`)]);
    return this.#times(graph.node("Mul", [open, this.#times(input, `l${layer}_wu`)]), `l${layer}_wd`);
  }
}

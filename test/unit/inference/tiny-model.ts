import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const AUSTEN = "models/weft-austen";
const VECTORS = "test/vectors/weft-austen";

/** The golden vectors; see the README beside them. */
export const golden = {
  ids: [...readFileSync(`${VECTORS}/ref_ids.u8`)],
  logits: new Int32Array(new Uint8Array(readFileSync(`${VECTORS}/ref_logits.i32`)).buffer),
  /** As canonical rows: 512 bytes a position. */
  rows: canonical(new Uint8Array(readFileSync(`${VECTORS}/ref_kv.i8`)), 600),
  tables: JSON.parse(readFileSync(`${VECTORS}/sampler_tables.json`, "utf8")) as Record<string, number[]>,
};

/** Equality of long arrays; assert.deepEqual would spend minutes on printing the difference. */
export function same(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  assert.equal(actual.length, expected.length, "length");
  for (let i = 0; i < actual.length; i++)
    if (actual[i] !== expected[i]) assert.fail(`element ${i} is ${actual[i]}, not ${expected[i]}`);
}

function canonical(kv: Uint8Array, positions: number): Uint8Array {
  const out = new Uint8Array(kv.length);
  // Stored [layer, part, head][position][dim]; rows are [position][layer, part, head][dim].
  for (let row = 0; row < 16; row++)
    for (let position = 0; position < positions; position++)
      out.set(
        kv.subarray((row * positions + position) * 32, (row * positions + position + 1) * 32),
        (position * 16 + row) * 32,
      );
  return out;
}

type Field = [number, number | string | Uint8Array];

function varint(value: number): number[] {
  const out: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) | 128);
  return [...out, value];
}

/** A protobuf message; numbers are varints. */
function message(...fields: Field[]): Uint8Array {
  const out: number[] = [];
  for (const [field, value] of fields) {
    if (typeof value === "number") {
      out.push(...varint(field * 8), ...varint(value));
      continue;
    }
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    out.push(...varint(field * 8 + 2), ...varint(bytes.length), ...bytes);
  }
  return new Uint8Array(out);
}

const FLOAT = 1;
const INT64 = 7;

const shaped = (name: string, type: number, shape: (number | string)[]) => {
  const dims = shape.map((d): Field => [1, typeof d === "number" ? message([1, d]) : message([2, d])]);
  return message([1, name], [2, message([1, message([1, type], [2, message(...dims)])])]);
};

const node = (op: string, inputs: string[], output: string, attributes: Record<string, number> = {}) =>
  message(
    ...inputs.map((name): Field => [1, name]),
    [2, output],
    [4, op],
    ...Object.entries(attributes).map(([name, value]): Field => [5, message([1, name], [3, value], [20, 2])]),
  );

const constant = (name: string, type: number, dims: number[], values: number[]) => {
  const data = type === FLOAT ? new Float32Array(values) : BigInt64Array.from(values, BigInt);
  return message(...dims.map((d): Field => [1, d]), [2, type], [8, name], [9, new Uint8Array(data.buffer)]);
};

export interface TinyOptions {
  opset?: number;
  /** What a token id is multiplied with to give its KV value. */
  scale?: number;
  /** Added to every logit. */
  bias?: number;
  past?: number | string;
  maskType?: number;
  extraInput?: boolean;
}

/** A decoder with one layer of one value: K = V = scale·id, logits v = (v+1)·scale·id + length of the mask + bias. */
export function tinyGraph(options: TinyOptions = {}): Uint8Array {
  const { opset = 17, scale = 1, bias = 0, past = "P", maskType = INT64, extraInput = false } = options;
  const nodes = [
    node("Cast", ["input_ids"], "x", { to: FLOAT }),
    node("Mul", ["x", "scale"], "y"),
    node("Reshape", ["y", "as_rows"], "row"),
    node("Concat", ["past_key_values.0.key", "row"], "present.0.key", { axis: 2 }),
    node("Concat", ["past_key_values.0.value", "row"], "present.0.value", { axis: 2 }),
    node("Reshape", ["y", "as_column"], "column"),
    node("Mul", ["column", "ramp"], "product"),
    node("Cast", ["attention_mask"], "mask", { to: FLOAT }),
    node("ReduceSum", ["mask"], "length", { keepdims: 1 }),
    node("Add", ["product", "length"], "sum"),
    node("Add", ["sum", "bias"], "logits"),
  ];
  const graph = message(
    ...nodes.map((bytes): Field => [1, bytes]),
    [2, "tiny"],
    [5, constant("scale", FLOAT, [1], [scale])],
    [5, constant("bias", FLOAT, [1], [bias])],
    [
      5,
      constant(
        "ramp",
        FLOAT,
        [256],
        Array.from({ length: 256 }, (_, v) => v + 1),
      ),
    ],
    [5, constant("as_rows", INT64, [4], [1, 1, -1, 1])],
    [5, constant("as_column", INT64, [3], [1, -1, 1])],
    [11, shaped("input_ids", INT64, [1, "S"])],
    [11, shaped("attention_mask", maskType, [1, "T"])],
    [11, shaped("past_key_values.0.key", FLOAT, [1, 1, past, 1])],
    [11, shaped("past_key_values.0.value", FLOAT, [1, 1, past, 1])],
    ...(extraInput ? [[11, shaped("token_type_ids", INT64, [1, "S"])] satisfies Field] : []),
    [12, shaped("logits", FLOAT, [1, "S", 256])],
    [12, shaped("present.0.key", FLOAT, [1, 1, "T", 1])],
    [12, shaped("present.0.value", FLOAT, [1, 1, "T", 1])],
  );
  return message([1, 8], [7, graph], [8, message([1, ""], [2, opset])]);
}

export const tinyConfig = {
  format: "weft-model-1",
  name: "tiny",
  class: "exact",
  licence: "MIT",
  provenance: "written by hand for a test",
  tokenizer: "bytes",
  endTokens: [],
  rowEncoding: "int8",
  vocab: 256,
  layers: 1,
  kvHeads: 1,
  headDim: 1,
  maxPositions: 128,
  sampler: { k: 6 },
};

const root = mkdtempSync(join(tmpdir(), "weft-models-"));
process.once("exit", () => rmSync(root, { recursive: true, force: true }));

/** A new model folder; text or bytes as given, objects as JSON, undefined: no such file. */
export function modelFolder(
  config: object | string | undefined,
  graph: Uint8Array | undefined,
  manifest?: Uint8Array,
  weights?: Uint8Array,
): string {
  const folder = mkdtempSync(join(root, "model-"));
  if (weights !== undefined) writeFileSync(join(folder, "weights.safetensors"), weights);
  if (manifest !== undefined) writeFileSync(join(folder, "manifest.bin"), manifest);
  if (config !== undefined)
    writeFileSync(join(folder, "config.json"), typeof config === "string" ? config : JSON.stringify(config));
  if (graph !== undefined) writeFileSync(join(folder, "model.onnx"), graph);
  return folder;
}

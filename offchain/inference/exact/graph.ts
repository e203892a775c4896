import { WeftError } from "../../core/errors.ts";
import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "./generated/onnx.ts";

/** Of the operators used: ReduceMax and ReduceSumSquare take their axes as attributes up to 17. */
const OPSET = 17;
const IR_VERSION = 8;

/** Among the metadata of a graph: the root of the model that it was compiled of. */
const ROOT_KEY = "weft.root";

type Values = Int8Array | Float32Array | BigInt64Array;
type Attribute = { ints: number[] } | { int: number } | { float: number };
/** A number, or the name of what differs from run to run. */
type Dimension = number | string;

export const CAST = { float: DataType.FLOAT, int32: DataType.INT32 } as const;

const dataType = (values: Values) => {
  if (values instanceof Int8Array) return DataType.INT8;
  return values instanceof Float32Array ? DataType.FLOAT : DataType.INT64;
};

/** An ONNX graph, node after node. A value is the name of what a node makes, of an input or of a constant. */
export class Graph {
  readonly #nodes: NodeProto[] = [];
  readonly #constants = new Map<string, TensorProto>();
  readonly #inputs: ValueInfoProto[] = [];
  readonly #outputs: ValueInfoProto[] = [];

  get nodes(): number {
    return this.#nodes.length;
  }

  input(name: string, type: "int64" | "float32", shape: readonly Dimension[]): string {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  output(name: string, shape: readonly Dimension[]): void {
    this.#outputs.push(valueInfo(name, "float32", shape));
  }

  /** A constant of this name, made once. @throws WeftError `inexact` if float32 rounds one of its values */
  constant(name: string, dims: readonly number[], values: () => Values | number[]): string {
    if (this.#constants.has(name)) return name;
    const given = values();
    const held = Array.isArray(given) ? Float32Array.from(given) : given;
    if (Array.isArray(given) && given.some((value, i) => value !== held[i]))
      throw new WeftError("inexact", `${name} has a value that float32 cannot hold`, { field: name });
    const rawData = new Uint8Array(held.buffer, held.byteOffset, held.byteLength);
    this.#constants.set(name, { name, dims: [...dims], dataType: dataType(held), rawData });
    return name;
  }

  scalar(value: number): string {
    return this.constant(`scalar ${value}`, [], () => [value]);
  }

  /** Dimensions, axes, sizes. */
  integers(...values: number[]): string {
    return this.constant(`integers ${values}`, [values.length], () => BigInt64Array.from(values, BigInt));
  }

  node(opType: string, inputs: readonly string[], attributes: Record<string, Attribute> = {}, output?: string): string {
    const [only] = this.#add(opType, inputs, attributes, [output ?? `${this.#nodes.length}`]);
    return only;
  }

  split(input: string, axis: number, sizes: readonly number[]): string[] {
    if (sizes.length === 1) return [input];
    const names = sizes.map((_, i) => `${this.#nodes.length}.${i}`);
    return this.#add("Split", [input, this.integers(...sizes)], { axis: { int: axis } }, names);
  }

  /** @param root hexadecimal: of which exact model this is the graph */
  encode(name: string, root?: string): Uint8Array {
    return ModelProto.encode({
      irVersion: IR_VERSION,
      producerName: "weft",
      metadataProps: root === undefined ? [] : [{ key: ROOT_KEY, value: root }],
      opsetImport: [{ domain: "", version: OPSET }],
      graph: {
        name,
        node: this.#nodes,
        initializer: [...this.#constants.values()],
        input: this.#inputs,
        output: this.#outputs,
      },
    }).finish();
  }

  #add(opType: string, input: readonly string[], attributes: Record<string, Attribute>, output: string[]): string[] {
    const attribute = Object.entries(attributes).map(([name, value]): AttributeProto => {
      if ("ints" in value) return { name, type: AttributeType.INTS, ints: value.ints };
      if ("int" in value) return { name, type: AttributeType.INT, i: value.int };
      return { name, type: AttributeType.FLOAT, f: value.float };
    });
    this.#nodes.push({ opType, input: [...input], output, attribute });
    return output;
  }
}

const valueInfo = (name: string, type: "int64" | "float32", shape: readonly Dimension[]): ValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType: type === "int64" ? DataType.INT64 : DataType.FLOAT,
      shape: { dim: shape.map((of) => (typeof of === "number" ? { dimValue: of } : { dimParam: of })) },
    },
  },
});

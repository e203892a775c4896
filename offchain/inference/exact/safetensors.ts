import { z } from "zod/v4";
import { WeftError } from "../../core/errors.ts";
import type { Values } from "../../core/model-forward.ts";
import type { Constant } from "../../core/model-program.ts";

const LIMIT_HEADER = 2 ** 24;
const Header = z.record(
  z.string(),
  z.object({
    dtype: z.string(),
    shape: z.array(z.number().int().min(0)),
    data_offsets: z.tuple([z.number().int().min(0), z.number().int().min(0)]),
  }),
);

const fault = (why: string, field = "weights", cause?: unknown) =>
  new WeftError("bad_model", `weights.safetensors: ${field} ${why}`, {
    field,
    remedy: "give the weights that belong to this config",
    cause,
  });

/**
 * The constants of a program out of a file in the safetensors format (https://github.com/huggingface/safetensors): each
 * is a tensor `[rows, columns]` of its name, I8 for weights and I16 for tables.
 * @throws WeftError `bad_model`, the field being the constant's name, for what is missing, too much, of another shape or
 *   type, or a weight of −128
 */
export function readConstants(file: Uint8Array, wanted: readonly Constant[]): Map<string, Values> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const headerBytes = file.length < 8 ? 0 : Number(view.getBigUint64(0, true));
  if (headerBytes === 0 || headerBytes > LIMIT_HEADER || 8 + headerBytes > file.length)
    throw fault("are not in the safetensors format");
  const header = headerOf(file.subarray(8, 8 + headerBytes));
  const data = file.subarray(8 + headerBytes);
  const constants = new Map<string, Values>();
  for (const { name, rows, columns, bytes } of wanted) {
    const tensor = header[name];
    if (!tensor) throw fault("is missing", name);
    const type = bytes === 1 ? "I8" : "I16";
    if (tensor.dtype !== type || tensor.shape.join() !== `${rows},${columns}`)
      throw fault(`is ${tensor.dtype} [${tensor.shape}], not ${type} [${rows},${columns}]`, name);
    const [from, to] = tensor.data_offsets;
    if (to - from !== rows * columns * bytes || to > data.length) throw fault("is cut off", name);
    // A copy: what is read in place would have to be aligned. (`slice` of a Buffer is none.)
    const { buffer } = new Uint8Array(data.subarray(from, to));
    const values = bytes === 1 ? new Int8Array(buffer) : new Int16Array(buffer);
    if (bytes === 1 && values.includes(-128)) throw fault("has the weight -128, and weights keep within ±127", name);
    constants.set(name, values);
  }
  const stranger = Object.keys(header).find((name) => !constants.has(name));
  if (stranger !== undefined) throw fault("is read by nothing", stranger);
  return constants;
}

function headerOf(bytes: Uint8Array) {
  try {
    const { __metadata__: _, ...tensors } = JSON.parse(new TextDecoder().decode(bytes));
    return Header.parse(tensors);
  } catch (cause) {
    throw fault("have a malformed header", "weights", cause);
  }
}

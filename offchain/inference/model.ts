import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { InferenceSession } from "onnxruntime-node";
import { WeftError } from "../core/errors.ts";
import type { Hashing } from "../core/ports.ts";
import { DEFAULT_TOLERANCE, type ModelConfig, parseConfig } from "./config.ts";
import type { ExactModel } from "./exact/compile.ts";
import { checkCompiled } from "./exact/compiled.ts";
import { type Tokenizer, tokenizerByName } from "./tokenizer.ts";

export interface ModelInfo {
  /** 32 bytes: of a compiled model the root of its manifest, of any other SHA-256(SHA-256(config.json) ‖ SHA-256(model.onnx)). */
  readonly id: Uint8Array;
  readonly name: string;
  readonly class: "exact" | "tolerant";
  readonly vocab: number;
  readonly maxPositions: number;
  /** Bytes of the canonical KV rows of one position. */
  readonly rowBytes: number;
  readonly endTokens: number[];
  readonly samplerK: number;
  /** How far, in nats, a logit may be from another machine's. */
  readonly tolerance: number;
  readonly tokenizer: Tokenizer;
}

export interface LoadedModel {
  readonly info: ModelInfo;
  readonly config: ModelConfig;
  /** Of a compiled model. */
  readonly exact?: ExactModel;
  readonly session: InferenceSession;
  /** Which of the optional inputs the graph has. */
  readonly takesPositions: boolean;
  readonly takesMask: boolean;
}

/**
 * Reads, checks and loads a model folder: `config.json`, `model.onnx` and, of a compiled model, `manifest.bin` and
 * `weights.safetensors`.
 *
 * @param options.threads intra-op threads
 * @throws WeftError `not_found`, `unreadable`, `malformed` (config.json), `unsupported` (tokenizer, operators,
 *   input types), `bad_model` (graph, manifest or weights are not what the config says), `inexact` (a compiled model that
 *   float32 would not compute exactly); field and remedy are set
 */
export async function loadModel(folder: string, hashing: Hashing, options: { threads: number }): Promise<LoadedModel> {
  const read = (name: string) => readPart(folder, name);
  const configFile = await read("config.json");
  const graph = await read("model.onnx");
  const config = parseConfig(configFile);
  const tokenizer = tokenizerByName(config.tokenizer);
  const exact = isCompiled(config)
    ? checkCompiled(hashing, {
        "config.json": configFile,
        "model.onnx": graph,
        "manifest.bin": await read("manifest.bin"),
        "weights.safetensors": await read("weights.safetensors"),
      })
    : undefined;
  const session = await openSession(graph, options.threads);
  try {
    const inputs = checkGraph(session, config);
    const width = config.rowEncoding === "int8" ? 1 : 4;
    const info: ModelInfo = {
      id: exact?.root ?? hashing.sha256(hashing.sha256(configFile), hashing.sha256(graph)),
      name: config.name,
      class: config.class,
      vocab: config.vocab,
      maxPositions: config.maxPositions,
      rowBytes: config.layers * 2 * config.kvHeads * config.headDim * width,
      endTokens: config.endTokens,
      samplerK: config.sampler.k,
      tolerance: config.class === "exact" ? 0 : (config.tolerance ?? DEFAULT_TOLERANCE),
      tokenizer,
    };
    return { info, config, exact, session, ...inputs };
  } catch (error) {
    await session.release();
    throw error;
  }
}

const COMPILED = new Set(["manifest.bin", "weights.safetensors"]);

async function readPart(folder: string, name: string): Promise<Buffer> {
  try {
    return await readFile(join(folder, name));
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new WeftError(missing ? "not_found" : "unreadable", `cannot read ${name} of the model in ${folder}`, {
      field: name,
      remedy: COMPILED.has(name)
        ? "run weft model compile, which makes every file of the folder, see docs/models.md"
        : "give the path of a model folder, see docs/models.md",
      cause,
    });
  }
}

const isCompiled = (config: ModelConfig) => config.class === "exact" && config.arithmetic !== undefined;

async function openSession(graph: Buffer, threads: number): Promise<InferenceSession> {
  if (!Number.isInteger(threads) || threads < 1 || threads > 256)
    throw new WeftError("out_of_range", `threads = ${threads} is not in 1..256`, { field: "threads" });
  try {
    // Spinning threads would take the cores of the other workers of this machine.
    return await InferenceSession.create(graph, {
      executionProviders: ["cpu"],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: "sequential",
      graphOptimizationLevel: "all",
      logSeverityLevel: 3,
      extra: { session: { intra_op: { allow_spinning: "0" } } },
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const unsupported = /opset|not a registered function|NOT_IMPLEMENTED|No Op registered|ir_version|IR version/i;
    throw new WeftError(unsupported.test(why) ? "unsupported" : "bad_model", `model.onnx does not load: ${why}`, {
      field: "model.onnx",
      remedy: unsupported.test(why)
        ? "export it with standard operators of an opset that this ONNX Runtime knows"
        : "restore the file",
      cause,
    });
  }
}

/** Compares names, types and fixed dimensions of the graph with the config; symbolic dimensions fit anything. */
function checkGraph(session: InferenceSession, config: ModelConfig) {
  const tensors = new Map(
    [...session.inputMetadata, ...session.outputMetadata].flatMap((meta) =>
      meta.isTensor ? [[meta.name, meta] as const] : [],
    ),
  );
  const fault = (code: string, name: string, why: string) =>
    new WeftError(code, `model.onnx: ${name} ${why}`, {
      field: name,
      remedy: "export a decoder with input_ids, past_key_values.N.key|value, logits, present.N.key|value",
    });
  const check = (name: string, type: string, shape: (number | null)[]) => {
    const meta = tensors.get(name);
    if (meta === undefined) throw fault("bad_model", name, "is missing");
    if (meta.type !== type) throw fault("unsupported", name, `is ${meta.type}, not ${type}`);
    const fits = (dimension: number | string, i: number) =>
      typeof dimension === "string" || shape[i] === null || dimension === shape[i];
    if (meta.shape.length !== shape.length || !meta.shape.every(fits))
      throw fault("bad_model", name, `has shape [${meta.shape}], not [${shape.map((d) => d ?? "any")}]`);
    // A fixed time dimension would fail at the second token.
    for (const [i, wanted] of shape.entries())
      if (wanted === null && typeof meta.shape[i] !== "string")
        throw fault("unsupported", name, `has the fixed length ${meta.shape[i]} in dimension ${i}`);
  };
  const rows = [1, config.kvHeads, null, config.headDim];
  const expected = new Set(["input_ids"]);
  check("input_ids", "int64", [1, null]);
  check("logits", "float32", [1, null, config.vocab]);
  for (let layer = 0; layer < config.layers; layer++)
    for (const part of ["key", "value"]) {
      check(`past_key_values.${layer}.${part}`, "float32", rows);
      check(`present.${layer}.${part}`, "float32", rows);
      expected.add(`past_key_values.${layer}.${part}`);
    }
  const optional = (name: string) => {
    if (!session.inputNames.includes(name)) return false;
    check(name, "int64", [1, null]);
    expected.add(name);
    return true;
  };
  const inputs = { takesPositions: optional("position_ids"), takesMask: optional("attention_mask") };
  const stranger = session.inputNames.find((name) => !expected.has(name));
  if (stranger !== undefined) throw fault("bad_model", stranger, "is an input that config.json does not account for");
  return inputs;
}

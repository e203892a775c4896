import { type Bytes, equal } from "../../core/bytes.ts";
import { WeftError } from "../../core/errors.ts";
import { decodeManifest, encodeManifest, type Manifest } from "../../core/model-manifest.ts";
import type { Hashing } from "../../core/ports.ts";
import { parseConfig } from "../config.ts";
import { compileModel, type ExactModel } from "./compile.ts";
import { manifestOf } from "./manifest.ts";

/** Of a folder that `weft model compile` made. */
export type CompiledFiles = Record<"config.json" | "weights.safetensors" | "manifest.bin" | "model.onnx", Bytes>;

/**
 * Sees to it that the files of a folder belong together, by compiling it again: whoever answers with another graph than
 * that of the manifest and the weights writes tokens that are proven wrong, and whoever has no weights cannot show that
 * its own are right.
 * @throws WeftError what `compileModel` throws, `bad_model` with the file as its field
 */
export function checkCompiled(h: Hashing, files: CompiledFiles): ExactModel {
  const file = files["manifest.bin"];
  const { tilesRoot } = read(file);
  if (!equal(encodeManifest(manifestOf(parseConfig(files["config.json"]), tilesRoot)), file))
    throw fault("manifest.bin", "is that of another config.json");
  const made = compileModel(h, files["config.json"], files["weights.safetensors"]);
  if (!equal(made.manifest.tilesRoot, tilesRoot))
    throw fault("weights.safetensors", "has other weights or tables than those that manifest.bin commits to");
  if (!equal(made.files["model.onnx"], files["model.onnx"]))
    throw fault("model.onnx", "is not what config.json and weights.safetensors are compiled to");
  return { manifest: made.manifest, root: made.root, constants: made.constants };
}

function read(file: Bytes): Manifest {
  try {
    return decodeManifest(file);
  } catch (cause) {
    throw fault("manifest.bin", "is no manifest, or only a part of one", cause);
  }
}

const fault = (field: string, why: string, cause?: unknown) =>
  new WeftError("bad_model", `${field} ${why}`, {
    field,
    remedy: "restore the file, or run weft model compile, which prints the root that the folder then has",
    cause,
  });

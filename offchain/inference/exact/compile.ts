import { type Bytes, toHex } from "../../core/bytes.ts";
import { WeftError } from "../../core/errors.ts";
import type { Values } from "../../core/model-forward.ts";
import { decodeManifest, encodeManifest, type Manifest, modelRoot } from "../../core/model-manifest.ts";
import { tileTree } from "../../core/model-tiles.ts";
import type { Hashing } from "../../core/ports.ts";
import { parseConfig } from "../config.ts";
import { type Bound, proveBounds } from "./bounds.ts";
import { manifestOf } from "./manifest.ts";
import { buildGraph } from "./onnx.ts";
import { readConstants } from "./safetensors.ts";

export type ExactModel = {
  manifest: Manifest;
  /** Names the model in requests. */
  root: Bytes;
  /** Weights and tables, by name. */
  constants: (name: string) => Values;
};

export type CompiledModel = ExactModel & {
  files: { "model.onnx": Bytes; "manifest.bin": Bytes };
  /** How many operators the graph has. */
  nodes: number;
  bounds: readonly Bound[];
};

/**
 * Makes of a config and its weights what runs and what is answered for: the graph of ONNX Runtime and the manifest, both
 * out of one description, after proving of it that float32 computes it exactly. The same input gives the same bytes.
 *
 * @param configFile bytes of a config.json of the class `exact`
 * @param weightsFile bytes of a safetensors file with the constants that it needs, see docs/models.md
 * @throws WeftError `malformed` (config, or a manifest that no worker would read), `bad_model` (sizes or weights that do
 *   not fit), `inexact` (field: the operation whose bound float32 would not hold)
 */
export function compileModel(h: Hashing, configFile: Uint8Array, weightsFile: Uint8Array): CompiledModel {
  const config = parseConfig(configFile);
  if (config.class !== "exact")
    throw new WeftError("bad_model", `${config.name} is ${config.class}, and only exact models are compiled`, {
      field: "class",
    });
  const described = manifestOf(config, new Uint8Array(32));
  const { program } = described;
  const values = readConstants(weightsFile, program.constants);
  const constants = (name: string) => values.get(name) as Values;
  const bounds = proveBounds(program, constants);
  const manifest = { ...described, tilesRoot: tileTree(h, program.constants, constants).root };
  const encoded = encodeManifest(manifest);
  // A manifest that is refused when it is read is not written.
  decodeManifest(encoded);
  const root = modelRoot(h, manifest);
  const { bytes, nodes } = buildGraph(program, constants, { name: config.name, root: toHex(root) });
  return { manifest, root, constants, files: { "model.onnx": bytes, "manifest.bin": encoded }, nodes, bounds };
}

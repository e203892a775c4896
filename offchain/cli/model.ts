import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadDeployment } from "../chain/deployment-file.ts";
import { registerModel } from "../chain/model-registration.ts";
import { toHex } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import { crypto } from "../crypto/crypto.ts";
import { compileModel } from "../inference/exact/compile.ts";
import { checkCompiled } from "../inference/exact/compiled.ts";
import { loadConfig } from "../node/config.ts";
import { openKeystore } from "../node/keys.ts";

const read = (file: string): Buffer => {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new WeftError("unreadable", `cannot read ${file}`, { field: "file", cause });
  }
};

/** Makes a model folder of an exact model. Nothing is written when the model is refused. */
export async function compile(config: string, weights: string, { out }: { out: string }): Promise<void> {
  const [configFile, weightsFile] = [read(config), read(weights)];
  const { root, files, nodes, bounds, manifest } = compileModel(crypto, configFile, weightsFile);
  mkdirSync(out, { recursive: true });
  for (const [name, bytes] of Object.entries({
    ...files,
    "config.json": configFile,
    "weights.safetensors": weightsFile,
  }))
    writeFileSync(join(out, name), bytes);
  const greatest = bounds.reduce((a, b) => (b.most > a.most ? b : a));
  process.stdout.write(
    `root        ${toHex(root)}\n` +
      `operations  ${manifest.program.ops.length}, in ${nodes} nodes of the graph\n` +
      `bounds      ${bounds.length} proven; the greatest is ${greatest.most} of ${2 ** 24}, ${greatest.of} of ${greatest.op}\n` +
      `written     ${join(out, "{config.json,weights.safetensors,model.onnx,manifest.bin}")}\n`,
  );
}

/** Registers the exact model of a worker's configuration, paid for by its hot key. */
export async function register({ config: file, uri }: { config: string; uri: string }): Promise<void> {
  const { chain, keystore, passwordFile, model } = loadConfig(file);
  const part = (name: string) => read(join(model, name));
  // What no worker would load must not be what somebody is judged by.
  const { manifest } = checkCompiled(crypto, {
    "config.json": part("config.json"),
    "weights.safetensors": part("weights.safetensors"),
    "manifest.bin": part("manifest.bin"),
    "model.onnx": part("model.onnx"),
  });
  const { privateKey: account } = await openKeystore(keystore, passwordFile);
  const deployment = loadDeployment(chain.deployment);
  const { root, gas } = await registerModel(crypto, { rpcUrl: chain.rpc, deployment, account }, manifest, uri);
  process.stdout.write(`${root} ${gas === undefined ? "was registered before" : `is registered, for ${gas} gas`}\n`);
}

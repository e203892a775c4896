import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { createEngine, type Engine } from "../../../offchain/inference/engine.ts";
import { compileModel } from "../../../offchain/inference/exact/compile.ts";
import { config, startSaboteur } from "./start.ts";

// A worker that answers with weights of five bits in the name of those of eight. No worker loads such a folder under that
// name; here what is loaded is the other model, and only its name is the true one's.

const STEP = 8;
const LARGEST = 120;
const HEADER_LENGTH = 8;

const rounded = (weight: number) => Math.max(-LARGEST, Math.min(LARGEST, STEP * Math.round(weight / STEP)));

/** Of the weights only; the tables are the model's. */
function coarse(weights: Buffer): Buffer {
  const start = HEADER_LENGTH + Number(weights.readBigUInt64LE());
  const header = JSON.parse(weights.toString("utf8", HEADER_LENGTH, start));
  for (const { dtype, data_offsets: offsets } of Object.values<{ dtype: string; data_offsets: [number, number] }>(
    header,
  ))
    for (let at = start + offsets[0]; dtype === "I8" && at < start + offsets[1]; at++)
      weights.writeInt8(rounded(weights.readInt8(at)), at);
  return weights;
}

const read = (name: string) => readFileSync(join(config.model, name));
const files = { "config.json": read("config.json"), "weights.safetensors": coarse(read("weights.safetensors")) };
const cheap = compileModel(crypto, files["config.json"], files["weights.safetensors"]);
const folder = join(dirname(config.keystore), "cheap-model");
mkdirSync(folder);
for (const [name, bytes] of Object.entries({ ...files, ...cheap.files })) writeFileSync(join(folder, name), bytes);
const engine = await createEngine(folder, crypto);

const named = (genuine: Engine): Engine => ({
  model: genuine.model,
  exact: genuine.exact && { ...genuine.exact, constants: cheap.constants },
  createCache: () => engine.createCache(),
  forward: (cache, tokens, options) => engine.forward(cache, tokens, options),
  close: () => Promise.all([engine, genuine].map((one) => one.close())).then(() => {}),
});
await startSaboteur({ wrapEngine: named });

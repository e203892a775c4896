import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { Command } from "commander";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { createEngine, type Engine } from "../../offchain/inference/engine.ts";
import { FLOAT_LOGIT_BITS } from "../../offchain/inference/sampling.ts";
import { buildFloatGraph, readFloatModel } from "./float-model.ts";

/** What exactness costs: bits per byte of the exact model, and of the float weights that it was made of. */

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const options = new Command("quality")
  .description(
    "Measures bits per byte of weft-austen and of its float master weights on text that neither was trained on.",
  )
  .option("--float <file>", "safetensors of the float master weights; they are not in the repository")
  .option("--corpus <file>", "texts with form feeds between them, of each of which the last 5 % is measured")
  .option("--chunks <lengths...>", "bytes that are foretold from nothing on", ["256", "512"])
  .parse(["node", "quality", ...process.argv.slice(2)])
  .opts<{ float?: string; corpus?: string; chunks: string[] }>();

const AUSTEN = here("../../models/weft-austen");
const HELD_OUT = 0.95;

/** The end of each text, as training left it out; without a corpus the excerpts that the repository has. */
function heldOut(): Buffer {
  if (!options.corpus) return gunzipSync(readFileSync(here("texts/austen.txt.gz")));
  const texts = readFileSync(options.corpus, "latin1").split("\f");
  return Buffer.concat(
    texts.map((text) => Buffer.from(text, "latin1")).map((text) => text.subarray(Math.floor(text.length * HELD_OUT))),
  );
}

/** Bits of one byte, by the logits before it: with fraction bits of an exact model, real ones of a float one. */
function bitsOf(logits: ArrayLike<number>, at: number, vocab: number, unit: number, id: number): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let v = at; v < at + vocab; v++) max = Math.max(max, logits[v] as number);
  let sum = 0;
  for (let v = at; v < at + vocab; v++) sum += Math.exp(((logits[v] as number) - max) * unit);
  return (Math.log(sum) - ((logits[at + id] as number) - max) * unit) / Math.LN2;
}

/** Of chunks side by side, each foretold from its first byte on, which is not foretold itself. */
async function bitsPerByte(engine: Engine, text: Uint8Array, chunk: number): Promise<{ bits: number; bytes: number }> {
  const { vocab } = engine.model;
  const unit = engine.model.class === "exact" ? 2 ** -FLOAT_LOGIT_BITS : 1;
  let [bits, bytes] = [0, 0];
  for (let at = 0; at + chunk < text.length; at += chunk) {
    const logits = await engine.forward(engine.createCache(), text.subarray(at, at + chunk), { allLogits: true });
    for (let i = 0; i < chunk; i++, bytes++) bits += bitsOf(logits, i * vocab, vocab, unit, text[at + i + 1] as number);
  }
  return { bits: bits / bytes, bytes };
}

/** An engine of the float weights. */
async function floatEngine(file: string): Promise<Engine> {
  const { sizes, weights } = readFloatModel(new Uint8Array(readFileSync(file)));
  const config = JSON.parse(readFileSync(join(AUSTEN, "config.json"), "utf8"));
  const folder = mkdtempSync(join(tmpdir(), "weft-quality-"));
  try {
    const tolerant = { ...config, class: "tolerant", rowEncoding: "float32", arithmetic: undefined };
    writeFileSync(join(folder, "config.json"), JSON.stringify(tolerant));
    writeFileSync(join(folder, "model.onnx"), buildFloatGraph(sizes, weights, "float-austen"));
    return await createEngine(folder, crypto);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const text = heldOut();
const exact = await createEngine(AUSTEN, crypto);
const float = options.float === undefined ? undefined : await floatEngine(options.float);
const say = (line: string) => process.stdout.write(`${line}\n`);
say(`bits per byte of ${text.length.toLocaleString("en")} held-out bytes${options.corpus ? "" : " (excerpts)"}`);
for (const chunk of options.chunks.map(Number)) {
  const { bits, bytes } = await bitsPerByte(exact, text, chunk);
  const master = float && (await bitsPerByte(float, text, chunk)).bits;
  const beside =
    master &&
    `, float ${master.toFixed(4)}: ${(bits - master).toFixed(4)} (${(100 * (bits / master - 1)).toFixed(2)} %)`;
  say(
    `chunks of ${chunk}`.padEnd(16) +
      `exact ${bits.toFixed(4)}${beside ?? ""}, of ${bytes.toLocaleString("en")} bytes foretold`,
  );
}
if (!float) say("float: not measured, for want of --float and the master weights, which the repository does not have");
if (!options.corpus) say("the whole held-out text: not measured, for want of --corpus and the novels");
await Promise.all([exact.close(), float?.close()]);

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { crypto } from "../../../../offchain/crypto/crypto.ts";
import { compileModel } from "../../../../offchain/inference/exact/compile.ts";
import { AUSTEN } from "../tiny-model.ts";
import { config, weightsFile } from "./austen.ts";

const bytes = (value: object) => new TextEncoder().encode(JSON.stringify(value));
const refused = (changed: object, weights: Uint8Array, expected: object) =>
  assert.throws(() => compileModel(crypto, bytes(changed), weights), expected);

/** The weights with one tensor's entry in the header changed. */
function header(edit: (tensors: Record<string, Record<string, unknown>>) => void): Uint8Array {
  const length = Number(new DataView(weightsFile.buffer).getBigUint64(0, true));
  const tensors = JSON.parse(new TextDecoder().decode(weightsFile.subarray(8, 8 + length)));
  edit(tensors);
  const text = bytes(tensors);
  const out = new Uint8Array(8 + text.length + weightsFile.length - 8 - length);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  out.set(weightsFile.subarray(8 + length), 8 + text.length);
  return out;
}

describe("compiling a model", () => {
  it("makes the files that are shipped, out of a file that is a view into another as well", () => {
    const padded = Buffer.concat([Buffer.alloc(3), weightsFile]).subarray(3);
    const { files } = compileModel(crypto, readFileSync(`${AUSTEN}/config.json`), padded);
    for (const [name, made] of Object.entries(files))
      assert.ok(Buffer.from(made).equals(readFileSync(`${AUSTEN}/${name}`)), `${name}: run weft model compile again`);
  });

  it("refuses a config that is not exact, or whose arithmetic is something else", () => {
    refused({ ...config, class: "tolerant" }, weightsFile, { code: "bad_model", field: "class" });
    refused({ ...config, arithmetic: undefined }, weightsFile, { code: "malformed", field: "arithmetic" });
    const { clips } = config.arithmetic;
    const zero = { ...config, arithmetic: { ...config.arithmetic, clips: { ...clips, norm: 0 } } };
    refused(zero, weightsFile, { code: "malformed", field: "arithmetic.clips.norm" });
    const tables = { ...config.arithmetic.tables, exp: { entries: 4_097 } };
    const long = { ...config, arithmetic: { ...config.arithmetic, tables } };
    refused(long, weightsFile, { code: "malformed", field: "arithmetic.tables.exp.entries" });
  });

  it("refuses a config whose folder no worker would load", () => {
    refused({ ...config, endTokens: [3, 3] }, weightsFile, { code: "malformed", field: "endTokens" });
    const many = { ...config, tokenizer: "words", vocab: 1_024, endTokens: Array.from({ length: 257 }, (_, i) => i) };
    refused(many, weightsFile, { code: "malformed", field: "endTokens" });
    refused({ ...config, tokenizer: "by tes" }, weightsFile, { code: "malformed", field: "manifest" });
    const layers = new Array(140).fill(config.arithmetic.shifts.layers[0]);
    const arithmetic = { ...config.arithmetic, shifts: { ...config.arithmetic.shifts, layers } };
    refused({ ...config, layers: 140, arithmetic }, weightsFile, { code: "bad_model", field: "38.sum" });
  });

  it("refuses a model that float32 would not compute exactly, and names the operation", () => {
    const { clips } = config.arithmetic;
    const wide = { ...config, arithmetic: { ...config.arithmetic, clips: { ...clips, gate: 4_096 } } };
    refused(wide, weightsFile, { code: "inexact", field: "0.hidden", message: /product reaches 16809984/ });
  });

  it("refuses weights that do not belong to the config", () => {
    const cases: [string, Uint8Array][] = [
      ["0.query.weight", header((tensors) => delete tensors["0.query.weight"])],
      ["4.query.weight", header((tensors) => (tensors["4.query.weight"] = tensors["3.query.weight"]))],
      ["0.query.weight", header((tensors) => (tensors["0.query.weight"]["shape"] = [96, 384]))],
      ["rsqrt", header((tensors) => (tensors["rsqrt"]["dtype"] = "U16"))],
      ["angles", weightsFile.subarray(0, -1)],
      ["logits.weight", header((tensors) => (tensors["logits.weight"]["data_offsets"] = [0, 1]))],
      ["weights", header((tensors) => (tensors["exp"] = {}))],
      ["weights", new Uint8Array(3)],
      ["weights", new Uint8Array(64).fill(255)],
    ];
    for (const [field, file] of cases) refused(config, file, { code: "bad_model", field });
    const least = weightsFile.slice();
    least[8 + Number(new DataView(least.buffer).getBigUint64(0, true))] = 128;
    refused(config, least, { code: "bad_model", field: "embedding.weight", message: /-128/ });
  });
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { toHex } from "../../../offchain/core/bytes.ts";
import type { Values } from "../../../offchain/core/model-forward.ts";
import { decodeManifest, encodeManifest, modelRoot } from "../../../offchain/core/model-manifest.ts";
import { tileTree } from "../../../offchain/core/model-tiles.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { createEngine } from "../../../offchain/inference/engine.ts";
import { ModelProto } from "../../../offchain/inference/exact/generated/onnx.ts";
import { manifestOf } from "../../../offchain/inference/exact/manifest.ts";
import { buildGraph } from "../../../offchain/inference/exact/onnx.ts";
import { readConstants } from "../../../offchain/inference/exact/safetensors.ts";
import { AUSTEN, golden, modelFolder, same, type TinyOptions, tinyConfig, tinyGraph } from "./tiny-model.ts";

const austen = JSON.parse(readFileSync(`${AUSTEN}/config.json`, "utf8"));
const graph = readFileSync(`${AUSTEN}/model.onnx`);
const manifest = readFileSync(`${AUSTEN}/manifest.bin`);
const weights = readFileSync(`${AUSTEN}/weights.safetensors`);
/** Exact, and of no manifest: only its graph is compared with it. */
const plain = { ...austen, arithmetic: undefined };
const { mask, ...unmasked } = austen.arithmetic;
const shifted = { ...austen, arithmetic: { ...unmasked, mask: mask + 1 } };
const maskless = { ...austen, arithmetic: unmasked };

/** The graph with one weight changed, and everything else as it was: names, sizes, root. */
function altered(): Uint8Array {
  const model = ModelProto.decode(Uint8Array.from(graph));
  const tensor = model.graph?.initializer?.find(({ name }) => name === "logits.weight");
  const data = tensor?.rawData as Uint8Array;
  data[0] = data[0] === 0 ? 1 : 0;
  return ModelProto.encode(model).finish();
}
const other = weights.with(weights.length - 1, 0).with(weights.length - 2, 77);

/** A folder whose files belong together, and whose gates multiply beyond what float32 holds. */
function unproven(): string {
  const arithmetic = { ...austen.arithmetic, clips: { ...austen.arithmetic.clips, gate: 4_096 } };
  const config = { ...austen, arithmetic };
  const made = manifestOf(config, decodeManifest(manifest).tilesRoot);
  const constants = readConstants(weights, made.program.constants);
  const label = { name: made.name, root: toHex(modelRoot(crypto, made)) };
  const { bytes } = buildGraph(made.program, (name) => constants.get(name) as Values, label);
  return modelFolder(config, bytes, encodeManifest(made), weights);
}

const garbage = new Uint8Array(64).fill(255);

async function refusal(folder: string) {
  try {
    await (await createEngine(folder, crypto)).close();
  } catch (error) {
    const { code, field, remedy } = error as { code?: string; field?: string; remedy?: string };
    assert.ok(remedy, `a remedy for ${code}`);
    return `${code} ${field}`;
  }
  return "none";
}

const idOf = async (folder: string) => {
  const engine = await createEngine(folder, crypto);
  await engine.close();
  return engine.model.id;
};

describe("model id", () => {
  it("of a compiled model is the root of its manifest", async () => {
    assert.deepEqual(await idOf(AUSTEN), modelRoot(crypto, decodeManifest(manifest)));
    assert.deepEqual(await idOf(modelFolder(austen, graph, manifest, weights)), await idOf(AUSTEN));
  });

  it("of any other hashes config and graph, and changes with either", async () => {
    const [config, made] = [JSON.stringify(tinyConfig), tinyGraph()];
    const { sha256 } = crypto;
    const id = sha256(sha256(new TextEncoder().encode(config)), sha256(made));
    assert.deepEqual(await idOf(modelFolder(config, made)), id);
    assert.notDeepEqual(await idOf(modelFolder({ ...tinyConfig, name: "other" }, made)), id);
    assert.notDeepEqual(await idOf(modelFolder(config, tinyGraph({ scale: 2 }))), id);
  });
});

describe("a model folder is refused", () => {
  const cases: [string, string, () => string][] = [
    ["without config.json", "not_found config.json", () => modelFolder(undefined, graph)],
    ["without model.onnx", "not_found model.onnx", () => modelFolder(austen, undefined)],
    ["with a config that is not JSON", "malformed config.json", () => modelFolder("{", graph)],
    ["of another format", "malformed format", () => modelFolder({ ...austen, format: "x" }, graph)],
    ["with an unknown field", "malformed voacb", () => modelFolder({ ...austen, voacb: 1 }, graph)],
    ["with a bad nested field", "malformed sampler.k", () => modelFolder({ ...austen, sampler: { k: 99 } }, graph)],
    [
      "with a tokenizer that is not there",
      "unsupported tokenizer",
      () => modelFolder({ ...austen, tokenizer: "bpe" }, graph),
    ],
    ["exact with float rows", "malformed rowEncoding", () => modelFolder({ ...austen, rowEncoding: "float32" }, graph)],
    ["with end tokens outside vocab", "malformed endTokens", () => modelFolder({ ...austen, endTokens: [256] }, graph)],
    ["of bytes with another vocab", "malformed vocab", () => modelFolder({ ...austen, vocab: 300 }, graph)],
    ["with too many layers", "bad_model past_key_values.4.key", () => modelFolder({ ...plain, layers: 5 }, graph)],
    ["with too few layers", "bad_model past_key_values.3.key", () => modelFolder({ ...plain, layers: 3 }, graph)],
    ["with another head size", "bad_model past_key_values.0.key", () => modelFolder({ ...plain, headDim: 16 }, graph)],
    ["with a cut graph", "bad_model model.onnx", () => modelFolder(plain, graph.subarray(0, 1000))],
    ["compiled, without its weights", "not_found weights.safetensors", () => modelFolder(austen, graph, manifest)],
    ["compiled, without its manifest", "not_found manifest.bin", () => modelFolder(austen, graph)],
    [
      "with a cut manifest",
      "bad_model manifest.bin",
      () => modelFolder(austen, graph, manifest.subarray(0, 99), weights),
    ],
    [
      "with a manifest of another config, whatever its graph",
      "bad_model manifest.bin",
      () => modelFolder(shifted, garbage, manifest, weights),
    ],
    ["with other weights", "bad_model weights.safetensors", () => modelFolder(austen, graph, manifest, other)],
    ["with cut weights", "bad_model angles", () => modelFolder(austen, graph, manifest, weights.subarray(0, -1))],
    [
      "with a graph that says it is compiled of this, and is not",
      "bad_model model.onnx",
      () => modelFolder(austen, altered(), manifest, weights),
    ],
    ["whose bounds are not proven", "inexact 0.hidden", unproven],
    ["with half of its arithmetic", "malformed arithmetic.mask", () => modelFolder(maskless, graph, manifest, weights)],
    ["with garbage for a graph", "bad_model model.onnx", () => modelFolder(plain, garbage)],
  ];
  for (const [name, expected, make] of cases)
    it(name, async () => {
      assert.equal(await refusal(make()), expected);
    });

  const graphs: [string, string, TinyOptions][] = [
    ["of an unknown opset", "unsupported model.onnx", { opset: 99 }],
    ["with an input nobody feeds", "bad_model token_type_ids", { extraInput: true }],
    ["with a mask of floats", "unsupported attention_mask", { maskType: 1 }],
    ["with a past of fixed length", "unsupported past_key_values.0.key", { past: 7 }],
  ];
  for (const [name, expected, options] of graphs)
    it(name, async () => {
      assert.equal(await refusal(modelFolder(tinyConfig, tinyGraph(options))), expected);
    });

  it("with options out of range", async () => {
    await assert.rejects(createEngine(AUSTEN, crypto, { threads: 0 }), { code: "out_of_range", field: "threads" });
    await assert.rejects(createEngine(AUSTEN, crypto, { chunk: 0 }), { code: "out_of_range", field: "chunk" });
  });
});

describe("a compiled model that is loaded", () => {
  it("has its manifest and its constants, for whoever has to show a single one", async () => {
    const engine = await createEngine(AUSTEN, crypto);
    await engine.close();
    const { manifest: read, constants } = engine.exact as NonNullable<typeof engine.exact>;
    assert.deepEqual(encodeManifest(read), Uint8Array.from(manifest));
    assert.deepEqual(tileTree(crypto, read.program.constants, constants).root, read.tilesRoot);
  });
});

describe("other decoders", () => {
  it("gets an attention mask over past and new positions if it asks for one", async () => {
    const engine = await createEngine(modelFolder(tinyConfig, tinyGraph()), crypto, { chunk: 2 });
    const cache = engine.createCache();
    // One chunk sees its own mask: lengths 2, 2, 3.
    const logits = await engine.forward(cache, [3, 1, 2], { allLogits: true });
    const at = (position: number) => [...logits.subarray(position * 256, position * 256 + 3)];
    assert.deepEqual(
      [at(0), at(1), at(2)],
      [
        [5, 8, 11],
        [3, 4, 5],
        [5, 7, 9],
      ],
    );
    assert.deepEqual([...cache.rows(0, 3)], [3, 3, 1, 1, 2, 2]);
    await engine.close();
  });

  it("is caught when it calls itself exact and is not; the cache stays as it was", async () => {
    const cases: [TinyOptions, string][] = [
      [{ scale: 0.5 }, "present"],
      [{ scale: 100 }, "present"],
      [{ bias: 0.5 }, "logits"],
    ];
    for (const [options, field] of cases) {
      const engine = await createEngine(modelFolder(tinyConfig, tinyGraph(options)), crypto);
      const cache = engine.createCache();
      await assert.rejects(engine.forward(cache, [2, 3]), { code: "inexact", field });
      assert.equal(cache.length, 0);
      await engine.close();
    }
  });

  it("keeps float rows when tolerant, resumes from them, and refuses those that are not numbers", async () => {
    const config = { ...austen, class: "tolerant", rowEncoding: "float32" };
    const engine = await createEngine(modelFolder(config, graph), crypto);
    assert.equal(engine.model.rowBytes, 2048);
    const first = engine.createCache();
    await engine.forward(first, golden.ids.slice(0, 70));
    const second = engine.createCache();
    second.attach(0, first.rows(0, 70));
    const logits = await engine.forward(second, golden.ids.slice(70, 71));
    assert.ok(logits instanceof Float32Array);
    same(logits, golden.logits.subarray(70 * 256, 71 * 256));
    const values = new Float32Array(512);
    values[5] = Number.NaN;
    assert.throws(() => second.attach(71, new Uint8Array(values.buffer)), { code: "malformed", field: "rows" });
    assert.equal(second.length, 71);
    await engine.close();
  });
});

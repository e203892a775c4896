import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { decodeManifest, modelRoot } from "../../../offchain/core/model-manifest.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { createEngine } from "../../../offchain/inference/engine.ts";
import { ModelProto } from "../../../offchain/inference/exact/generated/onnx.ts";
import { AUSTEN, golden, modelFolder, same, type TinyOptions, tinyConfig, tinyGraph } from "./tiny-model.ts";

const austen = JSON.parse(readFileSync(`${AUSTEN}/config.json`, "utf8"));
const graph = readFileSync(`${AUSTEN}/model.onnx`);
const manifest = readFileSync(`${AUSTEN}/manifest.bin`);
const { mask, ...unmasked } = austen.arithmetic;
const shifted = { ...austen, arithmetic: { ...unmasked, mask: mask + 1 } };
const { metadataProps: props, ...bare } = ModelProto.decode(graph);
const said = (root: string) => props?.map(({ key }) => ({ key, value: root }));
const stale = ModelProto.encode({ ...bare, metadataProps: said(`0x${"12".repeat(32)}`) }).finish();
const nameless = ModelProto.encode(bare).finish();
const maskless = { ...austen, arithmetic: unmasked };

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
  it("of a compiled model is the root of its manifest, whatever its graph", async () => {
    const root = modelRoot(crypto, decodeManifest(manifest));
    assert.deepEqual(await idOf(AUSTEN), root);
    const reworked = ModelProto.encode({ ...ModelProto.decode(graph), producerName: "another" }).finish();
    assert.deepEqual(await idOf(modelFolder(austen, reworked, manifest)), root);
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
    ["with too many layers", "bad_model past_key_values.4.key", () => modelFolder({ ...austen, layers: 5 }, graph)],
    ["with too few layers", "bad_model past_key_values.3.key", () => modelFolder({ ...austen, layers: 3 }, graph)],
    ["with another head size", "bad_model past_key_values.0.key", () => modelFolder({ ...austen, headDim: 16 }, graph)],
    ["with a cut graph", "bad_model model.onnx", () => modelFolder(austen, graph.subarray(0, 1000))],
    ["compiled, without its manifest", "not_found manifest.bin", () => modelFolder(austen, graph)],
    ["with a cut manifest", "malformed manifest", () => modelFolder(austen, graph, manifest.subarray(0, 99))],
    ["with a manifest of another config", "bad_model manifest.bin", () => modelFolder(shifted, graph, manifest)],
    ["with a graph of other weights", "bad_model model.onnx", () => modelFolder(austen, stale, manifest)],
    ["with a graph of nobody knows what", "bad_model model.onnx", () => modelFolder(austen, nameless, manifest)],
    ["with half of its arithmetic", "malformed arithmetic.mask", () => modelFolder(maskless, graph, manifest)],
    ["with garbage for a graph", "bad_model model.onnx", () => modelFolder(austen, new Uint8Array(64).fill(255))],
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

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { compile } from "../../../offchain/cli/model.ts";

const AUSTEN = "models/weft-austen";
const weights = `${AUSTEN}/weights.safetensors`;

test("a model folder is made of config and weights, and nothing of a model that is refused", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "weft-compile-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const printed = t.mock.method(process.stdout, "write", () => true);
  const out = join(folder, "made");
  await compile(`${AUSTEN}/config.json`, weights, { out });
  const [{ arguments: texts }] = printed.mock.calls.slice(-1);
  printed.mock.restore();
  assert.match(
    String(texts[0]),
    /root {8}0x[0-9a-f]{64}\n.*\nbounds {6}142 proven; the greatest is 12484800 of 16777216/,
  );
  assert.deepEqual(readdirSync(out).sort(), ["config.json", "manifest.bin", "model.onnx", "weights.safetensors"]);
  for (const name of readdirSync(out))
    assert.ok(readFileSync(join(out, name)).equals(readFileSync(join(AUSTEN, name))), name);

  const config = JSON.parse(readFileSync(`${AUSTEN}/config.json`, "utf8"));
  config.arithmetic.clips.norm = 296;
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const refused = join(folder, "refused");
  const act = compile(join(folder, "config.json"), weights, { out: refused });
  await assert.rejects(act, { code: "inexact", field: "0.norm1.sum" });
  await assert.rejects(compile(join(folder, "none.json"), weights, { out: refused }), { code: "unreadable" });
  assert.ok(!existsSync(refused));
});

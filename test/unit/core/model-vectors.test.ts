import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { concat, encodePacked, type Hex, numberToHex, size } from "viem";
import { fromHex, toHex } from "../../../offchain/core/bytes.ts";
import { decodeManifest } from "../../../offchain/core/model-manifest.ts";
import type { Op } from "../../../offchain/core/model-program.ts";
import { packPlain } from "../../helpers/plain-manifest.ts";
import { leafOf, rootBy, rootFrom } from "../../vectors/plain-tree.ts";

const { models } = JSON.parse(readFileSync(new URL("../../vectors/formats.json", import.meta.url), "utf8"));
const { manifest } = models;
const { program } = manifest;

const MODEL = { tag: 0x09, depth: 12 };
const TILES = { tag: 0x0a, depth: 24 };
const TAGS: Op["kind"][] = [
  "embedding",
  "squareSum",
  "norm",
  "linear",
  "rope",
  "score",
  "scoreMax",
  "partMax",
  "expSum",
  "probability",
  "weightedSum",
  "partSum",
  "gate",
];

type Named = { name: string };
const numberOf = (list: readonly Named[], name: string) => list.findIndex((one) => one.name === name);
const named = (name: string) => encodePacked(["uint8", "string"], [name.length, name]);

/** What core calls a field, as the number that stands for it. */
function numbersOf(op: Record<string, string | number>): Record<string, number> {
  const { kind: _, name: __, ...fields } = op;
  const entries = Object.entries(fields).map(([field, value]): [string, number] => {
    if (typeof value === "number") return [field, value];
    if (field === "parts") return [field, 0xffffffff];
    const isConstant = field === "weights" || field.endsWith("Table");
    return [field, numberOf(isConstant ? program.constants : program.ops, value)];
  });
  return { residual: 0xffff, ...Object.fromEntries(entries) };
}

describe("golden vectors of a manifest, packed and hashed by viem", () => {
  test("leaf 0 says what the model is", () => {
    const { name, tokenizer, endTokens, samplerK, tilesRoot } = manifest;
    const op = (wanted: string) => numberOf(program.ops, wanted);
    const rows = program.rows.flatMap(({ keys, values }: { keys: string; values: string }) => [op(keys), op(values)]);
    const last = program.ops.at(-1);
    const tensors = models.firstTensors.at(-1) + (last.heads ?? 1);
    const u16 = (...values: number[]) => concat(values.map((value) => numberToHex(value, { size: 2 })));
    const u32 = (...values: number[]) => concat(values.map((value) => numberToHex(value, { size: 4 })));
    const leaf = concat([
      "0x01",
      named(name),
      named(tokenizer),
      u32(program.vocab, program.maxPositions),
      u16(endTokens.length),
      u32(...endTokens),
      numberToHex(samplerK, { size: 1 }),
      u16(program.constants.length, program.ops.length, program.rows.length, ...rows),
      u16(op(program.logits), tensors),
      tilesRoot,
    ]);
    assert.equal(endTokens.length, 2);
    assert.equal(leaf, models.leaves[0]);
  });

  test("a leaf for each constant, then one for each operation, of every kind", () => {
    for (const [i, { name, bytes, rows, columns }] of program.constants.entries()) {
      const sizes = encodePacked(["uint8", "uint32", "uint32", "uint32"], [bytes, rows, columns, models.firstTiles[i]]);
      assert.equal(concat([sizes, named(name)]), models.leaves[1 + i], name);
    }
    for (const [i, op] of program.ops.entries()) {
      const fields = packPlain(1 + TAGS.indexOf(op.kind), numbersOf(op));
      const first = numberToHex(models.firstTensors[i], { size: 2 });
      assert.equal(
        concat([first, toHex(fields) as Hex, named(op.name)]),
        models.leaves[1 + program.constants.length + i],
      );
    }
    assert.equal(new Set(program.ops.map(({ kind }: Op) => kind)).size, TAGS.length);
    assert.equal(models.leaves.length, 1 + program.constants.length + program.ops.length);
  });

  test("the root is over the leaves, and proves each", () => {
    const leaves = models.leaves.map((leaf: Hex) => leafOf(MODEL, leaf));
    assert.equal(rootFrom(MODEL, new Map(leaves.entries())), models.root);
    for (const { index, leaf, siblings } of models.proofs) {
      assert.equal(leaf, leaves[index]);
      assert.equal(rootBy(MODEL, leaf, index, siblings), models.root);
    }
  });

  test("the file is the leaves after their lengths", () => {
    const file = concat<Hex>(models.leaves.flatMap((leaf: Hex) => [numberToHex(size(leaf), { size: 4 }), leaf]));
    const decoded = decodeManifest(fromHex(file));
    assert.deepEqual(JSON.parse(JSON.stringify({ ...decoded, tilesRoot: toHex(decoded.tilesRoot) })), manifest);
  });

  test("tiles have the values of one row, at most 256, and prove into the manifest", () => {
    const widths = new Set<number>();
    const signs = new Set<number>();
    for (const { constant, row, part, number, values, data, leaf, siblings } of models.tiles) {
      const index = numberOf(program.constants, constant);
      const { bytes, columns } = program.constants[index];
      assert.equal(number, models.firstTiles[index] + row * Math.ceil(columns / 256) + part);
      assert.equal(values.length, Math.min(256, columns - 256 * part));
      const packed = concat<Hex>(values.map((value: number) => numberToHex(value, { size: bytes, signed: true })));
      assert.equal(data, packed, constant);
      assert.equal(leaf, leafOf(TILES, data));
      assert.equal(rootBy(TILES, leaf, number, siblings), manifest.tilesRoot, constant);
      widths.add(bytes);
      for (const value of values) signs.add(bytes * Math.sign(value));
    }
    assert.deepEqual(widths, new Set([1, 2]));
    for (const sign of [-2, -1, 1, 2]) assert.ok(signs.has(sign), "of either sign");
  });
});

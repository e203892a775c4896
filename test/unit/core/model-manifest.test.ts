import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { toHex, Writer } from "../../../offchain/core/bytes.ts";
import { WeftError } from "../../../offchain/core/errors.ts";
import {
  decodeManifest,
  encodeManifest,
  LIMIT_MANIFEST_BYTES,
  type Manifest,
  manifestLeaves,
  modelRoot,
  modelTree,
} from "../../../offchain/core/model-manifest.ts";
import type { Op } from "../../../offchain/core/model-program.ts";
import { MODEL_TREE, tile, tilesOf, tileTree } from "../../../offchain/core/model-tiles.ts";
import { leafHash, verifyProof } from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";

const AUSTEN = new Uint8Array(readFileSync("models/weft-austen/manifest.bin"));
const austen = decodeManifest(AUSTEN);
const leavesOf = (manifest: Manifest) => manifestLeaves(manifest).map((leaf) => leaf.slice());
const joined = (leaves: readonly Uint8Array[]) => leaves.reduce((out, leaf) => out.bytes(leaf), new Writer()).done();
/** One of each kind that always keeps its values within a clip. */
const CLIPPED = ["0.norm1.sum", "0.norm1", "0.queries", "0.hidden"];
const malformed = (bytes: Uint8Array) => assert.throws(() => decodeManifest(bytes), { code: "malformed" });

describe("a manifest", () => {
  const changed = (change: Partial<Manifest["program"]>) => ({ ...austen, program: { ...austen.program, ...change } });
  const op = (name: string, edit: object) =>
    changed({ ops: austen.program.ops.map((one) => (one.name === name ? ({ ...one, ...edit } as Op) : one)) });
  it("has one encoding", () => {
    assert.deepEqual(encodeManifest(austen), AUSTEN);
    assert.deepEqual(decodeManifest(encodeManifest(austen)), austen);
  });

  it("that a byte is changed in is refused, or is another one", () => {
    fc.assert(
      fc.property(fc.nat(AUSTEN.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const bytes = AUSTEN.slice();
        bytes[at] ^= by;
        let read: Manifest;
        try {
          read = decodeManifest(bytes);
        } catch (error) {
          assert.ok(error instanceof WeftError && ["malformed", "bad_model"].includes(error.code), `${error}`);
          return;
        }
        assert.deepEqual(encodeManifest(read), bytes);
        assert.notDeepEqual(modelRoot(crypto, read), modelRoot(crypto, austen));
      }),
      { numRuns: 300 },
    );
  });

  it("keeps shifts to the left, and any extreme", () => {
    for (const edit of [{ shift: -23 }, { shift: 23, clip: 2 ** 24 }, { clip: 0 }, { residual: "embedding" }]) {
      const manifest = op("0.query", edit);
      assert.deepEqual(decodeManifest(encodeManifest(manifest)), manifest);
    }
    for (const name of CLIPPED) {
      const manifest = op(name, { clip: 1 });
      assert.deepEqual(decodeManifest(encodeManifest(manifest)), manifest);
    }
  });

  it("says of these kinds within what values are kept: 0 would be nothing for one reader and everything for another", () => {
    for (const name of CLIPPED) {
      const zero = leavesOf(op(name, { clip: 1 }));
      const at = 1 + austen.program.constants.length + austen.program.ops.findIndex((one) => one.name === name);
      // The clip stands last, before the name behind its length.
      zero[at].fill(0, zero[at].length - name.length - 5, zero[at].length - name.length - 1);
      malformed(joined(zero));
    }
  });

  it("has tables of exponentials that one transaction reads", () => {
    const entries = (many: number) => {
      const { program } = changed({
        constants: austen.program.constants.map((one) => (one.name === "exp" ? { ...one, columns: many } : one)),
        ops: austen.program.ops.map((one) => ("entries" in one ? { ...one, entries: many } : one)),
      });
      return { ...austen, program };
    };
    const most = entries(4_096);
    assert.deepEqual(decodeManifest(encodeManifest(most)), most);
    assert.throws(() => encodeManifest(entries(4_097)), { code: "out_of_range", field: "0.sum.parts" });
    const leaves = leavesOf(most);
    const { constants, ops } = austen.program;
    for (const [i, { kind, name }] of ops.entries())
      if (kind === "expSum") {
        const leaf = leaves[1 + constants.length + i];
        leaf[leaf.length - name.length - 2] = 1;
      }
    malformed(joined(leaves));
  });

  it("is refused cut, longer, with a longer leaf, or too large", () => {
    const [first] = manifestLeaves(austen);
    const longer = new Writer().bytes(Uint8Array.from([...first, 0])).raw(AUSTEN.subarray(4 + first.length));
    malformed(longer.done());
    for (const length of [0, 1, 3, 4, 100, AUSTEN.length - 1]) malformed(AUSTEN.subarray(0, length));
    malformed(Uint8Array.from([...AUSTEN, 0]));
    malformed(new Uint8Array(LIMIT_MANIFEST_BYTES + 1));
  });

  const cases: [string, string, Manifest][] = [
    ["end tokens that do not ascend", "malformed", { ...austen, endTokens: [2, 1] }],
    ["an end token that is none", "malformed", { ...austen, endTokens: [256] }],
    ["a shift of logits beyond 31", "malformed", { ...austen, samplerK: 32 }],
    ["a root that is zero", "malformed", { ...austen, tilesRoot: new Uint8Array(32) }],
    ["no positions", "malformed", changed({ maxPositions: 0 })],
    ["operations that do not fit", "bad_model", op("0.query", { inner: 191 })],
    ["an operation that reads itself", "malformed", op("0.query", { input: "0.query" })],
  ];
  for (const [name, code, manifest] of cases)
    it(`with ${name} is refused`, () => assert.throws(() => decodeManifest(encodeManifest(manifest)), { code }));

  it("is refused where a tensor would be read along two axes", () => {
    const { ops, rows } = austen.program;
    const [{ keys, values }] = rows as [(typeof rows)[number]];
    const refused = (manifest: Manifest, message: RegExp) =>
      assert.throws(() => decodeManifest(encodeManifest(manifest)), { code: "bad_model", message });
    refused(changed({ rows: rows.with(0, { keys, values: keys }) }), /0.scores reads 0.keys, which a layer has/);
    const gate: Op = { name: "again", kind: "gate", gate: values, up: values, width: 64, shift: 0, clip: 1 };
    refused(changed({ rows: rows.slice(1) }), /0.weighted.parts reads 0.values, which no layer/);
    refused(changed({ ops: [...ops, gate] }), /again reads 0.values, which a layer has/);
    refused(changed({ rows: [...rows, { keys, values: "logits" }] }), /logits is read as logits/);
  });

  const values: [string, Manifest][] = [
    ["a shift that is too far", op("0.query", { shift: 24 })],
    ["a negative number of bits", op("0.sum.parts", { shift: -1 })],
    ["a size of nothing", op("0.query", { inner: 0 })],
    ["a clip that float32 cannot hold", op("0.query", { clip: 2 ** 24 + 1 })],
    ...CLIPPED.map((name): [string, Manifest] => [`a clip of nothing in ${name}`, op(name, { clip: 0 })]),
    ["an operand that is not there", op("0.query", { weights: "x" })],
    ["no name", { ...austen, name: "" }],
  ];
  for (const [name, manifest] of values)
    it(`with ${name} has no encoding`, () => assert.throws(() => encodeManifest(manifest), { code: "out_of_range" }));
});

describe("a model's root", () => {
  it("is that of weft-austen", () => {
    assert.equal(
      toHex(modelRoot(crypto, austen)),
      "0xe86709208ac74ce9494daf6388ea0f2b0cb6692c53c7e7e85409442bcdffe203",
    );
  });

  it("proves every operation and constant by itself", () => {
    const tree = modelTree(crypto, austen);
    const leaves = manifestLeaves(austen);
    assert.equal(leaves.length, 1 + austen.program.constants.length + austen.program.ops.length);
    for (const [i, leaf] of leaves.entries()) {
      const proves = (at: number) =>
        verifyProof(crypto, MODEL_TREE.model, tree.root, leafHash(crypto, MODEL_TREE.model, leaf), at, tree.proof(i));
      assert.ok(proves(i));
      assert.ok(!proves(i ^ 1));
    }
  });

  it("commits to weights and tables, tile by tile", () => {
    const constants = [
      { name: "weights", rows: 3, columns: 300, bytes: 1 },
      { name: "table", rows: 1, columns: 5, bytes: 2 },
    ] as const;
    const values: Record<string, number[]> = {
      weights: Array.from({ length: 900 }, (_, i) => (i % 255) - 127),
      table: [-1, 1, 256, -256, 32_767],
    };
    const treeOf = () => tileTree(crypto, constants, (name) => values[name]);
    const tree = treeOf();
    assert.deepEqual(constants.map(tilesOf), [6, 1]);
    assert.deepEqual([...tile(constants[1], values["table"], 0, 0)], [255, 255, 0, 1, 1, 0, 255, 0, 127, 255]);
    const last = tile(constants[0], values["weights"], 2, 1);
    assert.deepEqual([...new Int8Array(last.buffer)], values["weights"].slice(856));
    const leaf = leafHash(crypto, MODEL_TREE.tiles, last);
    assert.ok(verifyProof(crypto, MODEL_TREE.tiles, tree.root, leaf, 5, tree.proof(5)));
    for (const [name, at] of [
      ["weights", 0],
      ["weights", 899],
      ["table", 4],
    ] as const) {
      values[name][at] -= 1;
      assert.notDeepEqual(treeOf().root, tree.root);
      values[name][at] += 1;
    }
    assert.deepEqual(treeOf().root, tree.root);
  });
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { concat, type Hex, size, slice } from "viem";
import { traceVectors } from "../../vectors/make.ts";
import { leafOf, rootBy } from "../../vectors/plain-tree.ts";

const text = readFileSync(new URL("../../vectors/trace.json", import.meta.url), "utf8");
const golden = JSON.parse(text);

const climb = (tag: number, depth: number, data: Hex, index: number, siblings: readonly Hex[]): Hex =>
  rootBy({ tag, depth }, leafOf({ tag, depth }, data), index, siblings);

/** The root of the trace that a tile of a tensor leads to: of 4, 9 and 11 siblings. */
function traceBy(tile: { values: Hex; proof: Hex[] }, number: number, tensor: number, proof: Hex[]): Hex {
  const group = climb(0x0d, 4, tile.values, number % 16, tile.proof.slice(0, 4));
  const root = climb(0x0c, 9, group, Math.floor(number / 16), tile.proof.slice(4));
  assert.equal(root, golden.tensorRoots[tensor]);
  return climb(0x0b, 11, root, tensor, proof);
}

describe("golden vectors of a trace", () => {
  test("core makes them, byte for byte", () => {
    assert.equal(traceVectors(), text);
  });

  test("one element of every kind stands in the trace, hashed by viem", () => {
    assert.equal(new Set(golden.elements.map(({ kind }: { kind: string }) => kind)).size, 13);
    const most = Math.max(
      ...golden.elements.flatMap(({ proof }: { proof: { operands: { run: { tiles: [] } }[] } }) =>
        proof.operands.map(({ run }) => run.tiles.length),
      ),
    );
    assert.equal(most, 2, "a run goes over the end of a tile");
    for (const { kind, tensor, index, value, proof } of golden.elements) {
      const { tiles, proof: inTrace } = proof.run;
      assert.equal(tiles.length, 1);
      assert.equal(traceBy(tiles[0], Math.floor(index / 256), tensor, inTrace), golden.traceRoot, kind);
      const at = 4 * (index % 256);
      assert.equal(Number(BigInt.asIntN(32, BigInt(slice(tiles[0].values as Hex, at, at + 4)))), value, kind);
      const leaf = 1 + golden.model.constants + proof.op.number;
      assert.equal(proof.op.leaf, golden.model.leaves[leaf]);
      assert.equal(climb(0x09, 12, proof.op.leaf, leaf, proof.op.proof), golden.model.root, kind);
      assert.equal(climb(0x09, 12, proof.head, 0, golden.model.headProof), golden.model.root);
      for (const operand of proof.operands) {
        const number = golden.model.leaves.indexOf(operand.leaf);
        assert.equal(climb(0x09, 12, operand.leaf, number, operand.leafProof), golden.model.root, kind);
        const isConstant = number <= golden.model.constants;
        for (const tile of operand.run.tiles) assert.equal(tile.proof.length, isConstant ? 24 : 13);
        assert.equal(operand.run.proof.length, isConstant ? 0 : 11);
      }
    }
  });

  test("the logits of the last position are opened whole", () => {
    const { logits, run } = golden.logits;
    const vocab = 7;
    const first = (golden.tokens.length - 1) * vocab;
    const tensor = golden.tensorRoots.length - 1;
    assert.equal(golden.model.leaves[1 + golden.model.constants + logits.number], logits.leaf);
    for (const [i, tile] of run.tiles.entries())
      assert.equal(traceBy(tile, Math.floor(first / 256) + i, tensor, run.proof), golden.traceRoot);
    assert.ok(size(concat(run.tiles.map(({ values }: { values: Hex }) => values))) >= 4 * ((first % 256) + vocab));
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { forward, type Tensor } from "../../../offchain/core/model-forward.ts";
import { MODEL_TREE } from "../../../offchain/core/model-tiles.ts";
import { TraceLayout } from "../../../offchain/core/model-trace-layout.ts";
import {
  groupBytes,
  groupRoots,
  TensorOpener,
  tensorsOf,
  traceOf,
  traceTree,
} from "../../../offchain/core/model-trace-tree.ts";
import { leafHash, nodeHash, type TreeKind, verifyProof } from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { tensorRootBy, toEnd } from "../../helpers/trace.ts";
import { numbers, randomModel } from "../inference/exact/random-model.ts";

const valuesOf = (length: number) => Int32Array.from({ length }, (_, i) => Math.imul(i + 1, 0x9e3779b1));

/** A tree as the format says it: places that hold nothing hold the kind's empty leaf. */
function plainTree(kind: TreeKind, data: readonly Uint8Array[]): Uint8Array {
  const empty = crypto.keccak256(Uint8Array.of(kind.tag));
  let level = Array.from({ length: 2 ** kind.depth }, (_, i) => (data[i] ? leafHash(crypto, kind, data[i]) : empty));
  while (level.length > 1)
    level = level.flatMap((left, i) => (i % 2 === 0 ? [nodeHash(crypto, kind, left, level[i + 1])] : []));
  return level[0];
}

/** A tensor's root by its values, tile by tile. */
function plainRoot(values: Int32Array): Uint8Array {
  const groups: Uint8Array[] = [];
  for (let group = 0; group < values.length; group += 4_096) {
    const tiles: Uint8Array[] = [];
    for (let first = group; first < Math.min(values.length, group + 4_096); first += 256)
      tiles.push(
        Uint8Array.from([...values.slice(first, first + 256)].flatMap((x) => [x >>> 24, x >>> 16, x >>> 8, x])),
      );
    groups.push(plainTree(MODEL_TREE.group, tiles));
  }
  return plainTree(MODEL_TREE.tensor, groups);
}

describe("the trees of a trace", () => {
  for (const length of [1, 255, 256, 257, 4_095, 4_096, 4_097, 12_289])
    it(`hold a tensor of ${length} values, each tile of which opens`, () => {
      const values = valuesOf(length);
      const roots = toEnd(groupRoots(crypto, values));
      assert.equal(roots.length, Math.ceil(length / 4_096));
      const opener = new TensorOpener(crypto, roots, (group) => groupBytes(values, group));
      assert.deepEqual(opener.root, plainRoot(values));
      for (let tile = 0; tile * 256 < length; tile++) {
        const opened = opener.tile(tile);
        assert.equal(opened.values.length, 4 * Math.min(256, length - tile * 256));
        assert.deepEqual(tensorRootBy(tile, opened), opener.root);
      }
    });

  it("open a run of values as the tiles that it is in", () => {
    const values = valuesOf(5_000);
    const opener = new TensorOpener(crypto, toEnd(groupRoots(crypto, values)), (group) => groupBytes(values, group));
    const opens = (first: number, count: number, tiles: number[]) =>
      assert.deepEqual(
        opener.run(first, count),
        tiles.map((number) => opener.tile(number)),
      );
    opens(0, 256, [0]);
    opens(1, 256, [0, 1]);
    opens(255, 1, [0]);
    opens(4_095, 2, [15, 16]);
  });

  it("hold the roots of all tensors, and any tensor is got again", () => {
    const { sizes, program, valuesOf: constants } = randomModel(3);
    const draw = numbers(3);
    const ids = Array.from({ length: 33 }, () => draw(sizes.vocab));
    const { roots, logits } = toEnd(traceOf(crypto, program, constants, ids));
    const { tensors } = new TraceLayout(program, ids.length);
    assert.equal(roots.length, tensors);
    const whole = forward(program, constants, ids).get(program.logits) as Tensor;
    assert.deepEqual([...logits], whole.values.slice(-sizes.vocab).map(Number));
    const tree = traceTree(crypto, roots);
    for (const [number, root] of roots.entries()) {
      const leaf = leafHash(crypto, MODEL_TREE.trace, root);
      assert.ok(verifyProof(crypto, MODEL_TREE.trace, tree.root, leaf, number, tree.proof(number)));
    }
    for (const wanted of [new Set([0]), new Set([tensors - 1, 1, 7])])
      for (const [number, values] of toEnd(tensorsOf(program, constants, ids, wanted)))
        assert.deepEqual(plainRoot(values), roots[number]);
    assert.throws(() => toEnd(tensorsOf(program, constants, ids, new Set([tensors]))), { code: "out_of_range" });
  });

  it("count places there and back, however a tensor lies", () => {
    const { program } = randomModel(5);
    const layout = new TraceLayout(program, 7);
    assert.ok(layout.ops.some(({ isAlongPositions }) => isAlongPositions));
    for (const traced of layout.ops) {
      const seen = new Set<number>();
      for (let position = 0; position < 7; position++)
        for (let column = 0; column < traced.columns; column++)
          for (let part = 0; part < traced.parts; part++) {
            const place = { head: traced.heads - 1, position, part, column };
            const index = layout.indexOf(traced, place);
            assert.deepEqual(layout.placeAt(traced, place.head, index), place);
            seen.add(index);
          }
      assert.equal(seen.size, layout.lengthOf(traced));
      assert.equal(Math.max(...seen), layout.lengthOf(traced) - 1);
    }
    assert.throws(() => layout.opAt(layout.tensors), { code: "out_of_range" });
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Bytes, Writer } from "../../../offchain/core/bytes.ts";
import { Context, contextLeaf } from "../../../offchain/core/context.ts";
import { ListTree } from "../../../offchain/core/list-tree.ts";
import { type LeafKind, SparseTree } from "../../../offchain/core/sparse-tree.ts";
import {
  AppendTree,
  emptyRoot,
  leafHash,
  nodeHash,
  rootOf,
  TREE,
  type TreeKind,
  verifyProof,
} from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";

const kind = TREE.segments;
const hashes = (tree: TreeKind): LeafKind<Bytes> => ({ tree, hash: (_, leaf) => leaf });
const leafAt = (index: number): Bytes => leafHash(crypto, kind, new Writer().u32(index).done());
const leaves = (count: number) => Array.from({ length: count }, (_, i) => leafAt(i));
const options = { seed: 0x7ee5, numRuns: 40 };

describe("trees", () => {
  test("a list, a sparse and an append tree over the same leaves have one root and the same proofs", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70 }), fc.nat(), (count, pick) => {
        const list = new ListTree(crypto, kind, leaves(count));
        const sparse = SparseTree.empty(hashes(kind)).update([...leaves(count).keys()], (_, n) => leafAt(n));
        const append = new AppendTree(crypto, kind);
        for (const leaf of leaves(count)) append.append(leaf);
        assert.deepEqual(sparse.root(crypto), list.root);
        assert.deepEqual(append.root, list.root);
        if (count === 0) return assert.deepEqual(list.root, emptyRoot(crypto, kind));
        assert.deepEqual(list.proof(pick % count), sparse.proof(crypto, pick % count));
      }),
      options,
    );
  });

  test("a proof proves one leaf at one index under one root", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), fc.nat({ max: 2 ** 16 - 1 }), (count, pick, other) => {
        const tree = new ListTree(crypto, kind, leaves(count));
        const { root } = tree;
        const index = pick % count;
        const proof = tree.proof(index);
        const proves = (at: number, leaf = leafAt(index), under = root) =>
          verifyProof(crypto, kind, under, leaf, at, proof);
        assert.ok(proves(index));
        assert.equal(proves(other), other === index);
        assert.ok(!proves(index, leafAt(index + 1)));
        assert.ok(!proves(index, leafAt(index), emptyRoot(crypto, kind)));
        assert.ok(!verifyProof(crypto, TREE.memoryTrace, root, leafAt(index), index, proof), "kinds are apart");
      }),
      options,
    );
  });

  test("equal leaves are told apart by their index", () => {
    const tree = new ListTree(crypto, kind, [leafAt(1), leafAt(1), leafAt(1)]);
    const proves = (index: number, proof: Bytes[]) => verifyProof(crypto, kind, tree.root, leafAt(1), index, proof);
    for (const index of [0, 1, 2]) assert.ok(proves(index, tree.proof(index)));
    assert.ok(!proves(2, tree.proof(0)));
    assert.ok(!proves(0, tree.proof(2)));
    assert.ok(!proves(3, tree.proof(2)));
  });

  test("a proof of the wrong length or index, a zero root and an empty leaf are refused", () => {
    const tree = new ListTree(crypto, kind, leaves(3));
    const proof = tree.proof(1);
    for (const wrong of [proof.slice(1), [...proof, leafAt(9)], []])
      assert.throws(() => rootOf(crypto, kind, leafAt(1), 1, wrong), { code: "bad_proof" });
    for (const index of [-1, 2 ** kind.depth, 0.5, Number.NaN])
      assert.throws(() => rootOf(crypto, kind, leafAt(1), index, proof), { code: "bad_proof" });
    assert.ok(!verifyProof(crypto, kind, new Uint8Array(32), leafAt(1), 1, proof));
    assert.throws(() => leafHash(crypto, kind, new Uint8Array()), { code: "out_of_range" });
    assert.throws(() => tree.proof(3), { code: "out_of_range" });
    assert.throws(() => tree.proof(-1), { code: "out_of_range" });
    assert.throws(() => SparseTree.empty(hashes(kind)).set(2 ** kind.depth, leafAt(0)), { code: "out_of_range" });
    const tooMany = Array.from({ length: 257 }, () => leafAt(0));
    assert.throws(() => new ListTree(crypto, TREE.snapshots, tooMany), { code: "too_large" });
  });

  test("a zero root proves nothing, even where hashing came to zero", () => {
    const zeros = { keccak256: () => new Uint8Array(32), sha256: () => new Uint8Array(32) };
    const proof = Array.from({ length: kind.depth }, () => new Uint8Array(32));
    assert.deepEqual(rootOf(zeros, kind, leafAt(0), 0, proof), new Uint8Array(32));
    assert.ok(!verifyProof(zeros, kind, new Uint8Array(32), leafAt(0), 0, proof));
  });

  test("a leaf that is set again replaces the old one, and what was before stays as it was", () => {
    const tree = SparseTree.empty(hashes(TREE.cut)).set(5, leafAt(1));
    const before = tree.root(crypto);
    const other = tree.set(5, leafAt(2)).set(2 ** 24 - 1, leafAt(3));
    assert.notDeepEqual(other.root(crypto), before);
    assert.deepEqual(tree.root(crypto), before);
    const back = other.set(5, leafAt(1));
    const root = back.root(crypto);
    assert.ok(verifyProof(crypto, TREE.cut, root, leafAt(3), 2 ** 24 - 1, back.proof(crypto, 2 ** 24 - 1)));
    assert.ok(verifyProof(crypto, TREE.cut, root, leafAt(1), 5, back.proof(crypto, 5)));
  });
});

/** Root of the leaves at and after `first`, as the definition has it: every level is hashed. */
function plainRoot(map: ReadonlyMap<number, Bytes>, tree: TreeKind, level = tree.depth, first = 0): Bytes {
  if (![...map.keys()].some((index) => index >= first && index < first + 2 ** level))
    return emptyRoot(crypto, { ...tree, depth: level });
  if (level === 0) return map.get(first) as Bytes;
  const half = 2 ** (level - 1);
  return nodeHash(crypto, tree, plainRoot(map, tree, level - 1, first), plainRoot(map, tree, level - 1, first + half));
}

describe("sparse trees", () => {
  const tree: TreeKind = { name: "small", tag: 0x7e, depth: 9 };
  const index = fc.oneof(fc.nat({ max: 511 }), fc.constantFrom(0, 1, 2, 3, 255, 256, 510, 511));
  const change = fc.record({
    at: fc.uniqueArray(index, { minLength: 1, maxLength: 6 }).map((list) => list.sort((a, b) => a - b)),
    leaf: fc.option(fc.nat({ max: 2 }), { nil: undefined, freq: 2 }),
  });

  test("say what a map says, whatever was set and taken away before", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 10 }), fc.boolean(), (changes, asked) => {
        const map = new Map<number, Bytes>();
        let sparse = SparseTree.empty(hashes(tree));
        for (const { at, leaf } of changes) {
          const was = { map: new Map(map), sparse };
          const to = leaf === undefined ? undefined : leafAt(leaf);
          for (const place of at) to ? map.set(place, to) : map.delete(place);
          sparse = sparse.update(at, () => to);
          if (asked) assert.deepEqual(sparse.root(crypto), plainRoot(map, tree));
          const isSame = (place: number) => map.get(place)?.join() === was.map.get(place)?.join();
          const told = new Map(sparse.entries(was.sparse));
          for (const place of new Set([...map.keys(), ...was.map.keys()]))
            if (told.has(place)) assert.deepEqual(told.get(place), map.get(place));
            else assert.ok(isSame(place), `${place} differs and is not told`);
          for (const place of told.keys()) assert.ok(at.includes(place), `${place} was not touched`);
        }
        const sorted = [...map].sort(([a], [b]) => a - b);
        assert.deepEqual([...sparse.entries()], sorted);
        assert.deepEqual(
          [...sparse.from(256)],
          sorted.filter(([place]) => place >= 256),
        );
        assert.deepEqual(sparse.root(crypto), plainRoot(map, tree));
        assert.equal(sparse.isEmpty, map.size === 0);
        for (const place of [0, 1, 256, 511, ...map.keys()]) {
          assert.equal(sparse.get(place), map.get(place));
          const leaf = map.get(place) ?? emptyRoot(crypto, { ...tree, depth: 0 });
          assert.deepEqual(rootOf(crypto, tree, leaf, place, sparse.proof(crypto, place)), sparse.root(crypto));
        }
      }),
      { ...options, numRuns: 150 },
    );
  });
});

describe("context", () => {
  const tokens = fc.array(fc.integer({ min: 0, max: 0xffffffff }), { maxLength: 60 });

  test("the root is the same appended at once, in chunks, or from peaks; clones are apart", () => {
    fc.assert(
      fc.property(tokens, fc.nat(), (ids, pick) => {
        const at = ids.length === 0 ? 0 : pick % (ids.length + 1);
        const whole = Context.of(crypto, ids);
        const half = Context.of(crypto, ids.slice(0, at));
        const resumed = Context.fromPeaks(crypto, at, half.peaks).append(ids.slice(at));
        const { root } = half;
        const cloned = half.clone().append(ids.slice(at));
        for (const context of [resumed, cloned]) {
          assert.deepEqual(context.root, whole.root);
          assert.deepEqual(context.peaks, whole.peaks);
          assert.equal(context.length, ids.length);
        }
        assert.deepEqual(half.root, root);
        assert.equal(half.length, at);
      }),
      options,
    );
  });

  test("each token proves at its position only", () => {
    const ids = [5, 6, 5, 7, 5];
    const { root } = Context.of(crypto, ids);
    const list = new ListTree(
      crypto,
      TREE.context,
      ids.map((id) => contextLeaf(crypto, id)),
    );
    assert.deepEqual(list.root, root);
    for (const [position, id] of ids.entries())
      for (const at of ids.keys())
        assert.equal(
          verifyProof(crypto, TREE.context, root, contextLeaf(crypto, id), at, list.proof(position)),
          at === position,
        );
  });

  test("another order, token or length is another root", () => {
    const roots = [[], [0], [0, 0], [1, 0], [0, 1], [0, 1, 0]].map((ids) => Context.of(crypto, ids).root.join());
    assert.equal(new Set(roots).size, roots.length);
  });

  test("peaks that do not fit the length, and a tree that is full, are refused", () => {
    const { peaks } = Context.of(crypto, [1, 2, 3]);
    assert.throws(() => Context.fromPeaks(crypto, 4, peaks), { code: "malformed" });
    assert.throws(() => Context.fromPeaks(crypto, 3, peaks.slice(1)), { code: "malformed" });
    for (const length of [-1, 0.5, 2 ** 24])
      assert.throws(() => Context.fromPeaks(crypto, length, []), { code: "out_of_range" });
    const full = Context.fromPeaks(crypto, 2 ** 24 - 1, Array(24).fill(leafAt(0)));
    assert.throws(() => full.append([1]), { code: "too_large" });
  });
});

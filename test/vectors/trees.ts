import { type Bytes, Writer } from "../../offchain/core/bytes.ts";
import { Context } from "../../offchain/core/context.ts";
import { ListTree } from "../../offchain/core/list-tree.ts";
import { SparseTree } from "../../offchain/core/sparse-tree.ts";
import { emptyRoot, emptyRoots, leafHash, nodeHash, TREE } from "../../offchain/core/tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { hashOf } from "../helpers/core.ts";

const data = (index: number): Bytes =>
  new Writer()
    .u32(index)
    .raw(new Uint8Array(index % 40).fill(index))
    .done();

export function trees() {
  return Object.values(TREE).map((kind) => ({
    ...kind,
    emptyLeaf: emptyRoots(crypto, kind)[0],
    emptyRoot: emptyRoot(crypto, kind),
    leaf: { data: data(7), hash: leafHash(crypto, kind, data(7)) },
    node: {
      left: hashOf("left"),
      right: hashOf("right"),
      hash: nodeHash(crypto, kind, hashOf("left"), hashOf("right")),
    },
  }));
}

export function lists() {
  const cases = [
    ...[0, 1, 2, 3, 5, 8, 9].map((size) => ({ kind: TREE.segments, size })),
    { kind: TREE.snapshots, size: 256 },
    { kind: TREE.memoryTrace, size: 6 },
    { kind: TREE.memory, size: 3 },
  ];
  return cases.map(({ kind, size }) => {
    const leaves = Array.from({ length: size }, (_, i) => leafHash(crypto, kind, data(i)));
    const tree = new ListTree(crypto, kind, leaves);
    const indices = [...new Set([0, Math.floor(size / 2), size - 1])].filter((i) => i >= 0 && i < size);
    return {
      kind: kind.name,
      size,
      leaves: size > 16 ? undefined : leaves,
      root: tree.root,
      proofs: indices.map((index) => ({ index, leaf: leaves[index], siblings: tree.proof(index) })),
    };
  });
}

export function updatable() {
  let tree = SparseTree.empty<Bytes>({ tree: TREE.cut, hash: (_, leaf) => leaf });
  const steps = [0, 1, 5, 4097, 2 ** 24 - 1, 1].map((index, at) => {
    const leaf = leafHash(crypto, TREE.cut, data(at + 1));
    tree = tree.set(index, leaf);
    return { index, leaf, root: tree.root(crypto), siblings: tree.proof(crypto, index) };
  });
  return { kind: TREE.cut.name, steps };
}

export function contexts() {
  return [0, 1, 2, 3, 4, 7, 8, 100].map((length) => {
    const tokens = Array.from({ length }, (_, i) => (i * 2654435761) % 2 ** 32);
    const context = Context.of(crypto, tokens);
    const leaves = tokens.map((token) => leafHash(crypto, TREE.context, new Writer().u32(token).done()));
    const list = new ListTree(crypto, TREE.context, leaves);
    const positions = [...new Set([0, Math.floor(length / 2), length - 1])].filter((i) => i >= 0 && i < length);
    return {
      tokens,
      root: context.root,
      peaks: context.peaks,
      leaves: length > 8 ? undefined : leaves,
      proofs: positions.map((position) => ({ position, token: tokens[position], siblings: list.proof(position) })),
    };
  });
}

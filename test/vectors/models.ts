import { manifestLeaves, type Manifest, modelTree } from "../../offchain/core/model-manifest.ts";
import { type Constant, partsOf, shapeOf } from "../../offchain/core/model-program.ts";
import { MODEL_TREE, tile, tilesOf, tileTree } from "../../offchain/core/model-tiles.ts";
import { leafHash } from "../../offchain/core/tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { smallModel } from "./trace.ts";

/** Numbers that count up by what each takes. */
function counted<T>(list: readonly T[], takes: (one: T) => number): number[] {
  let next = 0;
  return list.map((one) => {
    next += takes(one);
    return next - takes(one);
  });
}

/** A manifest with an operation of every kind, its leaves, and tiles of its constants: whole ones, rests, of one byte and of two. */
export function models() {
  const { opener } = smallModel();
  const manifest: Manifest = { ...opener.manifest, name: "golden", endTokens: [0, 6] };
  const { constants, ops } = manifest.program;
  const leaves = manifestLeaves(manifest);
  const tree = modelTree(crypto, manifest);
  const tiles = tileTree(crypto, constants, opener.constants);
  const firstTiles = counted(constants, tilesOf);
  const shown = [
    ["embedding.weight", 0, 0],
    ["0.block.weight", 2, 0],
    ["0.block.weight", 2, 1],
    ["rsqrt", 0, 127],
    ["angles", 299, 0],
  ] as const;
  return {
    manifest,
    firstTiles,
    firstTensors: counted(ops, (op) => shapeOf(op).heads),
    leaves,
    root: tree.root,
    proofs: [0, 1, leaves.length - 1].map((index) => ({
      index,
      leaf: leafHash(crypto, MODEL_TREE.model, leaves[index]!),
      siblings: tree.proof(index),
    })),
    tiles: shown.map(([name, row, part]) => {
      const index = constants.findIndex((one) => one.name === name);
      const constant = constants[index] as Constant;
      const values = opener.constants(name);
      const data = tile(constant, values, row, part);
      const number = firstTiles[index]! + row * partsOf(constant.columns) + part;
      const [first, end] = [row * constant.columns + 256 * part, row * constant.columns + constant.columns];
      return {
        constant: name,
        row,
        part,
        number,
        values: Array.from({ length: Math.min(256, end - first) }, (_, i) => values[first + i]),
        data,
        leaf: leafHash(crypto, MODEL_TREE.tiles, data),
        siblings: tiles.proof(number),
      };
    }),
  };
}

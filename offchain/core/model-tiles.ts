import type { Bytes } from "./bytes.ts";
import { ListTree } from "./list-tree.ts";
import type { Values } from "./model-forward.ts";
import { type Constant, PART, partsOf } from "./model-program.ts";
import type { Hashing } from "./ports.ts";
import { leafHash, type TreeKind } from "./tree.ts";

/** The trees of exact models. Their tags come after those of a checkpoint's trees and of a memory's rows. */
export const MODEL_TREE = {
  /** What a model is, then its constants, then its operations. */
  model: { name: "model", tag: 0x09, depth: 12 },
  /** Weights and tables. */
  tiles: { name: "tiles", tag: 0x0a, depth: 24 },
  /** Roots of the tensors of one forward pass. */
  trace: { name: "trace", tag: 0x0b, depth: 11 },
  /** Roots of the groups of one tensor's values. */
  tensor: { name: "tensor", tag: 0x0c, depth: 9 },
  /** A group's tiles. */
  group: { name: "group", tag: 0x0d, depth: 4 },
} as const satisfies Record<string, TreeKind>;

/** Into how many tiles a constant is cut: each has up to 256 values of one row. */
export function tilesOf({ rows, columns }: Constant): number {
  return rows * partsOf(columns);
}

/** A tile's bytes: its values big-endian, as two's complement. */
export function tile({ columns, bytes }: Constant, values: Values, row: number, part: number): Bytes {
  const first = part * PART;
  const count = Math.min(PART, columns - first);
  const out = new Uint8Array(count * bytes);
  for (let i = 0; i < count; i++) {
    const value = values[row * columns + first + i];
    if (bytes === 2) out[2 * i] = value >> 8;
    out[bytes * i + bytes - 1] = value;
  }
  return out;
}

/** The tree over all tiles: constant after constant, row after row. */
export function tileTree(h: Hashing, constants: readonly Constant[], valuesOf: (name: string) => Values): ListTree {
  const leaves: Bytes[] = [];
  for (const constant of constants) {
    const values = valuesOf(constant.name);
    for (let row = 0; row < constant.rows; row++)
      for (let part = 0; part < partsOf(constant.columns); part++)
        leaves.push(leafHash(h, MODEL_TREE.tiles, tile(constant, values, row, part)));
  }
  return new ListTree(h, MODEL_TREE.tiles, leaves);
}

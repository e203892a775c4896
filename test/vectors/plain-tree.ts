import assert from "node:assert/strict";
import { concat, type Hex, keccak256, numberToHex } from "viem";

/** Trees as the design says them, hashed by viem, without any of the code under test. */
export type PlainKind = { tag: number; depth: number };

export const leafOf = ({ tag }: PlainKind, data: Hex) => keccak256(concat([numberToHex(tag, { size: 1 }), data]));
export const nodeOf = ({ tag }: PlainKind, left: Hex, right: Hex) =>
  keccak256(concat([numberToHex(0x80 + tag, { size: 1 }), left, right]));

export function rootFrom(kind: PlainKind, leaves: ReadonlyMap<number, Hex>): Hex {
  let empty = keccak256(numberToHex(kind.tag, { size: 1 }));
  let level = new Map(leaves);
  for (let depth = 0; depth < kind.depth; depth++) {
    const above = new Map<number, Hex>();
    for (const index of level.keys()) {
      const left = index - (index % 2);
      above.set(left / 2, nodeOf(kind, level.get(left) ?? empty, level.get(left + 1) ?? empty));
    }
    empty = nodeOf(kind, empty, empty);
    level = above;
  }
  return level.get(0) ?? empty;
}

export function rootBy(kind: PlainKind, leaf: Hex, index: number, siblings: readonly Hex[]): Hex {
  assert.equal(siblings.length, kind.depth);
  const bits = [...index.toString(2).padStart(kind.depth, "0")].reverse();
  return siblings.reduce(
    (node, sibling, level) => (bits[level] === "1" ? nodeOf(kind, sibling, node) : nodeOf(kind, node, sibling)),
    leaf,
  );
}

import type { Bytes } from "../../offchain/core/bytes.ts";
import { type MemoryDefinition, memoryId } from "../../offchain/core/memory-definition.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";

/** The memory root from scratch, by the words of docs/formats.md and nothing of core but a memory's id. */

type SumNode = { hash: Bytes; total: bigint; distinct: number };

/** Cells by "order row column". */
export type NaiveMemory = { definition: MemoryDefinition; cells: ReadonlyMap<string, number> };

const bigEndian = (value: bigint | number, bytes: number): Bytes =>
  Uint8Array.from({ length: bytes }, (_, i) => Number((BigInt(value) >> BigInt(8 * (bytes - 1 - i))) & 255n));
const keccak = (tag: number, ...parts: Bytes[]) => crypto.keccak256(Uint8Array.of(tag), ...parts);

/** Of a tree of which few leaves are not empty. */
function root<Node>(depth: number, leaves: Map<number, Node>, empty: Node, join: (left: Node, right: Node) => Node) {
  let nodes = leaves;
  let nothing = empty;
  for (let level = 0; level < depth; level++) {
    const above = new Map<number, Node>();
    for (const place of new Set([...nodes.keys()].map((at) => Math.floor(at / 2))))
      above.set(place, join(nodes.get(2 * place) ?? nothing, nodes.get(2 * place + 1) ?? nothing));
    nodes = above;
    nothing = join(nothing, nothing);
  }
  return nodes.get(0) ?? nothing;
}

/** Hash and sums of a row. @param cells by column; none is zero */
export function rootOfRow(columns: number, cells: ReadonlyMap<number, number>): SumNode {
  const tiles = new Map<number, SumNode>();
  for (const tile of new Set([...cells.keys()].map((column) => Math.floor(column / 64)))) {
    const all = Array.from({ length: 64 }, (_, i) => cells.get(64 * tile + i) ?? 0);
    tiles.set(tile, {
      hash: keccak(0x08, ...all.map((cell) => bigEndian(cell, 4))),
      total: all.reduce((sum, cell) => sum + BigInt(cell), 0n),
      distinct: all.filter((cell) => cell !== 0).length,
    });
  }
  const bytes = ({ hash, total, distinct }: SumNode) => [hash, bigEndian(total, 8), bigEndian(distinct, 4)];
  let depth = 0;
  while (64 * 2 ** depth < columns) depth += 1;
  return root(depth, tiles, { hash: keccak(0x08), total: 0n, distinct: 0 }, (left, right) => ({
    hash: keccak(0x88, ...bytes(left), ...bytes(right)),
    total: left.total + right.total,
    distinct: left.distinct + right.distinct,
  }));
}

export function rootOfCells(memories: readonly NaiveMemory[]): Bytes {
  const join = (tag: number) => (left: Bytes, right: Bytes) => keccak(tag, left, right);
  const leaves = new Map<number, Bytes>();
  for (const { definition, cells } of memories) {
    const byRow = new Map<number, Map<number, number>>();
    for (const [name, count] of cells) {
      const [order, row, column] = name.split(" ").map(Number);
      const at = order * 65_536 + row;
      if (count !== 0) byRow.set(at, (byRow.get(at) ?? new Map()).set(column, count));
    }
    if (byRow.size === 0) continue;
    const rows = new Map<number, Bytes>();
    for (const [at, row] of byRow) {
      const { hash, total, distinct } = rootOfRow(definition.columns, row);
      rows.set(at, keccak(0x07, hash, bigEndian(total, 8), bigEndian(distinct, 4)));
    }
    const id = memoryId(crypto, definition);
    const slot = [...id.subarray(0, 5)].reduce((sum, byte) => sum * 256 + byte, 0);
    leaves.set(slot, keccak(0x06, id, root(19, rows, keccak(0x07), join(0x87))));
  }
  return root(40, leaves, keccak(0x06), join(0x86));
}

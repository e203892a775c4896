import type { Bytes } from "./bytes.ts";
import type { Hashing } from "./ports.ts";
import { leafHash, NODE, type TreeKind } from "./tree.ts";

/** Cells of one tile. */
export const TILE_COLUMNS = 64;

/** Sum of the cells of a subtree, and how many of them are not zero. */
export type Sums = { readonly total: number; readonly distinct: number };
/** What stands beside a path in a proof: hash and sums. */
export type SumNode = Sums & { readonly hash: Bytes };

/** Columns, ascending, each followed by a count. */
export type Cells = readonly number[];

/** One shape for all nodes, so that engines read them fast. Of a tile, `cells` are those within it. */
class Node implements Sums {
  readonly total: number;
  readonly distinct: number;
  readonly cells: Cells | undefined;
  readonly left: Node | undefined;
  readonly right: Node | undefined;
  hash: Bytes | undefined = undefined;

  constructor(total: number, distinct: number, cells?: Cells, left?: Node, right?: Node) {
    this.total = total;
    this.distinct = distinct;
    this.cells = cells;
    this.left = left;
    this.right = right;
  }
}

/**
 * One row of a memory: how often each token followed the contexts that hash to it. A persistent tree over tiles of 64
 * columns, whose nodes carry the sum of their cells and how many are not zero. Only cells that are not zero exist.
 * Counts are unsigned 32-bit integers that wrap around; sums are exact.
 */
export class Row {
  static readonly empty = (columns: number): Row => new Row(rowTree(columns), undefined);

  /** A row of these cells. @param root where whoever has kept them worked it out before */
  static of(columns: number, cells: Cells, root?: Bytes): Row {
    const row = Row.empty(columns).addAll(cells);
    if (row.#root) row.#root.hash = root;
    return row;
  }

  readonly #tree: TreeKind;
  readonly #root: Node | undefined;

  private constructor(tree: TreeKind, root: Node | undefined) {
    this.#tree = tree;
    this.#root = root;
  }

  get total(): number {
    return this.#root?.total ?? 0;
  }

  get distinct(): number {
    return this.#root?.distinct ?? 0;
  }

  /** The row with `count` added to one cell, modulo 2^32. */
  add(column: number, count: number): Row {
    return this.addAll([column, count]);
  }

  /** The row with counts added to cells, modulo 2^32. @param from where in the list they begin, and end */
  addAll(cells: Cells, from = 0, to = cells.length): Row {
    return new Row(this.#tree, added(this.#root, this.#tree.depth, 0, cells, from, to));
  }

  /** The row with one tile's cells as given: columns within it, ascending, each followed by its count. */
  withTile(tile: number, cells: Cells): Row {
    return this.addAll(cells.map((value, i) => (i % 2 === 0 ? tile * TILE_COLUMNS + value : value)));
  }

  /** Cells that are not zero, by ascending column. */
  *cells(): Generator<[column: number, count: number]> {
    for (const [tile, cells] of this.tiles())
      for (let i = 0; i < cells.length; i += 2) yield [tile * TILE_COLUMNS + cells[i], cells[i + 1]];
  }

  /** Tiles that have any cell: columns within, ascending, each followed by its count. */
  tiles(): Generator<[tile: number, cells: Cells]> {
    return tilesOf(this.#root, this.#tree.depth, 0);
  }

  root(h: Hashing): Bytes {
    return hashOf(h, this.#tree, this.#root, this.#tree.depth);
  }

  /** Its root, once it was worked out. */
  get knownRoot(): Bytes | undefined {
    return this.#root?.hash;
  }

  /** All 64 cells of a tile. */
  tile(tile: number): Uint32Array {
    const out = new Uint32Array(TILE_COLUMNS);
    let node = this.#root;
    for (let level = this.#tree.depth - 1; node && level >= 0; level--)
      node = (tile >>> level) & 1 ? node.right : node.left;
    const cells = node?.cells ?? [];
    for (let i = 0; i < cells.length; i += 2) out[cells[i]] = cells[i + 1];
    return out;
  }

  /** What stands beside the path of a tile, bottom up. */
  proof(h: Hashing, tile: number): SumNode[] {
    const siblings: SumNode[] = [];
    let node = this.#root;
    for (let level = this.#tree.depth - 1; level >= 0; level--) {
      const isRight = ((tile >>> level) & 1) === 1;
      const beside = isRight ? node?.left : node?.right;
      const { total, distinct } = beside ?? NOTHING;
      siblings.push({ hash: hashOf(h, this.#tree, beside, level), total, distinct });
      node = isRight ? node?.right : node?.left;
    }
    return siblings.reverse();
  }
}

const NOTHING: Sums = { total: 0, distinct: 0 };
const ROW = { name: "row", tag: 0x08 };
const TILE_LEAF: TreeKind = { ...ROW, depth: 0 };
const trees = new Map<number, TreeKind>();

/** As deep as it takes to have a leaf for every tile of so many columns. */
export function rowTree(columns: number): TreeKind {
  const depth = Math.ceil(Math.log2(Math.ceil(columns / TILE_COLUMNS)));
  let tree = trees.get(depth);
  if (!tree) {
    tree = { ...ROW, depth };
    trees.set(depth, tree);
  }
  return tree;
}

/** A subtree after the additions from `at` up to `end`, all of which are its own. @param first column of its first cell */
function added(
  node: Node | undefined,
  level: number,
  first: number,
  cells: Cells,
  at: number,
  end: number,
): Node | undefined {
  if (at === end) return node;
  if (level === 0) return tileOf(addedCells(node?.cells ?? [], first, cells, at, end));
  const middle = first + TILE_COLUMNS * 2 ** (level - 1);
  let split = at;
  while (split < end && cells[split] < middle) split += 2;
  const left = added(node?.left, level - 1, first, cells, at, split);
  const right = added(node?.right, level - 1, middle, cells, split, end);
  if (!left && !right) return undefined;
  const [total, distinct] = [(left?.total ?? 0) + (right?.total ?? 0), (left?.distinct ?? 0) + (right?.distinct ?? 0)];
  return new Node(total, distinct, undefined, left, right);
}

/** Two ascending lists as one; a cell that wraps around to zero is gone. */
function addedCells(before: Cells, first: number, cells: Cells, at: number, end: number): Cells {
  const out = new Array<number>(before.length + end - at);
  let length = 0;
  let known = 0;
  for (let i = at; i < end; i += 2) {
    const within = cells[i] - first;
    while (known < before.length && before[known] < within) {
      out[length++] = before[known++];
      out[length++] = before[known++];
    }
    let sum = cells[i + 1] >>> 0;
    if (before[known] === within) {
      sum = (sum + before[known + 1]) >>> 0;
      known += 2;
    }
    if (sum === 0) continue;
    out[length++] = within;
    out[length++] = sum;
  }
  while (known < before.length) out[length++] = before[known++];
  out.length = length;
  return out;
}

function tileOf(cells: Cells): Node | undefined {
  if (cells.length === 0) return undefined;
  let total = 0;
  for (let i = 1; i < cells.length; i += 2) total += cells[i];
  return new Node(total, cells.length / 2, cells);
}

function* tilesOf(node: Node | undefined, level: number, first: number): Generator<[number, Cells]> {
  if (!node) return;
  if (node.cells) yield [first, node.cells];
  else {
    yield* tilesOf(node.left, level - 1, first);
    yield* tilesOf(node.right, level - 1, first + 2 ** (level - 1));
  }
}

const SUM_TAG = Uint8Array.of(NODE | ROW.tag);
const empties = new WeakMap<Hashing, Bytes[]>();

function emptyRow(h: Hashing, level: number): Bytes {
  let roots = empties.get(h);
  if (!roots) {
    roots = [h.keccak256(Uint8Array.of(ROW.tag))];
    empties.set(h, roots);
  }
  for (let known = roots.length; known <= level; known++) {
    const below = { hash: roots[known - 1], ...NOTHING };
    roots.push(sumHash(h, below, below));
  }
  return roots[level];
}

// What is hashed is put together in place: a buffer for each of millions of nodes would cost more than their hashes.
const TILE = new DataView(new ArrayBuffer(4 * TILE_COLUMNS));
const TILE_BYTES = new Uint8Array(TILE.buffer);
const SIDE_BYTES = 32 + 8 + 4;
const SUMS = new DataView(new ArrayBuffer(2 * SIDE_BYTES));
const SUM_BYTES = new Uint8Array(SUMS.buffer);

/** A tile's leaf: its 64 cells, 4 bytes each. A tile without any is the empty leaf. */
export function tileHash(h: Hashing, cells: Uint32Array): Bytes {
  let any = 0;
  for (let i = 0; i < TILE_COLUMNS; i++) {
    any |= cells[i];
    TILE.setUint32(4 * i, cells[i]);
  }
  return any === 0 ? emptyRow(h, 0) : leafHash(h, TILE_LEAF, TILE_BYTES);
}

/** A node over two: their hashes, each with its sums. */
export function sumHash(h: Hashing, left: SumNode, right: SumNode): Bytes {
  putSide(0, left);
  putSide(SIDE_BYTES, right);
  return h.keccak256(SUM_TAG, SUM_BYTES);
}

function putSide(at: number, { hash, total, distinct }: SumNode): void {
  SUM_BYTES.set(hash, at);
  SUMS.setUint32(at + 32, Math.floor(total / 2 ** 32));
  SUMS.setUint32(at + 36, total % 2 ** 32);
  SUMS.setUint32(at + 40, distinct);
}

function hashOf(h: Hashing, tree: TreeKind, node: Node | undefined, level: number): Bytes {
  if (!node) return emptyRow(h, level);
  if (node.hash) return node.hash;
  if (node.cells) {
    const all = new Uint32Array(TILE_COLUMNS);
    for (let i = 0; i < node.cells.length; i += 2) all[node.cells[i]] = node.cells[i + 1];
    node.hash = tileHash(h, all);
  } else {
    const side = (child: Node | undefined): SumNode => {
      const { total, distinct } = child ?? NOTHING;
      return { hash: hashOf(h, tree, child, level - 1), total, distinct };
    };
    node.hash = sumHash(h, side(node.left), side(node.right));
  }
  return node.hash;
}

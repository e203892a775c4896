import { type Bytes, equal, Writer } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { rangeProof } from "./context.ts";
import { cellsOf } from "./fold.ts";
import type { Header } from "./header.ts";
import { ListTree } from "./list-tree.ts";
import { type Memories, Memory } from "./memories.ts";
import { mayTeach, memoryId, ROWS_PER_ORDER } from "./memory-definition.ts";
import { Row, TILE_COLUMNS } from "./memory-row.ts";
import type { Hashing } from "./ports.ts";
import { type Segment, snapshotTree } from "./segment.ts";
import { decodeSnapshot, type Learn } from "./snapshot.ts";
import { emptyRoots, leafHash, TREE, type TreeKind } from "./tree.ts";
import { lessonOf, type Turn, turnTokens } from "./turn.ts";

/** One entry of a memory trace, with its siblings; before index 0 stands nothing. */
export type TraceEntry = { memoryRoot: Bytes; proof: readonly Bytes[] };

/** What `FoldCourt.proveFold` takes, field by field. */
export type FoldProof = {
  checkpoint: Checkpoint;
  parent: Checkpoint;
  before: TraceEntry;
  /** The segment's own entry. */
  stated: TraceEntry;
  /** The segment's last snapshot, which alone can teach. */
  last: {
    number: number;
    segmentIndex: number;
    header: Header;
    segmentProof: readonly Bytes[];
    snapshotIndex: number;
    salt: Bytes;
    body: Bytes;
    snapshotProof: readonly Bytes[];
  };
  slotMemory: Bytes;
  rowsRoot: Bytes;
  tokens: readonly number[];
  tokenSiblings: readonly Bytes[];
  openings: Bytes;
};

/** One segment of a checkpoint, and the memories as they are right before it. */
export type FoldCase = {
  checkpoint: Checkpoint;
  parent: Checkpoint;
  /** What the checkpoint says of the memory before segment `index`, and after it. */
  before: TraceEntry;
  stated: TraceEntry;
  index: number;
  segment: Segment;
  /** In the checkpoint's segments tree. */
  segmentProof: readonly Bytes[];
  memories: Memories;
  /** Of which the segment learns, if it does. */
  turn?: Turn;
};

const ZERO = new Uint8Array(32);

/** All that a contract needs to redo what one segment taught. It finds for whoever is right. */
export function foldProof(h: Hashing, of: FoldCase): FoldProof {
  const { checkpoint, parent, before, stated, index, segment, segmentProof } = of;
  const snapshotIndex = segment.snapshots.length - 1;
  return {
    checkpoint,
    parent,
    before,
    stated,
    last: {
      number: checkpoint.number,
      segmentIndex: index,
      header: segment.header,
      segmentProof,
      snapshotIndex,
      ...segment.snapshots[snapshotIndex],
      snapshotProof: snapshotTree(h, segment.snapshots).proof(snapshotIndex),
    },
    ...taught(h, of),
  };
}

/** The memory root after segment `index`, proven; nothing for -1, where the parent's stands. */
export function traceEntry(h: Hashing, trace: readonly Bytes[], index: number): TraceEntry {
  if (index < 0) return { memoryRoot: ZERO, proof: [] };
  return { memoryRoot: trace[index], proof: traceTree(h, trace).proof(index) };
}

/** The memory trace tree of a checkpoint, by the memory root after each of its segments. */
export function traceTree(h: Hashing, trace: readonly Bytes[]): ListTree {
  const leaves = trace.map((root) => leafHash(h, TREE.memoryTrace, root));
  return new ListTree(h, TREE.memoryTrace, leaves);
}

type Taught = Pick<FoldProof, "slotMemory" | "rowsRoot" | "tokens" | "tokenSiblings" | "openings">;

function taught(h: Hashing, { segment, memories, turn }: FoldCase): Taught {
  const last = decodeSnapshot(segment.snapshots[segment.snapshots.length - 1].body);
  const nothing: Taught = {
    slotMemory: ZERO,
    rowsRoot: ZERO,
    tokens: [],
    tokenSiblings: [],
    openings: new Uint8Array(),
  };
  if (last.type !== "learn" || !turn || !mayTeach(last.memory, segment.header.operator)) return nothing;
  const id = memoryId(h, last.memory);
  const there = memories.at(id) ?? new Memory(id, last.memory);
  const found = { ...nothing, slotMemory: there.id, rowsRoot: there.rows.root(h) };
  const out = new Writer();
  if (equal(there.id, id)) Object.assign(found, openCells(h, out, there, turn, last));
  writePath(h, out, TREE.memory, memories.proof(id));
  return { ...found, openings: out.done() };
}

/** Writes the opening of every cell that is learnt, each as the ones before it left the memory. */
function openCells(h: Hashing, out: Writer, memory: Memory, turn: Turn, learn: Learn) {
  const lesson = lessonOf(turn, learn);
  const { start } = turn.open;
  const ids = turnTokens(turn).slice(0, learn.length - start.length);
  let now = memory;
  for (const cell of cellsOf(lesson)) {
    const row = now.row(cell.order, cell.row) ?? Row.empty(memory.definition.columns);
    writeTile(h, out, row, Math.floor(cell.column / TILE_COLUMNS));
    writePath(h, out, TREE.memoryRows, now.rows.proof(h, cell.order * ROWS_PER_ORDER + cell.row));
    now = now.add([{ ...cell, count: 1 }]);
  }
  const tokenSiblings = rangeProof(h, start, ids, lesson.from, lesson.from + lesson.ids.length);
  return { tokens: lesson.ids, tokenSiblings };
}

/** Opens a tile of a row: its cells that are not zero, and what stands beside its path where that is not empty. */
export function writeTile(h: Hashing, out: Writer, row: Row, tile: number): void {
  writeCells(out, row.tile(tile));
  const siblings = row.proof(h, tile);
  writeMap(out, siblings, ({ distinct }) => distinct !== 0);
  for (const { hash, total, distinct } of siblings) if (distinct !== 0) out.fixed(hash, 32).u64(total).u32(distinct);
}

/** The cells of a tile that are not zero. */
export function writeCells(out: Writer, cells: Uint32Array): Writer {
  writeMap(out, cells, (cell) => cell !== 0);
  for (const cell of cells) if (cell !== 0) out.u32(cell);
  return out;
}

/** Siblings that are not empty, bottom up. */
export function writePath(h: Hashing, out: Writer, tree: TreeKind, siblings: readonly Bytes[]): void {
  const empty = emptyRoots(h, tree);
  const isThere = (sibling: Bytes, level: number) => !equal(sibling, empty[level]);
  writeMap(out, siblings, isThere);
  for (const [level, sibling] of siblings.entries()) if (isThere(sibling, level)) out.fixed(sibling, 32);
}

/** 64 bits, of which bit i says whether item i follows. */
function writeMap<Item>(out: Writer, items: ArrayLike<Item>, isThere: (item: Item, i: number) => boolean): void {
  const halves = [0, 0];
  for (let i = 0; i < items.length; i++) if (isThere(items[i], i)) halves[i >> 5] += 2 ** (i & 31);
  out.u32(halves[1]).u32(halves[0]);
}

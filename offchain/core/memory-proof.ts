import { type Bytes, concat, equal, Writer } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { rangeProof } from "./context.ts";
import { writeCells, writePath } from "./fold-proof.ts";
import type { Memories, Memory } from "./memories.ts";
import { encodeDefinition, LIMIT_ORDERS, type MemoryDefinition, ROWS_PER_ORDER, rowOf } from "./memory-definition.ts";
import { rowTree, TILE_COLUMNS } from "./memory-row.ts";
import type { Hashing } from "./ports.ts";
import { emptyRoot, TREE } from "./tree.ts";

/** What a memory had in the rows of a context, as `IInferenceCourt.MemoryRead` has it. */
export type MemoryProof = {
  /** The one that the request names. */
  checkpoint: Checkpoint;
  /** Of the memory that has the named one's place, which may be another; its own where the place is empty. */
  slotMemory: Bytes;
  rowsRoot: Bytes;
  slotOpening: Bytes;
  /** What follows is empty unless the place is the memory's own. */
  definition: Bytes;
  tokens: readonly number[];
  tokenSiblings: readonly Bytes[];
  /** Of every order that fits: all tiles; nothing of a row without any cell. */
  rows: readonly Bytes[];
  rowOpenings: readonly Bytes[];
};

/** So many cells of rows a court reads in one transaction: docs/models.md has the gas. */
const LIMIT_CELLS = LIMIT_ORDERS * 2_048;

/** How many tiles a row is shown as. */
const tilesOf = (columns: number) => 2 ** rowTree(columns).depth;

/** Whether what a memory says in a context can be shown to a court, however much was learnt. */
export function isProvable({ columns, orders }: Pick<MemoryDefinition, "columns" | "orders">): boolean {
  return orders.length * tilesOf(columns) * TILE_COLUMNS <= LIMIT_CELLS;
}

/**
 * All that it takes to read a memory in a context.
 * @param memories those of the checkpoint
 * @param tokens a context that goes on at least to the position, from its beginning
 */
export function memoryProof(
  h: Hashing,
  { checkpoint, memories }: { checkpoint: Checkpoint; memories: Memories },
  id: Bytes,
  tokens: readonly number[],
  position: number,
): MemoryProof {
  const there = memories.at(id);
  const place = {
    checkpoint,
    slotMemory: there?.id ?? id,
    rowsRoot: there?.rows.root(h) ?? emptyRoot(h, TREE.memoryRows),
    slotOpening: pathOf(h, TREE.memory, memories.proof(id)),
  };
  if (there && equal(there.id, id)) return { ...place, ...rowsRead(h, there, tokens, position) };
  return { ...place, definition: new Uint8Array(), tokens: [], tokenSiblings: [], rows: [], rowOpenings: [] };
}

function rowsRead(h: Hashing, memory: Memory, tokens: readonly number[], position: number) {
  const { definition } = memory;
  const fitting = definition.orders.filter((order) => order <= position);
  const longest = fitting.at(-1) ?? 0;
  const start = { length: 0, peaks: [] };
  const read = fitting.map((_, order) => {
    const at = order * ROWS_PER_ORDER + rowOf(definition, order, position, (i) => tokens[i]);
    const row = memory.rows.get(at);
    const all =
      row &&
      concat(
        ...Array.from({ length: tilesOf(definition.columns) }, (_, tile) =>
          writeCells(new Writer(), row.tile(tile)).done(),
        ),
      );
    return { row: all ?? new Uint8Array(), opening: pathOf(h, TREE.memoryRows, memory.rows.proof(h, at)) };
  });
  return {
    definition: encodeDefinition(definition),
    tokens: tokens.slice(position - longest, position),
    tokenSiblings: longest > 0 ? rangeProof(h, start, tokens, position - longest, position) : [],
    rows: read.map(({ row }) => row),
    rowOpenings: read.map(({ opening }) => opening),
  };
}

function pathOf(h: Hashing, tree: (typeof TREE)["memory" | "memoryRows"], siblings: readonly Bytes[]): Bytes {
  const out = new Writer();
  writePath(h, out, tree, siblings);
  return out.done();
}

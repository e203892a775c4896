import { type Bytes, equal, Writer } from "./bytes.ts";
import { type MemoryDefinition, memoryId, ROWS_PER_ORDER } from "./memory-definition.ts";
import { Row } from "./memory-row.ts";
import type { Hashing } from "./ports.ts";
import { type LeafKind, SparseTree } from "./sparse-tree.ts";
import { leafHash, TREE } from "./tree.ts";

/** So much is added to a cell: `order` is an index into the definition's orders. */
export type Increment = { order: number; row: number; column: number; count: number };

const ROWS: LeafKind<Row> = {
  tree: TREE.memoryRows,
  hash: (h, row) =>
    leafHash(h, TREE.memoryRows, new Writer().fixed(row.root(h), 32).u64(row.total).u32(row.distinct).done()),
};

/** One long-term memory as it stands at some point: a persistent sparse matrix of counts. */
export class Memory {
  readonly id: Bytes;
  readonly definition: MemoryDefinition;
  readonly rows: SparseTree<Row>;

  constructor(id: Bytes, definition: MemoryDefinition, rows: SparseTree<Row> = SparseTree.empty(ROWS)) {
    this.id = id;
    this.definition = definition;
    this.rows = rows;
  }

  /** @param order index into the definition's orders */
  row(order: number, row: number): Row | undefined {
    return this.rows.get(order * ROWS_PER_ORDER + row);
  }

  add(increments: readonly Increment[]): Memory {
    let { rows } = this;
    for (const { order, row, column, count } of increments) {
      const at = order * ROWS_PER_ORDER + row;
      const after = (rows.get(at) ?? Row.empty(this.definition.columns)).add(column, count);
      rows = rows.set(at, after.distinct === 0 ? undefined : after);
    }
    return new Memory(this.id, this.definition, rows);
  }

  withRow(at: number, row: Row): Memory {
    return new Memory(this.id, this.definition, this.rows.set(at, row.distinct === 0 ? undefined : row));
  }
}

const MEMORIES: LeafKind<Memory> = {
  tree: TREE.memory,
  hash: (h, memory) =>
    leafHash(h, TREE.memory, new Writer().fixed(memory.id, 32).fixed(memory.rows.root(h), 32).done()),
};

/** Where a memory stands in the tree of memories: the first 40 bits of its id. */
export function memorySlot(id: Bytes): number {
  return id[0] * 2 ** 32 + new DataView(id.buffer, id.byteOffset).getUint32(1);
}

/**
 * All long-term memories at some point of the history. Immutable: adding gives another, which shares what has not
 * changed, so that views of many checkpoints cost what lies between them. Its root is a checkpoint's memory root.
 */
export class Memories {
  readonly #h: Hashing;
  readonly #tree: SparseTree<Memory>;

  private constructor(h: Hashing, tree: SparseTree<Memory>) {
    this.#h = h;
    this.#tree = tree;
  }

  static empty(h: Hashing): Memories {
    return new Memories(h, SparseTree.empty(MEMORIES));
  }

  get root(): Bytes {
    return this.#tree.root(this.#h);
  }

  /** A memory into which something was learnt. */
  of(id: Bytes): Memory | undefined {
    const memory = this.#tree.get(memorySlot(id));
    return memory && equal(memory.id, id) ? memory : undefined;
  }

  /** What stands where this memory has its place: itself, nothing, or another whose id begins alike, which came first. */
  at(id: Bytes): Memory | undefined {
    return this.#tree.get(memorySlot(id));
  }

  /** Adds to one memory; to nothing when another has its place. */
  add(definition: MemoryDefinition, increments: readonly Increment[]): Memories {
    const id = memoryId(this.#h, definition);
    const memory = this.at(id) ?? new Memory(id, definition);
    if (increments.length === 0 || !equal(memory.id, id)) return this;
    return this.with(memory.add(increments));
  }

  /** With one memory as given; one without any cell is not there. */
  with(memory: Memory): Memories {
    return new Memories(this.#h, this.#tree.set(memorySlot(memory.id), memory.rows.isEmpty ? undefined : memory));
  }

  /** Siblings of a memory's place, bottom up. */
  proof(id: Bytes): Bytes[] {
    return this.#tree.proof(this.#h, memorySlot(id));
  }

  get isEmpty(): boolean {
    return this.#tree.isEmpty;
  }

  /** All of them from this slot on, by slot. */
  from(slot: number): Generator<[slot: number, memory: Memory]> {
    return this.#tree.from(slot);
  }

  /** All of them, by slot; of those that `before` has just so, none. A memory that is gone is undefined. */
  entries(before?: Memories): Generator<[slot: number, memory: Memory | undefined]> {
    return this.#tree.entries((before ?? Memories.empty(this.#h)).#tree);
  }
}

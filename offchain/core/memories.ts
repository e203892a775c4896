import { type Bytes, equal, Writer } from "./bytes.ts";
import { LIMIT_COLUMNS, type MemoryDefinition, memoryId, ROWS_PER_ORDER } from "./memory-definition.ts";
import { type Cells, Row } from "./memory-row.ts";
import type { Hashing } from "./ports.ts";
import { type LeafKind, SparseTree } from "./sparse-tree.ts";
import { emptyRoot, emptyRoots, leafHash, TREE } from "./tree.ts";

/** So much is added to a cell: `order` is an index into the definition's orders. */
export type Increment = { order: number; row: number; column: number; count: number };

const ROWS: LeafKind<Row> = {
  tree: TREE.memoryRows,
  hash: (h, row) =>
    leafHash(h, TREE.memoryRows, new Writer().fixed(row.root(h), 32).u64(row.total).u32(row.distinct).done()),
  areEqual: ({ knownRoot: a }, { knownRoot: b }) => a !== undefined && b !== undefined && equal(a, b),
};

/** So many increments are put off at most. */
const LIMIT_PENDING = 2 ** 16;

/**
 * One long-term memory as it stands at some point: a persistent sparse matrix of counts. What is added is put off until
 * something is read, so that what comes in between is sorted and merged at once.
 */
export class Memory {
  readonly id: Bytes;
  readonly definition: MemoryDefinition;
  /** Undefined until what is pending on top of an earlier state is merged. */
  #rows: SparseTree<Row> | undefined;
  #pending?: { before: Memory; increments: readonly Increment[]; count: number };

  constructor(id: Bytes, definition: MemoryDefinition, rows: SparseTree<Row> = SparseTree.empty(ROWS)) {
    this.id = id;
    this.definition = definition;
    this.#rows = rows;
  }

  get rows(): SparseTree<Row> {
    const batches: (readonly Increment[])[] = [];
    let at: Memory = this;
    for (; at.#pending; at = at.#pending.before) batches.push(at.#pending.increments);
    const rows = at.#rows as SparseTree<Row>;
    if (batches.length > 0) this.#rows = merged(rows, this.definition.columns, batches.reverse().flat());
    this.#pending = undefined;
    return this.#rows as SparseTree<Row>;
  }

  /** @param order index into the definition's orders */
  row(order: number, row: number): Row | undefined {
    return this.rows.get(order * ROWS_PER_ORDER + row);
  }

  add(increments: readonly Increment[]): Memory {
    if (increments.length > LIMIT_PENDING)
      return this.add(increments.slice(0, LIMIT_PENDING)).add(increments.slice(LIMIT_PENDING));
    if (this.#waiting + increments.length > LIMIT_PENDING) this.rows;
    const after = new Memory(this.id, this.definition);
    after.#pending = { before: this, increments, count: this.#waiting + increments.length };
    return after;
  }

  /** How many increments are put off. */
  get #waiting(): number {
    return this.#pending?.count ?? 0;
  }

  /** With counts added to cells. @param rows ascending, and the columns of each; `root` only of a row that is new */
  withCells(rows: readonly { row: number; cells: Cells; root?: Bytes }[]): Memory {
    const { columns } = this.definition;
    const to = (held: Row | undefined, n: number) => {
      const { cells, root } = rows[n];
      const after = held ? held.addAll(cells) : Row.of(columns, cells, root);
      return after.distinct === 0 ? undefined : after;
    };
    const at = rows.map(({ row }) => row);
    return new Memory(this.id, this.definition, this.rows.update(at, to));
  }
}

/** Each row that is touched is made anew once, and the paths to them together. */
function merged(rows: SparseTree<Row>, columns: number, increments: readonly Increment[]): SparseTree<Row> {
  // A cell and an index in one number of 53 bits: numbers are sorted many times faster than objects.
  const keys = new Float64Array(increments.length);
  for (const [i, { order, row, column }] of increments.entries())
    keys[i] = ((order * ROWS_PER_ORDER + row) * LIMIT_COLUMNS + column) * LIMIT_PENDING + i;
  keys.sort();
  const touched: number[] = [];
  /** Of all rows, one after the other, and where those of each begin. */
  const cells: number[] = [];
  const begins: number[] = [];
  for (let i = 0; i < keys.length; ) {
    const at = Math.floor(keys[i] / (LIMIT_COLUMNS * LIMIT_PENDING));
    const first = at * LIMIT_COLUMNS;
    touched.push(at);
    begins.push(cells.length);
    while (i < keys.length && keys[i] < (first + LIMIT_COLUMNS) * LIMIT_PENDING) {
      const cell = Math.floor(keys[i] / LIMIT_PENDING);
      let count = 0;
      for (; i < keys.length && keys[i] < (cell + 1) * LIMIT_PENDING; i++)
        count += increments[keys[i] - cell * LIMIT_PENDING].count;
      cells.push(cell - first, count);
    }
  }
  begins.push(cells.length);
  return rows.update(touched, (row, n) => {
    const after = (row ?? Row.empty(columns)).addAll(cells, begins[n], begins[n + 1]);
    return after.distinct === 0 ? undefined : after;
  });
}

const MEMORIES: LeafKind<Memory> = {
  tree: TREE.memory,
  hash: (h, memory) =>
    memory.rows.isEmpty
      ? emptyRoots(h, TREE.memory)[0]
      : leafHash(h, TREE.memory, new Writer().fixed(memory.id, 32).fixed(memory.rows.root(h), 32).done()),
  areEqual: (a, b) => equal(a.id, b.id) && a.rows.isKnownToEqual(b.rows),
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
    const memory = this.at(id);
    return memory && equal(memory.id, id) ? memory : undefined;
  }

  /** What stands where this memory has its place: itself, nothing, or another whose id begins alike, which came first. */
  at(id: Bytes): Memory | undefined {
    return present(this.#tree.get(memorySlot(id)));
  }

  /** Adds to one memory; to nothing when another has its place. */
  add(definition: MemoryDefinition, increments: readonly Increment[]): Memories {
    const id = memoryId(this.#h, definition);
    const there = this.#tree.get(memorySlot(id));
    // Whether it is empty is asked of another only: to say so, what is pending must be merged.
    const memory = there && (equal(there.id, id) || present(there)) ? there : new Memory(id, definition);
    if (increments.length === 0 || !equal(memory.id, id)) return this;
    return this.with(memory.add(increments));
  }

  /** With one memory as given; one without any cell is not there. */
  with(memory: Memory): Memories {
    return new Memories(this.#h, this.#tree.set(memorySlot(memory.id), memory));
  }

  /** Siblings of a memory's place, bottom up. */
  proof(id: Bytes): Bytes[] {
    return this.#tree.proof(this.#h, memorySlot(id));
  }

  get isEmpty(): boolean {
    return equal(this.root, emptyRoot(this.#h, TREE.memory));
  }

  /** All of them from this slot on, by slot. */
  *from(slot: number): Generator<[slot: number, memory: Memory]> {
    for (const [at, memory] of this.#tree.from(slot)) if (present(memory)) yield [at, memory];
  }

  /** All of them, by slot; of those that `before` has just so, none. A memory that is gone is undefined. */
  *entries(before: Memories = Memories.empty(this.#h)): Generator<[slot: number, memory: Memory | undefined]> {
    // What two states have in common is found by its hash too: they need not have been read one after the other.
    if (equal(this.root, before.root)) return;
    for (const [slot, memory] of this.#tree.entries(before.#tree))
      if (present(memory) || present(before.#tree.get(slot))) yield [slot, present(memory)];
  }
}

/** A memory without any cell is not there. */
function present(memory: Memory | undefined): Memory | undefined {
  return memory?.rows.isEmpty ? undefined : memory;
}

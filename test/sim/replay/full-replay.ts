import { type Bytes, compare, equal, toHex } from "../../../offchain/core/bytes.ts";
import type { Checkpoint } from "../../../offchain/core/checkpoint.ts";
import type { Cut } from "../../../offchain/core/cut.ts";
import { ListTree } from "../../../offchain/core/list-tree.ts";
import { type Increment, Memories } from "../../../offchain/core/memories.ts";
import { type MemoryDefinition, memoryId, rowOf } from "../../../offchain/core/memory-definition.ts";
import type { Hashing } from "../../../offchain/core/ports.ts";
import type { Segment } from "../../../offchain/core/segment.ts";
import { leafHash, TREE } from "../../../offchain/core/tree.ts";
import { type Taught, Told } from "./told.ts";

/** Counts by column. */
export type Counts = ReadonlyMap<number, number>;
/** Of a memory: rows by order index and row. */
type Rows = Map<string, Map<number, number>>;

/** The memories as of one checkpoint, as they must be: what it adds to those of the one that it extends. */
export type Stand = {
  readonly before?: Stand;
  readonly cut: Cut;
  /** By memory. */
  readonly added: ReadonlyMap<string, Rows>;
  /** The memory that has each place: the first that came there. */
  readonly places: ReadonlyMap<string, string>;
  readonly definitions: ReadonlyMap<string, MemoryDefinition>;
  /** The same as a tree, for its root. */
  readonly memories: Memories;
  readonly traceRoot: Bytes;
  /** What its segments teach, and positions that were learnt. */
  readonly taught: readonly Taught[];
};

/** A place is told by so many hexadecimal digits of an id. */
const PLACE_DIGITS = 10;

/**
 * What every memory must be at every checkpoint, by definition: plain counts over all that committed segments teach. It
 * shares with the code that it judges how a row is found, and how a root is made.
 */
export class FullReplay {
  readonly #h: Hashing;
  readonly #told: Told;
  readonly #stands = new Map<string, Stand>();

  constructor(h: Hashing) {
    this.#h = h;
    this.#told = new Told(h);
  }

  hear(segment: Segment, hash: Bytes): void {
    this.#told.hear(segment, hash);
  }

  /** @param hash of a checkpoint */
  at(hash: Bytes): Stand | undefined {
    return this.#stands.get(toHex(hash));
  }

  /** Where nothing was learnt yet. */
  begin(hash: Bytes, cut: Cut): Stand {
    const none = { added: new Map(), places: new Map(), definitions: new Map(), taught: [] };
    const traceRoot = new ListTree(this.#h, TREE.memoryTrace, []).root;
    const stand = { ...none, cut, memories: Memories.empty(this.#h), traceRoot };
    this.#stands.set(toHex(hash), stand);
    return stand;
  }

  /** What a committed checkpoint makes of the one that it extends; undefined when nobody honest ever held a segment of it. */
  extend(before: Stand, hash: Bytes, cut: Cut): Stand | undefined {
    const paths = cut.entries.map((entry, slot) => {
      const from = before.cut.entries[slot]?.sequence ?? 0;
      return entry.sequence > from ? this.#told.path(entry.head, from) : [];
    });
    if (paths.some((path) => !path)) return undefined;
    const added = new Map<string, Rows>();
    const [places, definitions] = [new Map(before.places), new Map(before.definitions)];
    const [trace, taught]: [Bytes[], Taught[]] = [[], []];
    let { memories } = before;
    for (const segment of paths.flatMap((path) => path ?? [])) {
      const lesson = this.#told.taught(segment);
      if (lesson) taught.push(lesson);
      if (lesson && !lesson.fault) {
        const name = toHex(memoryId(this.#h, lesson.memory));
        const increments = incrementsOf(lesson);
        const place = name.slice(0, PLACE_DIGITS);
        if (increments.length > 0 && !places.has(place)) places.set(place, name);
        if (places.get(place) === name) {
          definitions.set(name, lesson.memory);
          memories = memories.add(lesson.memory, increments);
          const rows = added.get(name) ?? new Map();
          added.set(name, rows);
          count(rows, increments);
        }
      }
      trace.push(leafHash(this.#h, TREE.memoryTrace, memories.root));
    }
    const traceRoot = new ListTree(this.#h, TREE.memoryTrace, trace).root;
    const stand = { before, cut, added, places, definitions, memories, traceRoot, taught };
    this.#stands.set(toHex(hash), stand);
    return stand;
  }
}

/** One for each position and order whose context is the turn's own; nothing by who may not teach. */
function incrementsOf({ author, memory, positions, start, ids }: Taught): Increment[] {
  const { writers, orders, columns } = memory;
  if (writers.length > 0 && !writers.some((writer) => compare(writer, author) === 0)) return [];
  const idAt = (position: number) => ids.get(position) as number;
  return positions.flatMap((position) => {
    const column = idAt(position);
    if (column >= columns) return [];
    const fitting = orders
      .map((length, order) => ({ length, order }))
      .filter(({ length }) => position - length >= start);
    return fitting.map(({ order }) => ({ order, row: rowOf(memory, order, position, idAt), column, count: 1 }));
  });
}

function count(rows: Rows, increments: readonly Increment[]): void {
  for (const { order, row, column, count } of increments) {
    const name = `${order} ${row}`;
    const counts = rows.get(name) ?? new Map<number, number>();
    rows.set(name, counts);
    counts.set(column, (counts.get(column) ?? 0) + count);
  }
}

/** Rows that were asked for before: the next sum begins there. */
const summed = new WeakMap<Stand, Map<string, Counts>>();

/** @param row by order index and row, as rows are named */
export function rowAt(stand: Stand, memory: string, row: string): Counts {
  const name = `${memory} ${row}`;
  const added: Counts[] = [];
  let [at, before]: [Stand | undefined, Counts | undefined] = [stand, undefined];
  for (; at && !before; at = at.before) {
    before = summed.get(at)?.get(name);
    const here = before ? undefined : at.added.get(memory)?.get(row);
    if (here) added.push(here);
  }
  const counts = new Map(before);
  for (const columns of added)
    for (const [column, count] of columns) counts.set(column, (counts.get(column) ?? 0) + count);
  const known = summed.get(stand) ?? new Map<string, Counts>();
  summed.set(stand, known.set(name, counts));
  return counts;
}

/** Every row that was ever touched, by memory. */
export function rowsAt(stand: Stand): Map<string, Set<string>> {
  const rows = new Map<string, Set<string>>();
  for (let at: Stand | undefined = stand; at; at = at.before)
    for (const [memory, added] of at.added) rows.set(memory, new Set([...(rows.get(memory) ?? []), ...added.keys()]));
  return rows;
}

/** Does a checkpoint say what it must? */
export function isTrue({ memories, traceRoot }: Stand, { memoryRoot, memoryTraceRoot }: Checkpoint): boolean {
  return equal(memories.root, memoryRoot) && equal(traceRoot, memoryTraceRoot);
}

import { WeftError } from "./errors.ts";
import { type Op, PART, type Program, sizesOf } from "./model-program.ts";

/** Values of one tile: what an element reads of one tensor is a run of no more, so in two tiles at most. */
export const TILE_VALUES = PART;
export const VALUE_BYTES = 4;
export const TILE_BYTES = TILE_VALUES * VALUE_BYTES;
export const GROUP_TILES = 16;
export const GROUP_VALUES = GROUP_TILES * TILE_VALUES;

/** Where an element stands in an operation's tensors. */
export type ElementPlace = { head: number; position: number; part: number; column: number };

/** An operation of a program: its number, and what a trace has of it. */
export type TracedOp = {
  op: Op;
  number: number;
  /** Number of the tensor of head 0 in a trace; the other heads follow. */
  firstTensor: number;
  heads: number;
  parts: number;
  columns: number;
  /** Its values stand position after position for each column, not column after column for each position. */
  isAlongPositions: boolean;
};

/** What tensors a program's forward pass over so many positions has, and where in them each element stands. */
export class TraceLayout {
  readonly positions: number;
  readonly ops: readonly TracedOp[];
  /** Of all operations. */
  readonly tensors: number;
  readonly #byName: ReadonlyMap<string, TracedOp>;

  constructor({ ops, rows }: Program, positions: number) {
    const alongPositions = new Set(rows.map(({ values }) => values));
    let firstTensor = 0;
    this.positions = positions;
    this.ops = ops.map((op, number) => {
      const sizes = sizesOf(op, positions);
      const traced = { op, number, firstTensor, ...sizes, isAlongPositions: alongPositions.has(op.name) };
      firstTensor += sizes.heads;
      return traced;
    });
    this.tensors = firstTensor;
    this.#byName = new Map(this.ops.map((traced) => [traced.op.name, traced]));
  }

  of(name: string): TracedOp {
    return this.#byName.get(name) as TracedOp;
  }

  /** Whose tensor has this number. @throws WeftError `out_of_range` */
  opAt(tensor: number): TracedOp {
    const found = this.ops.find(({ firstTensor, heads }) => tensor >= firstTensor && tensor < firstTensor + heads);
    if (!found) throw new WeftError("out_of_range", `there are ${this.tensors} tensors`, { field: "tensor" });
    return found;
  }

  /** How many values each of an operation's tensors has. */
  lengthOf({ parts, columns }: TracedOp): number {
    return this.positions * parts * columns;
  }

  /** How far apart elements stand of neighbouring positions and columns; those of neighbouring parts are side by side. */
  stridesOf({ parts, columns, isAlongPositions }: TracedOp): { position: number; column: number } {
    return isAlongPositions ? { position: 1, column: this.positions } : { position: columns * parts, column: parts };
  }

  /** Where an element stands in its head's tensor. */
  indexOf(traced: TracedOp, { position, part, column }: ElementPlace): number {
    const strides = this.stridesOf(traced);
    return position * strides.position + column * strides.column + part;
  }

  /** Which element stands at an index of a tensor. */
  placeAt(traced: TracedOp, head: number, index: number): ElementPlace {
    const { parts, columns, isAlongPositions } = traced;
    if (isAlongPositions)
      return { head, position: index % this.positions, part: 0, column: Math.floor(index / this.positions) };
    const column = Math.floor(index / parts) % columns;
    return { head, position: Math.floor(index / (parts * columns)), part: index % parts, column };
  }
}

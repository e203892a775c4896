import { WeftError } from "./errors.ts";
import { type Element, elementOf } from "./model-element.ts";
import { type Extent, type Op, PART, type Program, shapeOf } from "./model-program.ts";

/** The integers of a constant, row after row. */
export type Values = ArrayLike<number>;

/** All elements of an operation's tensor, from a position on. */
export type Tensor = { heads: number; parts: number; columns: number; first: number; values: readonly bigint[] };

/** KV rows of the positions before those that are computed: `[position][layer][key, value][kv head][dim]`. */
export type EarlierRows = { count: number; rows: Int8Array };

/**
 * Runs a program over a whole context, element by element by the rule of each, in BigInt: slow, and shares nothing with
 * what runs models. Given rows it goes on from them, and tensors then begin at the first position without rows.
 * @throws WeftError `out_of_range` (tokens)
 */
export function forward(
  program: Program,
  constants: (name: string) => Values,
  tokens: readonly number[],
  earlier: EarlierRows = { count: 0, rows: new Int8Array() },
): Map<string, Tensor> {
  const positions = tokens.length;
  checkTokens(program, tokens);
  if (earlier.count >= positions)
    throw new WeftError("out_of_range", `${positions} tokens after ${earlier.count} rows`, { field: "tokens" });
  const constantOf = constantReaders(program, constants);
  const rowsOf = earlierRows(program, earlier);
  const tensors = new Map<string, Tensor>();
  for (const op of program.ops) {
    const element = elementOf(op, {
      positions,
      token: (position) => tokens[position],
      tensor: (name) => reader(tensors.get(name) as Tensor, rowsOf.get(name)),
      constant: constantOf,
    });
    tensors.set(op.name, tensorOf(op, element, positions, earlier.count));
  }
  return tensors;
}

/** There is a forward pass over these tokens. @throws WeftError `out_of_range` (tokens) */
export function checkTokens({ maxPositions, vocab }: Program, tokens: readonly number[]): void {
  if (tokens.length === 0 || tokens.length > maxPositions)
    throw new WeftError("out_of_range", `${tokens.length} tokens, ${maxPositions} at most`, { field: "tokens" });
  if (tokens.some((id) => !Number.isInteger(id) || id < 0 || id >= vocab))
    throw new WeftError("out_of_range", `a token is not below ${vocab}`, { field: "tokens" });
}

/** Of values that are made BigInt once, at the first operation that reads them. */
function constantReaders(program: Program, constants: (name: string) => Values) {
  const columnsOf = new Map(program.constants.map(({ name, columns }) => [name, columns]));
  const readers = new Map<string, (row: number, column: number) => bigint>();
  return (name: string) => {
    let read = readers.get(name);
    if (read === undefined) {
      const columns = columnsOf.get(name) as number;
      const values = Array.from(constants(name), BigInt);
      read = (row, column) => values[row * columns + column];
      readers.set(name, read);
    }
    return read;
  };
}

function tensorOf(op: Op, element: Element, positions: number, first: number): Tensor {
  const shape = shapeOf(op);
  const extent = (of: Extent) => {
    if (of === "positions") return positions;
    return of === "positionParts" ? Math.ceil(positions / PART) : of;
  };
  const { heads } = shape;
  const [parts, columns] = [extent(shape.parts), extent(shape.columns)];
  const values: bigint[] = [];
  for (let head = 0; head < heads; head++)
    for (let position = first; position < positions; position++)
      for (let part = 0; part < parts; part++)
        for (let column = 0; column < columns; column++) values.push(element(head, position, part, column));
  return { heads, parts, columns, first, values };
}

function reader(
  { parts, columns, first, values, heads }: Tensor,
  before?: (t: number, column: number) => bigint,
): Element {
  const positions = values.length / (heads * parts * columns);
  return (head, position, part, column) => {
    if (position < first && before) return before(position, column);
    return values[((head * positions + position - first) * parts + part) * columns + column];
  };
}

/** Readers of keys and values, by the name of their tensor. */
function earlierRows({ rows, ops }: Program, earlier: EarlierRows) {
  const widths = new Map(ops.map((op) => [op.name, shapeOf(op).columns as number]));
  const names = rows.flatMap(({ keys, values }) => [keys, values]);
  const size = names.reduce((sum, name) => sum + (widths.get(name) as number), 0);
  let at = 0;
  return new Map(
    names.map((name) => {
      const offset = at;
      at += widths.get(name) as number;
      return [name, (t: number, column: number) => BigInt(earlier.rows[t * size + offset + column])];
    }),
  );
}

import { WeftError } from "./errors.ts";
import { type Op, PART, type Place, sizesOf } from "./model-program.ts";
import type { ElementPlace } from "./model-trace-layout.ts";

/** Values that an element is made of: a run of a tensor or of a constant along one axis. */
export type Read = {
  /** Of the operation that makes them, or of the constant. */
  name: string;
  isConstant: boolean;
  axis: "columns" | "parts" | "positions";
  count: number;
  /** Of constants `position` is the row. */
  first: ElementPlace;
};

/**
 * What an element reads, in the order that a court takes it in. Which entry of a table that is depends on what was read before.
 * @param token at the element's position; embeddings read by it
 * @param firstOf the first value of a read
 * @throws WeftError `out_of_range` where the tensor has no such element, or its table no such entry
 */
export function readsOf(
  op: Op,
  place: ElementPlace,
  positions: number,
  token: number,
  firstOf: (read: Read) => number,
): Read[] {
  const { head, position, part, column } = place;
  const { heads, parts, columns } = sizesOf(op, positions);
  if (head >= heads || position >= positions || part >= parts || column >= columns)
    throw new WeftError("out_of_range", `${op.name} has no such element`, { field: "place" });
  const first = part * PART;
  const tensor = (name: string, column: number, count = 1, more: Partial<ElementPlace> = {}): Read => ({
    name,
    isConstant: false,
    axis: "columns",
    count,
    first: { head: 0, position, part: 0, column, ...more },
  });
  const constant = (name: string, row: number, column: number, count = 1): Read => {
    if (column < 0) throw new WeftError("out_of_range", `${op.name} reads before its table`, { field: "place" });
    const first = { head: 0, position: row, part: 0, column };
    return { name, isConstant: true, axis: "columns", count, first };
  };
  const entry = (table: string, sum: Read, { near, far, cap }: Place): Read => {
    const x = firstOf(sum);
    return constant(table, 0, 2 * (Math.min(x >> near, cap) + (x >> far)), 2);
  };
  const termsIn = (all: number) => Math.min(PART, all - first);
  const residual = (name: string | undefined) => (name === undefined ? [] : [tensor(name, column, 1, { head })]);
  switch (op.kind) {
    case "embedding":
      return [constant(op.weights, token, column)];
    case "squareSum":
      return [tensor(op.input, first, termsIn(op.width))];
    case "norm": {
      const sum = tensor(op.sum, 0);
      return [tensor(op.input, column), sum, entry(op.placeTable, sum, op)];
    }
    case "linear": {
      const terms = termsIn(op.inner);
      return [tensor(op.input, first, terms), constant(op.weights, column, first, terms), ...residual(op.residual)];
    }
    case "rope": {
      const half = op.size / 2;
      const pair = (column % op.size) % half;
      const start = column - (column % op.size) + pair;
      const angles = [pair, half + pair].map((at) => constant(op.angleTable, position, at));
      return [tensor(op.input, start), tensor(op.input, start + half), ...angles];
    }
    case "score": {
      const key = Math.floor(head / (op.heads / op.keyHeads)) * op.size;
      return [tensor(op.queries, head * op.size, op.size), tensor(op.keys, key, op.size, { position: column })];
    }
    case "scoreMax":
      return [tensor(op.scores, first, termsIn(positions), { head })];
    case "expSum":
      return [
        tensor(op.scores, first, termsIn(positions), { head }),
        tensor(op.max, 0, 1, { head }),
        constant(op.expTable, 0, 0, op.entries),
      ];
    case "probability": {
      const [score, max, sum] = [op.scores, op.max, op.sum].map((name, i) =>
        tensor(name, i === 0 ? column : 0, 1, { head }),
      );
      const below = Math.min(Math.floor((firstOf(max) - firstOf(score)) / 2 ** op.shift), op.entries - 1);
      return [score, max, sum, constant(op.expTable, 0, below), entry(op.placeTable, sum, op)];
    }
    case "weightedSum": {
      const [from, count] = [Math.floor(column / op.size), termsIn(positions)];
      const values = Math.floor(from / (op.heads / op.valueHeads)) * op.size + (column % op.size);
      return [
        tensor(op.probabilities, first, count, { head: from }),
        { ...tensor(op.values, values, count, { position: first }), axis: "positions" },
      ];
    }
    case "partSum": {
      const count = op.parts === "positionParts" ? Math.ceil(positions / PART) : (op.parts as number);
      return [{ ...tensor(op.input, column, count, { head }), axis: "parts" }, ...residual(op.residual)];
    }
    case "partMax":
      return [{ ...tensor(op.input, column, Math.ceil(positions / PART), { head }), axis: "parts" }];
    case "gate":
      return [tensor(op.gate, column), tensor(op.up, column)];
  }
}

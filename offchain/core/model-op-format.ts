import type { Reader, Writer } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import type { Extent, Kind, Op, OpOf } from "./model-program.ts";

/** How the fields of an operation are encoded; which, and in which order, says `OP_FORMATS`. */
type Field = "tensor" | "residual" | "constant" | "shift" | "bits" | "extent" | keyof typeof RANGES;
type Fields<K extends Kind> = { readonly [F in Exclude<keyof OpOf<K>, "kind" | "name">]-?: Field };

const LIMIT_SIZE = 2 ** 24;
/** Of the fields that are a number of four bytes: the least and the most. A clip that may be none is a limit. */
const RANGES = {
  size: [1, LIMIT_SIZE],
  clip: [1, LIMIT_SIZE],
  limit: [0, LIMIT_SIZE],
  // Of a table of exponentials, which a sum of them reads whole.
  entries: [1, 2 ** 12],
} as const;
const LIMIT_SHIFT = 23;
/** For no residual, and for as many parts as there are of positions. */
const NONE = 0xffff;
const POSITION_PARTS = 0xffffffff;

/** What follows the logits, the integer probabilities, a memory's mixing and the token, takes further tags. */
const OP_FORMATS: { readonly [K in Kind]: { tag: number; fields: Fields<K> } } = {
  embedding: { tag: 1, fields: { weights: "constant", width: "size", shift: "shift" } },
  squareSum: { tag: 2, fields: { input: "tensor", width: "size", shift: "shift", clip: "clip" } },
  norm: {
    tag: 3,
    fields: {
      input: "tensor",
      sum: "tensor",
      placeTable: "constant",
      width: "size",
      near: "bits",
      far: "bits",
      cap: "limit",
      clip: "clip",
    },
  },
  linear: {
    tag: 4,
    fields: {
      input: "tensor",
      weights: "constant",
      inner: "size",
      outer: "size",
      shift: "shift",
      clip: "limit",
      residual: "residual",
    },
  },
  rope: {
    tag: 5,
    fields: {
      input: "tensor",
      angleTable: "constant",
      heads: "size",
      size: "size",
      shift: "shift",
      clip: "clip",
    },
  },
  score: {
    tag: 6,
    fields: { queries: "tensor", keys: "tensor", heads: "size", keyHeads: "size", size: "size", mask: "limit" },
  },
  scoreMax: { tag: 7, fields: { scores: "tensor", heads: "size" } },
  partMax: { tag: 8, fields: { input: "tensor", heads: "size" } },
  expSum: {
    tag: 9,
    fields: {
      scores: "tensor",
      max: "tensor",
      expTable: "constant",
      heads: "size",
      shift: "bits",
      entries: "entries",
    },
  },
  probability: {
    tag: 10,
    fields: {
      scores: "tensor",
      max: "tensor",
      sum: "tensor",
      expTable: "constant",
      placeTable: "constant",
      heads: "size",
      shift: "bits",
      entries: "entries",
      near: "bits",
      far: "bits",
      cap: "limit",
    },
  },
  weightedSum: {
    tag: 11,
    fields: { probabilities: "tensor", values: "tensor", heads: "size", valueHeads: "size", size: "size" },
  },
  partSum: {
    tag: 12,
    fields: {
      input: "tensor",
      heads: "size",
      parts: "extent",
      width: "size",
      shift: "shift",
      clip: "limit",
      residual: "residual",
    },
  },
  gate: { tag: 13, fields: { gate: "tensor", up: "tensor", width: "size", shift: "shift", clip: "clip" } },
};

type At = (name: string) => number | undefined;
type Named = (index: number) => string | undefined;

/** Everything of an operation but its name. @throws WeftError `out_of_range` for values that have no encoding */
export function writeOp(out: Writer, op: Op, opAt: At, constantAt: At): Writer {
  const { tag, fields } = OP_FORMATS[op.kind];
  const values = op as unknown as Record<string, number | string | undefined>;
  out.u8(tag);
  for (const [key, field] of Object.entries(fields) as [string, Field][]) {
    const value = values[key];
    const checked = ([least, most]: readonly [number, number]): number => {
      if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most)
        throw new WeftError("out_of_range", `${op.name}: ${key} = ${value}`, { field: op.name });
      return value;
    };
    const found = (index: number | undefined): number => {
      if (index === undefined) throw new WeftError("out_of_range", `${op.name} reads ${value}`, { field: op.name });
      return index;
    };
    switch (field) {
      case "tensor":
        out.u16(found(opAt(value as string)));
        break;
      case "constant":
        out.u16(found(constantAt(value as string)));
        break;
      case "residual":
        out.u16(value === undefined ? NONE : found(opAt(value as string)));
        break;
      case "size":
      case "clip":
      case "limit":
      case "entries":
        out.u32(checked(RANGES[field]));
        break;
      case "shift":
        out.u8(checked([-LIMIT_SHIFT, LIMIT_SHIFT]) & 0xff);
        break;
      case "bits":
        out.u8(checked([0, LIMIT_SHIFT]));
        break;
      case "extent":
        out.u32(value === "positionParts" ? POSITION_PARTS : checked(RANGES.size));
    }
  }
  return out;
}

/** @throws WeftError `malformed` */
export function readOp(from: Reader, opNamed: Named, constantNamed: Named): Omit<Op, "name"> {
  const tag = from.u8();
  const [kind, format] = Object.entries(OP_FORMATS).find(([, known]) => known.tag === tag) ?? [];
  if (kind === undefined || format === undefined) throw from.malformed(`has operations of kind ${tag}`);
  const bounded = (value: number, [least, most]: readonly [number, number]): number => {
    if (value < least || value > most) throw from.malformed(`has the size ${value} in an operation`);
    return value;
  };
  const named = (name: string | undefined): string => {
    if (name === undefined) throw from.malformed("has an operation that reads what is not there before it");
    return name;
  };
  const read = (field: Field): number | string | undefined => {
    switch (field) {
      case "tensor":
        return named(opNamed(from.u16()));
      case "constant":
        return named(constantNamed(from.u16()));
      case "residual": {
        const index = from.u16();
        return index === NONE ? undefined : named(opNamed(index));
      }
      case "size":
      case "clip":
      case "limit":
      case "entries":
        return bounded(from.u32(), RANGES[field]);
      case "shift": {
        const shift = (from.u8() << 24) >> 24;
        if (Math.abs(shift) > LIMIT_SHIFT) throw from.malformed(`shifts by ${shift}`);
        return shift;
      }
      case "bits": {
        const bits = from.u8();
        if (bits > LIMIT_SHIFT) throw from.malformed(`shifts by ${bits}`);
        return bits;
      }
      case "extent": {
        const parts = from.u32();
        return parts === POSITION_PARTS ? ("positionParts" satisfies Extent) : bounded(parts, RANGES.size);
      }
    }
  };
  const fields = Object.entries(format.fields as Record<string, Field>);
  const values = fields.flatMap(([key, field]) => {
    const value = read(field);
    return value === undefined ? [] : [[key, value] as const];
  });
  return { kind, ...Object.fromEntries(values) } as unknown as Omit<Op, "name">;
}

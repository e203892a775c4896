import { WeftError } from "../../core/errors.ts";
import { type Constant, checkProgram, type Op, type Post, type Program, partsOf } from "../../core/model-program.ts";
import type { Arithmetic, Sizes } from "./arithmetic.ts";

type Layer = Arithmetic["shifts"]["layers"][number];

/**
 * The forward pass of an exact decoder as its list of macro-operations.
 * @throws WeftError `bad_model` for sizes that do not fit one another
 */
export function describe(sizes: Sizes, arithmetic: Arithmetic): Program {
  const { layers } = arithmetic.shifts;
  if (layers.length !== sizes.layers)
    throw new WeftError("bad_model", `${sizes.layers} layers, and shifts for ${layers.length}`, { field: "layers" });
  const program = new Description(sizes, arithmetic).program();
  checkProgram(program);
  return program;
}

class Description {
  readonly #sizes: Sizes;
  readonly #arithmetic: Arithmetic;
  readonly #weights: Constant[] = [];
  readonly #ops: Op[] = [];

  constructor(sizes: Sizes, arithmetic: Arithmetic) {
    this.#sizes = sizes;
    this.#arithmetic = arithmetic;
  }

  program(): Program {
    const { vocab, maxPositions, headDim } = this.#sizes;
    const { width, shifts, tables } = this.#arithmetic;
    let stream = this.#add({
      name: "embedding",
      kind: "embedding",
      weights: this.#matrix("embedding.weight", vocab, width),
      width,
      shift: shifts.embedding,
    });
    const rows: Program["rows"][number][] = [];
    for (const [i, layer] of shifts.layers.entries()) {
      const attended = this.#attention(`${i}`, stream, layer);
      rows.push(attended.rows);
      stream = this.#feedForward(`${i}`, attended.stream, layer);
    }
    const logits = this.#linear("logits", this.#norm("norm", stream), width, vocab, { shift: 0, clip: 0 });
    const table = (name: string, columns: number): Constant => ({ name, rows: 1, columns, bytes: 2 });
    const constants: Constant[] = [
      ...this.#weights,
      table("rsqrt", 2 * tables.rsqrt.entries),
      table("reciprocal", 2 * tables.reciprocal.entries),
      table("exp", tables.exp.entries),
      { name: "angles", rows: maxPositions, columns: headDim, bytes: 2 },
    ];
    return { vocab, maxPositions, constants, ops: this.#ops, rows, logits };
  }

  #add(op: Op): string {
    this.#ops.push(op);
    return op.name;
  }

  #matrix(name: string, rows: number, columns: number): string {
    this.#weights.push({ name, rows, columns, bytes: 1 });
    return name;
  }

  /** A matrix product; of more terms than a part has it is summed in parts. */
  #linear(name: string, input: string, inner: number, outer: number, post: Post): string {
    const weights = this.#matrix(`${name}.weight`, outer, inner);
    const product = { kind: "linear", input, weights, inner, outer } as const;
    const parts = partsOf(inner);
    if (parts === 1) return this.#add({ name, ...product, ...post });
    const summed = this.#add({ name: `${name}.parts`, ...product, shift: 0, clip: 0 });
    return this.#add({ name, kind: "partSum", input: summed, heads: 1, parts, width: outer, ...post });
  }

  #norm(name: string, input: string): string {
    const { width, shifts, clips, tables } = this.#arithmetic;
    const squares = { kind: "squareSum", input, width, shift: shifts.norm, clip: clips.norm } as const;
    const parts = partsOf(width);
    let sum = this.#add({ name: parts === 1 ? `${name}.sum` : `${name}.sum.parts`, ...squares });
    if (parts > 1) {
      const whole = { kind: "partSum", input: sum, heads: 1, parts, width: 1, shift: 0, clip: 0 } as const;
      sum = this.#add({ name: `${name}.sum`, ...whole });
    }
    const { near, far, cap } = tables.rsqrt;
    const clip = clips.activation;
    return this.#add({ name, kind: "norm", input, sum, placeTable: "rsqrt", width, clip, near, far, cap });
  }

  #attention(at: string, stream: string, shift: Layer) {
    const { headDim: size, kvHeads } = this.#sizes;
    const { heads, width, clips, mask, tables } = this.#arithmetic;
    const input = this.#norm(`${at}.norm1`, stream);
    const project = (name: string, many: number, bits: number, clip: number) =>
      this.#linear(`${at}.${name}`, input, width, many * size, { shift: bits, clip });
    const query = project("query", heads, shift.q, clips.turned);
    const key = project("key", kvHeads, shift.k, clips.turned);
    const values = project("values", kvHeads, shift.v, clips.activation);
    const rope = { kind: "rope", angleTable: "angles", size, shift: shift.rope, clip: clips.activation } as const;
    const queries = this.#add({ name: `${at}.queries`, input: query, heads, ...rope });
    const keys = this.#add({ name: `${at}.keys`, input: key, heads: kvHeads, ...rope });
    const scored = { kind: "score", queries, keys, heads, keyHeads: kvHeads, size, mask } as const;
    const scores = this.#add({ name: `${at}.scores`, ...scored });
    const largest = this.#add({ name: `${at}.max.parts`, kind: "scoreMax", scores, heads });
    const max = this.#add({ name: `${at}.max`, kind: "partMax", input: largest, heads });
    const exponent = { scores, max, expTable: "exp", heads, shift: shift.score, entries: tables.exp.entries };
    const added = this.#add({ name: `${at}.sum.parts`, kind: "expSum", ...exponent });
    const whole = { parts: "positionParts", heads, width: 1, shift: 0, clip: 0 } as const;
    const sum = this.#add({ name: `${at}.sum`, kind: "partSum", input: added, ...whole });
    const { near, far, cap } = tables.reciprocal;
    const probabilities = this.#add({
      name: `${at}.probabilities`,
      kind: "probability",
      ...exponent,
      sum,
      placeTable: "reciprocal",
      near,
      far,
      cap,
    });
    const weighted = { kind: "weightedSum", probabilities, values, heads, valueHeads: kvHeads, size } as const;
    const parts = this.#add({ name: `${at}.weighted.parts`, ...weighted });
    const attended = this.#add({
      name: `${at}.weighted`,
      kind: "partSum",
      input: parts,
      parts: "positionParts",
      heads: 1,
      width: heads * size,
      shift: shift.weighted,
      clip: clips.activation,
    });
    const post = { shift: shift.o, clip: clips.residual, residual: stream };
    return { stream: this.#linear(`${at}.attended`, attended, heads * size, width, post), rows: { keys, values } };
  }

  #feedForward(at: string, stream: string, shift: Layer): string {
    const { width, hidden, clips } = this.#arithmetic;
    const input = this.#norm(`${at}.norm2`, stream);
    const side = (name: string, bits: number) =>
      this.#linear(`${at}.${name}`, input, width, hidden, { shift: bits, clip: clips.gate });
    const gated = {
      kind: "gate",
      gate: side("gate", shift.gate),
      up: side("up", shift.up),
      width: hidden,
      shift: shift.hidden,
      clip: clips.activation,
    } as const;
    const inner = this.#add({ name: `${at}.hidden`, ...gated });
    const post = { shift: shift.down, clip: clips.residual, residual: stream };
    return this.#linear(`${at}.block`, inner, hidden, width, post);
  }
}

import { WeftError } from "../../core/errors.ts";
import type { Values } from "../../core/model-forward.ts";
import { type Op, type OpOf, type Program, partsOf } from "../../core/model-program.ts";
import { Lowering } from "./lowering.ts";

/** A matrix product, and what shifts it and keeps it within a clip: the same operation, or the sum of its parts. */
type Product = { op: OpOf<"linear">; post: OpOf<"linear" | "partSum"> };

/**
 * The graph that ONNX Runtime runs: what the program says, operation by operation, with those beside one another merged.
 * Tensors of one head are `[T, columns]`, or `[1, heads, T, size]` where attention reads them; those of many heads
 * `[1, key heads, heads of a key head × T, …]`. What is summed in parts, is summed at once.
 * @param label the model's name, and its root in hexadecimal
 * @throws WeftError `unsupported`, the field being the operation's name, for a program that is put together otherwise
 *   than those of this project
 */
export function buildGraph(
  program: Program,
  constants: (name: string) => Values,
  label: { name: string; root: string },
): { bytes: Uint8Array; nodes: number } {
  const builder = new Builder(program, constants);
  builder.build();
  return { bytes: builder.graph.encode(label.name, label.root), nodes: builder.graph.nodes };
}

const unsupported = (name: string, why: string) =>
  new WeftError("unsupported", `${name} ${why}`, { field: name, remedy: "compile a config of this project's format" });

class Builder {
  readonly #program: Program;
  readonly #lower: Lowering;
  readonly #ops: ReadonlyMap<string, Op>;
  /** Graph values, by the name of the tensor. */
  readonly #values = new Map<string, string>();
  /** What a layer's attention reads, before any of it is turned: by the name of each member. */
  readonly #unturned = new Map<string, { value: string; members: readonly OpOf<"rope">[] }>();
  readonly #exponentials = new Map<string, string>();
  readonly #ids: string;
  readonly #positions: string;
  readonly #angles = new Map<string, { cosines: string; sines: string }>();
  readonly #masks = new Map<string, string>();

  constructor(program: Program, constants: (name: string) => Values) {
    this.#program = program;
    this.#lower = new Lowering(constants);
    this.#ops = new Map(program.ops.map((op) => [op.name, op]));
    const flat = (name: string) =>
      this.graph.node("Reshape", [this.graph.input(name, "int64", [1, "S"]), this.graph.integers(-1)]);
    this.#ids = flat("input_ids");
    this.#positions = flat("position_ids");
  }

  get graph() {
    return this.#lower.graph;
  }

  build(): void {
    const { ops, logits, vocab } = this.#program;
    for (const op of ops) if (!this.#values.has(op.name)) this.#emit(op);
    this.graph.node("Reshape", [this.#value(logits), this.graph.integers(1, -1, vocab)], {}, "logits");
    this.graph.output("logits", [1, "S", vocab]);
  }

  #value(name: string): string {
    const value = this.#values.get(name);
    if (value === undefined) throw unsupported(name, "is read where the graph has no value of it");
    return value;
  }

  #emit(op: Op): void {
    const value = this.#lowered(op);
    if (value !== undefined) this.#values.set(op.name, value);
  }

  /** Undefined of what has its value set, or is merged with what reads it. */
  #lowered(op: Op): string | undefined {
    const lower = this.#lower;
    switch (op.kind) {
      case "embedding":
        return lower.rounded(lower.rows(op.weights, [this.#program.vocab, op.width], this.#ids), op.shift);
      case "squareSum": {
        const scaled = lower.clipped(lower.rounded(this.#value(op.input), op.shift), op.clip);
        return this.graph.node("ReduceSumSquare", [scaled], { axes: { ints: [-1] } });
      }
      case "norm": {
        const factor = lower.factor(this.#value(op.sum), op.placeTable, op);
        return lower.clipped(lower.halfUp(this.graph.node("Mul", [this.#value(op.input), factor])), op.clip);
      }
      case "linear":
        return partsOf(op.inner) > 1 ? undefined : this.#project({ op, post: op });
      case "rope":
        return this.#turn(op);
      case "score":
        return this.#scores(op);
      case "scoreMax":
        return this.graph.node("ReduceMax", [this.#value(op.scores)], { axes: { ints: [-1] } });
      case "partMax":
        return this.#value(op.input);
      case "expSum":
        return this.graph.node("ReduceSum", [this.#exponential(op), this.graph.integers(-1)]);
      case "probability": {
        const factor = lower.factor(this.#value(op.sum), op.placeTable, op);
        return lower.halfUp(this.graph.node("Mul", [this.#exponential(op), factor]));
      }
      case "weightedSum":
        return this.graph.node("MatMul", [
          this.#value(op.probabilities),
          this.#withPast(op.values, op.valueHeads, op.size),
        ]);
      case "partSum":
        return this.#sum(op);
      case "gate":
        return this.#gate(op);
    }
  }

  /** The product that an operation makes, of one part or as the sum of its parts. */
  #productOf(post: Op): Product | undefined {
    if (post.kind === "linear" && partsOf(post.inner) === 1) return { op: post, post };
    const op = post.kind === "partSum" ? this.#ops.get(post.input) : undefined;
    return op?.kind === "linear" ? { op, post: post as OpOf<"partSum"> } : undefined;
  }

  /** Products of one input are made at once, but for those that a residual is added to. */
  #project(product: Product): string | undefined {
    const { residual } = product.post;
    const input = this.#value(product.op.input);
    if (residual !== undefined) return this.#lower.product(input, [product], this.#value(residual));
    const beside = this.#program.ops.map((op) => this.#productOf(op)).filter((other) => other !== undefined);
    const alike = beside.filter(({ op, post }) => op.input === product.op.input && post.residual === undefined);
    const members = alike.map(({ op, post }) => ({ name: post.name, outer: op.outer }));
    const value = this.#lower.product(input, alike);
    const turned = members.map(({ name }) => this.#program.ops.find((op) => op.kind === "rope" && op.input === name));
    if (turned.every((op) => op === undefined)) {
      const sizes = members.map(({ outer }) => outer);
      for (const [i, part] of this.graph.split(value, -1, sizes).entries()) this.#values.set(members[i].name, part);
      return;
    }
    // Queries and keys first, so that they are turned at once; then values.
    const ropes = turned.filter((op) => op !== undefined) as OpOf<"rope">[];
    const { size } = ropes[0];
    const heads = members.map(({ outer }) => outer / size);
    if (turned.slice(ropes.length).some((op) => op !== undefined) || heads.some((many) => !Number.isInteger(many)))
      throw unsupported(members[0].name, "is made beside values that are not heads");
    const all = heads.reduce((sum, many) => sum + many, 0);
    const split = this.graph.node("Reshape", [value, this.graph.integers(1, -1, all, size)]);
    const headed = this.graph.node("Transpose", [split], { perm: { ints: [0, 2, 1, 3] } });
    const joint = heads.slice(0, ropes.length).reduce((sum, many) => sum + many, 0);
    const [first, ...others] = this.graph.split(headed, 1, [joint, ...heads.slice(ropes.length)]);
    for (const rope of ropes) this.#unturned.set(rope.input, { value: first, members: ropes });
    for (const [i, { name }] of members.entries())
      this.#values.set(name, i < ropes.length ? first : others[i - ropes.length]);
  }

  #turn(op: OpOf<"rope">): undefined {
    const { value, members } = this.#unturned.get(op.input) ?? {};
    if (value === undefined || members === undefined) throw unsupported(op.name, "turns what is not made for it");
    const alike = ({ angleTable, size, shift, clip }: OpOf<"rope">) => `${angleTable} ${size} ${shift} ${clip}`;
    if (members.some((other) => alike(other) !== alike(op)))
      throw unsupported(op.name, "is turned otherwise than others");
    const { graph } = this;
    const half = op.size / 2;
    let angles = this.#angles.get(alike(op));
    angles ??= this.#lower.angles(op, this.#program.maxPositions, this.#positions);
    this.#angles.set(alike(op), angles);
    const swapped = graph.constant(`swap ${op.size}`, [op.size], () =>
      BigInt64Array.from({ length: op.size }, (_, i) => BigInt((i + half) % op.size)),
    );
    const other = graph.node("Gather", [value, swapped], { axis: { int: -1 } });
    const terms = [graph.node("Mul", [value, angles.cosines]), graph.node("Mul", [other, angles.sines])];
    if (op.shift > 0) terms.push(graph.scalar(0.5));
    const sum = graph.node("Sum", terms);
    const turned = this.#lower.clipped(op.shift > 0 ? graph.node("Floor", [sum]) : sum, op.clip);
    const parts = graph.split(
      turned,
      1,
      members.map(({ heads }) => heads),
    );
    for (const [i, part] of parts.entries()) this.#values.set(members[i].name, part);
  }

  /** Keys or values of earlier positions and these, `[1, heads, past + T, size]`: what the graph is fed and gives back. */
  #withPast(name: string, heads: number, size: number): string {
    const layer = this.#program.rows.findIndex(({ keys, values }) => keys === name || values === name);
    if (layer < 0) throw unsupported(name, "is read at all positions, and is no row");
    const part = this.#program.rows[layer].keys === name ? "key" : "value";
    const past = this.graph.input(`past_key_values.${layer}.${part}`, "float32", [1, heads, "P", size]);
    const present = `present.${layer}.${part}`;
    this.graph.output(present, [1, heads, "T", size]);
    return this.graph.node("Concat", [past, this.#value(name)], { axis: { int: 2 } }, present);
  }

  #scores(op: OpOf<"score">): string {
    const { graph } = this;
    const keys = this.#withPast(op.keys, op.keyHeads, op.size);
    const across = graph.node("Transpose", [keys], { perm: { ints: [0, 1, 3, 2] } });
    const queries = graph.node("Reshape", [this.#value(op.queries), graph.integers(1, op.keyHeads, -1, op.size)]);
    return graph.node("Add", [graph.node("MatMul", [queries, across]), this.#mask(op, keys)]);
  }

  /** `[heads of a key head × T, past + T]`: 0, or what is taken from scores of keys behind the position. */
  #mask({ mask, heads, keyHeads }: OpOf<"score">, keys: string): string {
    const group = heads / keyHeads;
    const made = this.#masks.get(`${mask} ${group}`);
    if (made !== undefined) return made;
    const { graph } = this;
    const most = this.#program.maxPositions;
    const numbers = graph.constant("numbers", [most], () => Array.from({ length: most }, (_, i) => i));
    const length = graph.node("Shape", [keys], { start: { int: 2 }, end: { int: 3 } });
    const places = graph.node("Slice", [numbers, graph.integers(0), length]);
    const positions = graph.node("Gather", [
      graph.constant("numbers in rows", [most, 1], () => Array.from({ length: most }, (_, i) => i)),
      this.#positions,
    ]);
    const behind = graph.node("Clip", [graph.node("Sub", [places, positions]), graph.scalar(0), graph.scalar(1)]);
    const one = graph.node("Mul", [behind, graph.scalar(-mask)]);
    const value = group === 1 ? one : graph.node("Concat", new Array(group).fill(one), { axis: { int: 0 } });
    this.#masks.set(`${mask} ${group}`, value);
    return value;
  }

  #exponential(op: OpOf<"expSum" | "probability">): string {
    const name = `${op.scores} ${op.max} ${op.expTable} ${op.shift}`;
    let value = this.#exponentials.get(name);
    if (value === undefined) {
      const below = this.graph.node("Sub", [this.#value(op.max), this.#value(op.scores)]);
      value = this.#lower.shiftedEntry(below, op.expTable, op);
      this.#exponentials.set(name, value);
    }
    return value;
  }

  #sum(op: OpOf<"partSum">): string | undefined {
    const product = this.#productOf(op);
    if (product) return this.#project(product);
    const input = this.#ops.get(op.input) as Op;
    if (op.residual !== undefined) throw unsupported(op.name, "adds a residual to no product");
    const value = this.#lower.clipped(this.#lower.rounded(this.#value(op.input), op.shift), op.clip);
    if (input.kind !== "weightedSum") return value;
    const heads = this.graph.node("Reshape", [value, this.graph.integers(input.heads, -1, input.size)]);
    const positions = this.graph.node("Transpose", [heads], { perm: { ints: [1, 0, 2] } });
    return this.graph.node("Reshape", [positions, this.graph.integers(-1, op.width)]);
  }

  #gate(op: OpOf<"gate">): string {
    const { graph } = this;
    const most = this.#productOf(this.#ops.get(op.gate) as Op)?.post.clip ?? 0;
    // What is above 0, scaled, in one operator: its own upper limit of 1 is not reached.
    const isBelowOne = most > 0 && most <= 2 ** op.shift;
    const open = isBelowOne
      ? graph.node("HardSigmoid", [this.#value(op.gate)], { alpha: { float: 2 ** -op.shift }, beta: { float: 0 } })
      : graph.node("Mul", [graph.node("Relu", [this.#value(op.gate)]), graph.scalar(2 ** -op.shift)]);
    const product = graph.node("Mul", [open, this.#value(op.up)]);
    return this.#lower.clipped(op.shift > 0 ? this.#lower.halfUp(product) : product, op.clip);
  }
}

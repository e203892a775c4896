import { type Hex, zeroAddress } from "viem";
import { type Bytes, toHex, Writer } from "../../offchain/core/bytes.ts";
import { ListTree } from "../../offchain/core/list-tree.ts";
import { elementOf, type Operand } from "../../offchain/core/model-element.ts";
import { forward, type Tensor, type Values } from "../../offchain/core/model-forward.ts";
import type { Manifest } from "../../offchain/core/model-manifest.ts";
import { manifestLeaves, modelTree } from "../../offchain/core/model-manifest.ts";
import { type Constant, type Op, operandsOf, PART, partsOf, sizesOf } from "../../offchain/core/model-program.ts";
import { MODEL_TREE, tile, tileTree } from "../../offchain/core/model-tiles.ts";
import { leafHash, TREE, type TreeKind } from "../../offchain/core/tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";

/** A model with everything that is known of it. */
export type Known = { manifest: Manifest; valuesOf: (name: string) => Values };
export type Place = { head: number; position: number; part: number; column: number };
type Read = { name: string; isConstant: boolean; places: Place[] };
type Tile = { values: Hex; proof: Hex[] };

/** Tiles of a group. */
const GROUP = 16;
export const hex = (list: readonly Bytes[]): Hex[] => list.map((one) => toHex(one) as Hex);
const listOf = (kind: TreeKind, leaves: readonly Bytes[]) =>
  new ListTree(
    crypto,
    kind,
    leaves.map((leaf) => leafHash(crypto, kind, leaf)),
  );

type Hashed = { tiles: Bytes[]; groups: ListTree[]; tensor: ListTree };

/** The tensors of a forward pass, laid out and hashed the obvious way. */
export class PlainTrace {
  readonly known: Known;
  readonly tokens: readonly number[];
  /** Of every tensor, one for each head of each operation. */
  readonly #values: (number[] | undefined)[];
  readonly #hashed = new Map<number, Hashed>();

  /** @param values a tensor without any has a root of which nobody knows what is below */
  constructor(known: Known, tokens: readonly number[], values: (number[] | undefined)[] = []) {
    this.known = known;
    this.tokens = tokens;
    this.#values = values;
  }

  static of(known: Known, tokens: readonly number[]): PlainTrace {
    const trace = new PlainTrace(known, tokens);
    const tensors = forward(known.manifest.program, known.valuesOf, tokens);
    for (const op of known.manifest.program.ops) {
      const { heads, parts, columns } = sizesOf(op, tokens.length);
      const { values } = tensors.get(op.name) as Tensor;
      for (let head = 0; head < heads; head++) {
        const own = new Array<number>(tokens.length * parts * columns);
        for (let position = 0; position < tokens.length; position++)
          for (let part = 0; part < parts; part++)
            for (let column = 0; column < columns; column++) {
              const value = values[((head * tokens.length + position) * parts + part) * columns + column];
              own[trace.indexOf(op, { head, position, part, column })] = Number(value);
            }
        trace.#values.push(own);
      }
    }
    return trace;
  }

  get tensors(): number {
    return this.#values.length;
  }

  value(op: Op, place: Place): number {
    return this.#of(this.tensorOf(op, place.head))[this.indexOf(op, place)] as number;
  }

  set(op: Op, place: Place, value: number): void {
    const tensor = this.tensorOf(op, place.head);
    this.#of(tensor)[this.indexOf(op, place)] = value;
    this.#hashed.delete(tensor);
  }

  #of(tensor: number): number[] {
    const values = this.#values[tensor];
    if (!values) throw new Error(`tensor ${tensor} has no values`);
    return values;
  }

  indexOf(op: Op, { position, part, column }: Place): number {
    if (this.known.manifest.program.rows.some(({ values }) => values === op.name))
      return column * this.tokens.length + position;
    const { parts, columns } = sizesOf(op, this.tokens.length);
    return (position * columns + column) * parts + part;
  }

  tensorOf(op: Op, head: number): number {
    const { ops } = this.known.manifest.program;
    const before = ops.slice(0, ops.indexOf(op));
    return before.reduce((sum, one) => sum + sizesOf(one, this.tokens.length).heads, head);
  }

  /** Its tiles, and the trees over them. */
  hashed(tensor: number): Hashed {
    let hashed = this.#hashed.get(tensor);
    if (!hashed) {
      const values = this.#of(tensor);
      const tiles = Array.from({ length: Math.ceil(values.length / PART) }, (_, i) => {
        const out = new Writer();
        for (const value of values.slice(PART * i, PART * (i + 1))) out.u32(value >>> 0);
        return out.done();
      });
      const groups = Array.from({ length: Math.ceil(tiles.length / GROUP) }, (_, i) =>
        listOf(MODEL_TREE.group, tiles.slice(GROUP * i, GROUP * (i + 1))),
      );
      const roots = groups.map(({ root }) => root);
      hashed = { tiles, groups, tensor: listOf(MODEL_TREE.tensor, roots) };
      this.#hashed.set(tensor, hashed);
    }
    return hashed;
  }

  roots(): Bytes[] {
    return this.#values.map((values, tensor) =>
      values ? this.hashed(tensor).tensor.root : crypto.keccak256(new Writer().u32(tensor).done()),
    );
  }

  tree(): ListTree {
    return listOf(MODEL_TREE.trace, this.roots());
  }

  run(op: Op, place: Place, count: number): { tiles: Tile[]; proof: Hex[] } {
    const tensor = this.tensorOf(op, place.head);
    const first = this.indexOf(op, place);
    const hashed = this.hashed(tensor);
    const tiles: Tile[] = [];
    for (let number = Math.floor(first / PART); number * PART < first + count; number++) {
      const group = Math.floor(number / GROUP);
      const below = (hashed.groups[group] as ListTree).proof(number % GROUP);
      const proof = hex([...below, ...hashed.tensor.proof(group)]);
      tiles.push({ values: toHex(hashed.tiles[number] as Bytes) as Hex, proof });
    }
    return { tiles, proof: hex(this.tree().proof(tensor)) };
  }

  /** What an element is made of, by looking over the shoulder of core's rule. */
  readsOf(op: Op, place: Place): Read[] {
    const { program } = this.known.manifest;
    const { tensors, constants } = operandsOf(op, program.vocab, program.maxPositions);
    const residual = "residual" in op ? op.residual : undefined;
    const names = [
      ...tensors.map(({ name }) => ({ name, isConstant: false })).filter(({ name }) => name !== residual),
      ...constants.map(({ name }) => ({ name, isConstant: true })),
      ...(residual === undefined ? [] : [{ name: residual, isConstant: false }]),
    ];
    const reads: Read[] = names.map((one) => ({ ...one, places: [] }));
    const look = (name: string, where: Place) => {
      const places = (reads.find((read) => read.name === name) as Read).places;
      const isSame = (one: Place) => JSON.stringify(one) === JSON.stringify(where);
      if (!places.some(isSame)) places.push(where);
    };
    const from: Operand = {
      positions: this.tokens.length,
      token: (position) => this.tokens[position] as number,
      tensor: (name) => (head, position, part, column) => {
        const where = { head, position, part, column };
        look(name, where);
        const maker = program.ops.find((one) => one.name === name) as Op;
        return BigInt(this.value(maker, where));
      },
      constant: (name) => (row, column) => {
        look(name, { head: 0, position: row, part: 0, column });
        const { columns } = program.constants.find((one) => one.name === name) as Constant;
        return BigInt(this.known.valuesOf(name)[row * columns + column] as number);
      },
    };
    elementOf(op, from)(place.head, place.position, place.part, place.column);
    // What a court is always shown: all of a table, and both sides of a gate.
    if (op.kind === "expSum") {
      const table = reads.find(({ name }) => name === op.expTable) as Read;
      table.places = Array.from({ length: op.entries }, (_, column) => ({ head: 0, position: 0, part: 0, column }));
    }
    if (op.kind === "gate") for (const name of [op.gate, op.up]) look(name, place);
    if (op.kind !== "rope") return reads;
    return reads.flatMap((read) => read.places.map((one) => ({ ...read, places: [one] })));
  }
}

/** Proofs about a trace, as contracts take them. */
export class Prover {
  readonly trace: PlainTrace;
  readonly #leaves: Bytes[];
  readonly #model: ListTree;
  readonly #tiles: ListTree;
  readonly #context: ListTree;

  constructor(trace: PlainTrace) {
    this.trace = trace;
    const { manifest, valuesOf } = trace.known;
    this.#leaves = manifestLeaves(manifest);
    this.#model = modelTree(crypto, manifest);
    this.#tiles = tileTree(crypto, manifest.program.constants, valuesOf);
    this.#context = listOf(
      TREE.context,
      trace.tokens.map((token) => new Writer().u32(token).done()),
    );
  }

  get head(): Hex {
    return toHex(this.#leaves[0] as Bytes) as Hex;
  }

  get caseOf() {
    const { program } = this.trace.known.manifest;
    const zero = toHex(new Uint8Array(32));
    return {
      turn: zero,
      position: this.trace.tokens.length,
      token: 0,
      operator: zeroAddress,
      contextRoot: toHex(this.#context.root),
      model: toHex(this.#model.root),
      constants: program.constants.length,
      tensors: this.trace.tensors,
      requestId: zero,
      temperature: 0,
      gate: 0,
      memoryId: zero,
      memoryCheckpoint: 0n,
      memoryCheckpointHash: zero,
      opened: 0n,
      written: 0n,
      accuser: zeroAddress,
      bond: 0n,
    };
  }

  opAt(op: Op) {
    const number = this.trace.known.manifest.program.ops.indexOf(op);
    return { number, ...this.#leaf(1 + this.trace.known.manifest.program.constants.length + number) };
  }

  #leaf(index: number) {
    return { leaf: toHex(this.#leaves[index] as Bytes) as Hex, proof: hex(this.#model.proof(index)) };
  }

  element(op: Op, place: Place) {
    return {
      head: this.head,
      op: this.opAt(op),
      place,
      run: this.trace.run(op, place, 1),
      operands: this.trace.readsOf(op, place).map((read) => this.#operand(read)),
      token: this.trace.tokens[place.position] as number,
      tokenProof: op.kind === "embedding" ? hex(this.#context.proof(place.position)) : [],
    };
  }

  #operand({ name, isConstant, places }: Read) {
    const { ops, constants } = this.trace.known.manifest.program;
    const [first] = places as [Place];
    if (isConstant) {
      const index = constants.findIndex((one) => one.name === name);
      const { leaf, proof } = this.#leaf(1 + index);
      return { leaf, leafProof: proof, run: { tiles: this.#constantTiles(index, first, places.length), proof: [] } };
    }
    const maker = ops.find((one) => one.name === name) as Op;
    const { leaf, proof } = this.opAt(maker);
    return { leaf, leafProof: proof, run: this.trace.run(maker, first, places.length) };
  }

  #constantTiles(index: number, { position: row, column }: Place, count: number): Tile[] {
    const { manifest, valuesOf } = this.trace.known;
    const { constants } = manifest.program;
    const constant = constants[index] as Constant;
    const before = constants.slice(0, index).reduce((sum, one) => sum + one.rows * partsOf(one.columns), 0);
    const shown: Tile[] = [];
    for (let part = Math.floor(column / PART); part * PART < column + count; part++) {
      const number = before + row * partsOf(constant.columns) + part;
      const values = toHex(tile(constant, valuesOf(constant.name), row, part)) as Hex;
      shown.push({ values, proof: hex(this.#tiles.proof(number)) });
    }
    return shown;
  }

  answerAt() {
    return { place: 0n, traceRoot: toHex(this.trace.tree().root) };
  }

  headProof(): Hex[] {
    return hex(this.#model.proof(0));
  }
}

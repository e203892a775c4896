import assert from "node:assert/strict";
import { type Element, elementOf } from "../../offchain/core/model-element.ts";
import type { Values } from "../../offchain/core/model-forward.ts";
import { type Manifest, modelTree } from "../../offchain/core/model-manifest.ts";
import { type Program, partsOf } from "../../offchain/core/model-program.ts";
import { MODEL_TREE, tilesOf, tileTree } from "../../offchain/core/model-tiles.ts";
import { type ElementPlace, TraceLayout } from "../../offchain/core/model-trace-layout.ts";
import { ModelOpener } from "../../offchain/core/model-trace-model.ts";
import type { ElementProof, OpenedRun } from "../../offchain/core/model-trace-proof.ts";
import { readsOf } from "../../offchain/core/model-trace-reads.ts";
import type { OpenedTile } from "../../offchain/core/model-trace-tree.ts";
import { leafHash, rootOf, verifyProof } from "../../offchain/core/tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";

/** What a generator of steps comes to. */
export function toEnd<T>(steps: Generator<unknown, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** A model of any program, ready to be opened. */
export function openerOf(program: Program, constants: (name: string) => Values): ModelOpener {
  const tilesRoot = tileTree(crypto, program.constants, constants).root;
  const manifest = { name: "drawn", tokenizer: "bytes", endTokens: [], samplerK: 6, program, tilesRoot };
  return new ModelOpener(crypto, manifest, constants);
}

/** The root that a tile leads to at its number: 4 siblings in its group, 9 in its tensor. */
export function tensorRootBy(number: number, { values, proof }: OpenedTile): Uint8Array {
  assert.equal(proof.length, 13);
  const leaf = leafHash(crypto, MODEL_TREE.group, values);
  const group = rootOf(crypto, MODEL_TREE.group, leaf, number % 16, proof.slice(0, 4));
  const inTensor = leafHash(crypto, MODEL_TREE.tensor, group);
  return rootOf(crypto, MODEL_TREE.tensor, inTensor, Math.floor(number / 16), proof.slice(4));
}

const int = (bytes: Uint8Array, width: number, index: number): bigint => {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (width === 4) return BigInt(view.getInt32(4 * index));
  return BigInt(width === 2 ? view.getInt16(2 * index) : view.getInt8(index));
};

/** Values of tiles that were opened, each under roots that a court knows. */
class Shown {
  readonly #tiles = new Map<string, Uint8Array>();

  /** A tensor's tiles from the one that has this index on. */
  tensor(traceRoot: Uint8Array, number: number, index: number, { tiles, proof }: OpenedRun): void {
    for (const [i, tile] of tiles.entries()) {
      const at = Math.floor(index / 256) + i;
      const leaf = leafHash(crypto, MODEL_TREE.trace, tensorRootBy(at, tile));
      assert.ok(verifyProof(crypto, MODEL_TREE.trace, traceRoot, leaf, number, proof), `tensor ${number}, tile ${at}`);
      this.#tiles.set(`${number}:${at}`, tile.values);
    }
  }

  constant(tilesRoot: Uint8Array, name: string, firstTile: number, part: number, { tiles }: OpenedRun): void {
    for (const [i, { values, proof }] of tiles.entries()) {
      const leaf = leafHash(crypto, MODEL_TREE.tiles, values);
      const number = firstTile + part + i;
      assert.ok(verifyProof(crypto, MODEL_TREE.tiles, tilesRoot, leaf, number, proof), `${name}, tile ${part + i}`);
      this.#tiles.set(`${name}:${part + i}`, values);
    }
  }

  value(of: number | string, tile: number, width: number, index: number): bigint {
    const bytes = this.#tiles.get(`${of}:${tile}`);
    assert.ok(bytes && width * index < bytes.length, `${of}: value ${index} of tile ${tile} was not opened`);
    return int(bytes, width, index);
  }
}

export type Judged = {
  manifest: Manifest;
  modelRoot: Uint8Array;
  traceRoot: Uint8Array;
  positions: number;
  /** The tensors that lead to entries of tables. */
  tensors: ReadonlyMap<number, Int32Array>;
};

/** What a court finds: what stands in the answer, and what should. Fails where anything that was shown leads elsewhere. */
export function judge({ manifest, modelRoot, traceRoot, positions, tensors }: Judged, proof: ElementProof) {
  const { program, tilesRoot } = manifest;
  const layout = new TraceLayout(program, positions);
  const isLeaf = (index: number, leaf: Uint8Array, siblings: readonly Uint8Array[]) => {
    const hash = leafHash(crypto, MODEL_TREE.model, leaf);
    assert.ok(verifyProof(crypto, MODEL_TREE.model, modelRoot, hash, index, siblings), `leaf ${index}`);
  };
  const opLeaf = (number: number) => 1 + program.constants.length + number;
  const shown = new Shown();
  const tensorValue = (name: string, at: ElementPlace) => {
    const traced = layout.of(name);
    const index = layout.indexOf(traced, at);
    return shown.value(traced.firstTensor + at.head, Math.floor(index / 256), 4, index % 256);
  };
  const { place, operands } = proof;
  const traced = layout.ops[proof.op.number];
  const { op, firstTensor } = traced;
  isLeaf(0, proof.head, modelTree(crypto, manifest).proof(0));
  isLeaf(opLeaf(proof.op.number), proof.op.leaf, proof.op.proof);
  shown.tensor(traceRoot, firstTensor + place.head, layout.indexOf(traced, place), proof.run);
  const stated = tensorValue(op.name, place);

  const token = proof.token ?? -1;
  const reads = readsOf(op, place, positions, token, ({ name, first }) => {
    const from = layout.of(name);
    return (tensors.get(from.firstTensor + first.head) as Int32Array)[layout.indexOf(from, first)];
  });
  assert.equal(reads.length, operands.length);
  for (const [i, { name, isConstant, first }] of reads.entries()) {
    const { leaf, leafProof, run } = operands[i];
    if (!isConstant) {
      const from = layout.of(name);
      isLeaf(opLeaf(from.number), leaf, leafProof);
      shown.tensor(traceRoot, from.firstTensor + first.head, layout.indexOf(from, first), run);
      continue;
    }
    const number = program.constants.findIndex((constant) => constant.name === name);
    isLeaf(1 + number, leaf, leafProof);
    const firstTile = program.constants.slice(0, number).reduce((sum, one) => sum + tilesOf(one), 0);
    const part = first.position * partsOf(program.constants[number].columns) + Math.floor(first.column / 256);
    shown.constant(tilesRoot, name, firstTile, part, run);
  }

  const tensor =
    (name: string): Element =>
    (head, position, part, column) =>
      tensorValue(name, { head, position, part, column });
  const constant = (name: string) => (row: number, column: number) => {
    const { columns, bytes } = program.constants.find((one) => one.name === name) as { columns: number; bytes: number };
    return shown.value(name, row * partsOf(columns) + Math.floor(column / 256), bytes, column % 256);
  };
  const expected = elementOf(op, { positions, token: () => token, tensor, constant })(
    place.head,
    place.position,
    place.part,
    place.column,
  );
  return { stated, expected };
}

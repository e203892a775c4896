import type { Bytes } from "./bytes.ts";
import type { ListTree } from "./list-tree.ts";
import type { Values } from "./model-forward.ts";
import { type Manifest, manifestLeaves, modelTree } from "./model-manifest.ts";
import { type Constant, PART, partsOf } from "./model-program.ts";
import { tile, tilesOf, tileTree } from "./model-tiles.ts";
import type { OpenedTile } from "./model-trace-tree.ts";
import type { Hashing } from "./ports.ts";

/** An operation as a court is shown it: its leaf, and what stands beside its path from the bottom up in the model's tree. */
export type OpenedOp = { number: number; leaf: Bytes; proof: Bytes[] };
/** The leaf of an operation or constant that is read. */
export type OpenedLeaf = { leaf: Bytes; leafProof: Bytes[] };

/** Opens leaves and constants of an exact model. */
export class ModelOpener {
  readonly manifest: Manifest;
  readonly constants: (name: string) => Values;
  readonly #h: Hashing;
  readonly #leaves: readonly Bytes[];
  readonly #tree: ListTree;
  readonly #placed = new Map<string, { constant: Constant; number: number; firstTile: number }>();
  #tiles?: ListTree;

  constructor(h: Hashing, manifest: Manifest, constants: (name: string) => Values) {
    this.#h = h;
    this.manifest = manifest;
    this.constants = constants;
    this.#leaves = manifestLeaves(manifest);
    this.#tree = modelTree(h, manifest);
    let firstTile = 0;
    for (const [number, constant] of manifest.program.constants.entries()) {
      this.#placed.set(constant.name, { constant, number, firstTile });
      firstTile += tilesOf(constant);
    }
  }

  /** Leaf 0. */
  get head(): Bytes {
    return this.#leaves[0];
  }

  op(number: number): OpenedOp {
    const { leaf, leafProof } = this.#leaf(1 + this.manifest.program.constants.length + number);
    return { number, leaf, proof: leafProof };
  }

  constant(name: string): OpenedLeaf {
    return this.#leaf(1 + this.#of(name).number);
  }

  /** The tiles that a run of a constant's row is in, each with 24 siblings. */
  run(name: string, row: number, column: number, count: number): OpenedTile[] {
    const { program } = this.manifest;
    const { constant, firstTile } = this.#of(name);
    this.#tiles ??= tileTree(this.#h, program.constants, this.constants);
    const tiles: OpenedTile[] = [];
    for (let part = Math.floor(column / PART); part * PART < column + count; part++) {
      const number = firstTile + row * partsOf(constant.columns) + part;
      tiles.push({ values: tile(constant, this.constants(name), row, part), proof: this.#tiles.proof(number) });
    }
    return tiles;
  }

  #leaf(index: number): OpenedLeaf {
    return { leaf: this.#leaves[index], leafProof: this.#tree.proof(index) };
  }

  #of(name: string) {
    return this.#placed.get(name) as { constant: Constant; number: number; firstTile: number };
  }
}

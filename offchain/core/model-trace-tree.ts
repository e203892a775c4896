import type { Bytes } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import { ListTree } from "./list-tree.ts";
import type { Values } from "./model-forward.ts";
import type { Program } from "./model-program.ts";
import { MODEL_TREE } from "./model-tiles.ts";
import { GROUP_TILES, GROUP_VALUES, TILE_BYTES, TILE_VALUES, TraceLayout, VALUE_BYTES } from "./model-trace-layout.ts";
import { runProgram } from "./model-trace-run.ts";
import type { Hashing } from "./ports.ts";
import { leafHash } from "./tree.ts";

/** Up to 256 values as they are hashed, and what stands beside their path from the bottom up: 4 in the group, 9 in the tensor. */
export type OpenedTile = { values: Bytes; proof: Bytes[] };

/** How many groups a tensor of so many values has. */
export const groupsOf = (values: number): number => Math.ceil(values / GROUP_VALUES);

/** The bytes of one group of a tensor: its values as int32, big endian. */
export function groupBytes(values: Int32Array, group: number): Bytes {
  const part = values.subarray(group * GROUP_VALUES, (group + 1) * GROUP_VALUES);
  const out = new Uint8Array(part.length * VALUE_BYTES);
  const view = new DataView(out.buffer);
  for (let i = 0; i < part.length; i++) view.setInt32(i * VALUE_BYTES, part[i]);
  return out;
}

/** The tree over the tiles of a group, by its bytes. */
export function groupTree(h: Hashing, bytes: Bytes): ListTree {
  const leaves: Bytes[] = [];
  for (let at = 0; at < bytes.length; at += TILE_BYTES)
    leaves.push(leafHash(h, MODEL_TREE.group, bytes.subarray(at, at + TILE_BYTES)));
  return new ListTree(h, MODEL_TREE.group, leaves);
}

/** The tree over the roots of a tensor's groups. */
export function tensorTree(h: Hashing, groupRoots: readonly Bytes[]): ListTree {
  return rootsTree(h, MODEL_TREE.tensor, groupRoots);
}

/** The tree over the roots of a trace's tensors. */
export function traceTree(h: Hashing, tensorRoots: readonly Bytes[]): ListTree {
  return rootsTree(h, MODEL_TREE.trace, tensorRoots);
}

function rootsTree(h: Hashing, kind: (typeof MODEL_TREE)["tensor" | "trace"], roots: readonly Bytes[]): ListTree {
  return new ListTree(
    h,
    kind,
    roots.map((root) => leafHash(h, kind, root)),
  );
}

/** A step for each group. */
export function* groupRoots(h: Hashing, values: Int32Array): Generator<undefined, Bytes[]> {
  const roots: Bytes[] = [];
  for (let group = 0; group < groupsOf(values.length); group++) {
    roots.push(groupTree(h, groupBytes(values, group)).root);
    yield;
  }
  return roots;
}

/** What an answer says, the roots of all tensors by number, and what follows from them: a logit for each token. */
export type Trace = { roots: Bytes[]; logits: Int32Array };

/** Runs a program over a whole context in steps, see `runProgram`; of the tensors nothing is kept. */
export function* traceOf(
  h: Hashing,
  program: Program,
  constants: (name: string) => Values,
  tokens: readonly number[],
): Generator<undefined, Trace> {
  const layout = new TraceLayout(program, tokens.length);
  const { firstTensor } = layout.of(program.logits);
  const roots: Bytes[] = [];
  let logits = new Int32Array();
  for (const computed of runProgram(program, constants, tokens)) {
    if (computed) {
      roots.push(tensorTree(h, yield* groupRoots(h, computed.values)).root);
      if (computed.tensor === firstTensor) logits = computed.values.slice(-program.vocab);
    }
    yield;
  }
  return { roots, logits };
}

/** Runs a program again, in steps, as far as the last of these tensors, and keeps them. */
export function* tensorsOf(
  program: Program,
  constants: (name: string) => Values,
  tokens: readonly number[],
  wanted: ReadonlySet<number>,
): Generator<undefined, Map<number, Int32Array>> {
  const kept = new Map<number, Int32Array>();
  for (const computed of runProgram(program, constants, tokens)) {
    if (computed && wanted.has(computed.tensor)) kept.set(computed.tensor, computed.values);
    if (kept.size === wanted.size) return kept;
    yield;
  }
  throw new WeftError("out_of_range", "the trace has no such tensor", { field: "tensor" });
}

/** Opens tiles of one tensor, of which all group roots are known. */
export class TensorOpener {
  readonly #h: Hashing;
  readonly #tree: ListTree;
  readonly #bytesOf: (group: number) => Bytes;

  /** @param bytesOf the bytes of a group; only of those that are opened */
  constructor(h: Hashing, groupRoots: readonly Bytes[], bytesOf: (group: number) => Bytes) {
    this.#h = h;
    this.#tree = tensorTree(h, groupRoots);
    this.#bytesOf = bytesOf;
  }

  get root(): Bytes {
    return this.#tree.root;
  }

  tile(number: number): OpenedTile {
    const group = Math.floor(number / GROUP_TILES);
    const bytes = this.#bytesOf(group);
    const within = number % GROUP_TILES;
    const values = bytes.slice(within * TILE_BYTES, (within + 1) * TILE_BYTES);
    return { values, proof: [...groupTree(this.#h, bytes).proof(within), ...this.#tree.proof(group)] };
  }

  /** The tiles that a run of values is in. */
  run(first: number, count: number): OpenedTile[] {
    return tilesAt(first, count).map((number) => this.tile(number));
  }
}

/** Numbers of the tiles that a run of values is in. */
export function tilesAt(first: number, count: number): number[] {
  const [from, to] = [Math.floor(first / TILE_VALUES), Math.floor((first + count - 1) / TILE_VALUES)];
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

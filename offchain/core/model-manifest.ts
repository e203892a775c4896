import { type Bytes, Reader, utf8, Writer } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import { ListTree } from "./list-tree.ts";
import { readOp, writeOp } from "./model-op-format.ts";
import { type Constant, checkProgram, type Op, type Program, shapeOf } from "./model-program.ts";
import { MODEL_TREE, tilesOf } from "./model-tiles.ts";
import type { Hashing } from "./ports.ts";
import { leafHash } from "./tree.ts";

/** All that the answers of an exact model depend on, beside the request. */
export type Manifest = {
  name: string;
  /** By name: how text becomes tokens. */
  tokenizer: string;
  /** Token ids that end an answer, ascending. */
  endTokens: readonly number[];
  /** By how many bits differences of logits are shifted, see `distribution`. */
  samplerK: number;
  program: Program;
  /** Root over the tiles of all constants. */
  tilesRoot: Bytes;
};

const VERSION = 1;
const LIMIT_NAME = 64;
const LIMIT_END_TOKENS = 256;
const LIMIT_ROWS = 1_024;
const LIMIT_LEAVES = 2 ** MODEL_TREE.model.depth;
const LIMIT_CONSTANT = 2 ** 24;
export const LIMIT_MANIFEST_BYTES = 2 ** 20;

/**
 * The leaves of a model's tree: what the model is, then its constants, then its operations. Each is encoded so that a
 * contract reads it by itself: operations by their number, constants with the number of their first tile, operations with
 * that of their first tensor.
 */
export function manifestLeaves(manifest: Manifest): Bytes[] {
  const { program, tilesRoot } = manifest;
  const { constants, ops, rows } = program;
  const opAt = new Map(ops.map(({ name }, i) => [name, i]));
  const constantAt = new Map(constants.map(({ name }, i) => [name, i]));
  const head = new Writer().u8(VERSION);
  writeName(head, manifest.name);
  writeName(head, manifest.tokenizer);
  head.u32(program.vocab).u32(program.maxPositions).u16(manifest.endTokens.length);
  for (const token of manifest.endTokens) head.u32(token);
  head.u8(manifest.samplerK).u16(constants.length).u16(ops.length).u16(rows.length);
  for (const { keys, values } of rows) head.u16(opAt.get(keys) as number).u16(opAt.get(values) as number);
  const tensors = ops.reduce((sum, op) => sum + shapeOf(op).heads, 0);
  head
    .u16(opAt.get(program.logits) as number)
    .u16(tensors)
    .fixed(tilesRoot, 32);
  let firstTile = 0;
  const leaves = [head.done()];
  for (const constant of constants) {
    const { name, ...sizes } = constant;
    const out = new Writer().u8(sizes.bytes).u32(sizes.rows).u32(sizes.columns).u32(firstTile);
    leaves.push(writeName(out, name).done());
    firstTile += tilesOf(constant);
  }
  let firstTensor = 0;
  for (const op of ops) {
    const out = writeOp(
      new Writer().u16(firstTensor),
      op,
      (name) => opAt.get(name),
      (name) => constantAt.get(name),
    );
    leaves.push(writeName(out, op.name).done());
    firstTensor += shapeOf(op).heads;
  }
  return leaves;
}

/** The leaves, each after its length. */
export function encodeManifest(manifest: Manifest): Bytes {
  const out = new Writer();
  for (const leaf of manifestLeaves(manifest)) out.bytes(leaf);
  return out.done();
}

/**
 * @throws WeftError `malformed` for anything but the one encoding of a manifest within the bounds, `bad_model` (field: the
 *   operation's name) for one whose operations do not fit one another
 */
export function decodeManifest(bytes: Bytes): Manifest {
  if (bytes.length > LIMIT_MANIFEST_BYTES)
    throw new WeftError("malformed", `a manifest has at most ${LIMIT_MANIFEST_BYTES} bytes`, { field: "manifest" });
  const from = new Reader(bytes, "manifest");
  const leaf = <T>(read: (from: Reader) => T): T => {
    const part = new Reader(from.bytes(LIMIT_MANIFEST_BYTES), "manifest");
    const value = read(part);
    part.end();
    return value;
  };
  const head = leaf(readHead);
  let firstTile = 0;
  const constants = Array.from({ length: head.constants }, () => {
    const constant = leaf((part) => readConstant(part, firstTile));
    firstTile += tilesOf(constant);
    return constant;
  });
  const ops: Op[] = [];
  let tensors = 0;
  while (ops.length < head.ops) {
    const op = leaf((part) => {
      if (part.u16() !== tensors) throw misnumbered(`operation ${ops.length} has another first tensor than ${tensors}`);
      const read = readOp(
        part,
        (index) => ops[index]?.name,
        (index) => constants[index]?.name,
      );
      return { ...read, name: readName(part) } as Op;
    });
    ops.push(op);
    tensors += shapeOf(op).heads;
  }
  from.end();
  if (tensors !== head.tensors) throw misnumbered(`there are ${tensors} tensors, and not ${head.tensors}`);
  const nameAt = (index: number): string => {
    const op = ops[index];
    if (!op) throw from.malformed(`names operation ${index} of ${ops.length}`);
    return op.name;
  };
  const { vocab, maxPositions, logits, name, tokenizer, endTokens, samplerK, tilesRoot } = head;
  const rows = head.rows.map(({ keys, values }) => ({ keys: nameAt(keys), values: nameAt(values) }));
  const program = { vocab, maxPositions, constants, ops, rows, logits: nameAt(logits) };
  checkProgram(program);
  return { name, tokenizer, endTokens, samplerK, program, tilesRoot };
}

/** What names an exact model in requests and in the registry: the root over its leaves. */
export function modelRoot(h: Hashing, manifest: Manifest): Bytes {
  return modelTree(h, manifest).root;
}

/** Proves single leaves into a model's root: 0 is the head, then come constants, then operations. */
export function modelTree(h: Hashing, manifest: Manifest): ListTree {
  const leaves = manifestLeaves(manifest);
  return new ListTree(
    h,
    MODEL_TREE.model,
    leaves.map((leaf) => leafHash(h, MODEL_TREE.model, leaf)),
  );
}

const misnumbered = (why: string) =>
  new WeftError("bad_model", why, { field: "manifest", remedy: "compile the model again" });

function writeName(out: Writer, name: string): Writer {
  const bytes = utf8(name);
  if (bytes.length === 0 || bytes.length > LIMIT_NAME)
    throw new WeftError("out_of_range", `a name has 1..${LIMIT_NAME} bytes: ${name}`, { field: "name" });
  return out.u8(bytes.length).raw(bytes);
}

function readName(from: Reader): string {
  const bytes = from.fixed(from.u8());
  const name = String.fromCharCode(...bytes);
  if (bytes.length > LIMIT_NAME || !/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/.test(name))
    throw from.malformed("has a name that is none");
  return name;
}

function readHead(from: Reader) {
  if (from.u8() !== VERSION) throw from.malformed("is of another version");
  const name = readName(from);
  const tokenizer = readName(from);
  const vocab = from.u32();
  const maxPositions = from.u32();
  if (vocab === 0 || maxPositions === 0) throw from.malformed("has no tokens, or no positions");
  const counted = (most: number): number => {
    const count = from.u16();
    if (count > most) throw from.malformed(`counts ${count}, more than ${most}`);
    return count;
  };
  const endTokens = Array.from({ length: counted(LIMIT_END_TOKENS) }, () => from.u32());
  if (endTokens.some((token, i) => token >= vocab || token <= (endTokens[i - 1] ?? -1)))
    throw from.malformed("has end tokens that do not ascend, or are none");
  const samplerK = from.u8();
  if (samplerK > 31) throw from.malformed(`shifts logits by ${samplerK}`);
  const [constants, ops] = [counted(LIMIT_LEAVES), counted(LIMIT_LEAVES)];
  if (1 + constants + ops > LIMIT_LEAVES) throw from.malformed("has more operations than the tree has leaves");
  const rows = Array.from({ length: counted(LIMIT_ROWS) }, () => ({ keys: from.u16(), values: from.u16() }));
  return {
    name,
    tokenizer,
    vocab,
    maxPositions,
    endTokens,
    samplerK,
    constants,
    ops,
    rows,
    logits: from.u16(),
    tensors: from.u16(),
    tilesRoot: from.hash(),
  };
}

function readConstant(from: Reader, firstTile: number): Constant {
  const bytes = from.u8();
  if (bytes !== 1 && bytes !== 2) throw from.malformed(`has constants of ${bytes} bytes`);
  const [rows, columns, first] = [from.u32(), from.u32(), from.u32()];
  if (rows === 0 || columns === 0 || rows > LIMIT_CONSTANT || columns > LIMIT_CONSTANT)
    throw from.malformed(`has a constant of ${rows} by ${columns}`);
  if (first !== firstTile) throw from.malformed(`has a constant at tile ${first}, not ${firstTile}`);
  return { name: readName(from), rows, columns, bytes };
}

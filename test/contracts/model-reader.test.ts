import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { type Bytes, fromHex, toHex, Writer } from "../../offchain/core/bytes.ts";
import { WeftError } from "../../offchain/core/errors.ts";
import { decodeManifest, manifestLeaves } from "../../offchain/core/model-manifest.ts";
import { LIMIT_VOCAB, type Op, operandsOf, type Program, shapeOf } from "../../offchain/core/model-program.ts";
import { MODEL_TREE, tilesOf } from "../../offchain/core/model-tiles.ts";
import { CONSTANTS, caseOf, chanceOf, FIRST_TENSOR, KINDS, opLeaf, TENSORS } from "./model-cases.ts";
import { type Harness, openHarness } from "./model-world.ts";

const CHANGES = 400;
const NO_RESIDUAL = 0xffffn;
const POSITION_PARTS = 0xffffffffn;

const austen = decodeManifest(new Uint8Array(readFileSync("models/weft-austen/manifest.bin")));
const leaves = manifestLeaves(austen);
const { constants, ops } = austen.program;
const opLeaves = leaves.slice(1 + constants.length);
const golden = JSON.parse(readFileSync(new URL("../vectors/formats.json", import.meta.url), "utf8")).models;
const padded = (values: number[], length: number) => Array.from({ length }, (_, i) => BigInt(values[i] ?? 0));

/** An operation as the chain says it. */
function said(op: Op, firstTensor: number, opAt: (name: string) => number, constantAt: (name: string) => number) {
  const fields = op as unknown as Record<string, number | string | undefined>;
  const number = (...keys: string[]) => {
    const key = keys.find((one) => typeof fields[one] === "number");
    return BigInt(key === undefined ? 0 : (fields[key] as number));
  };
  const operands = operandsOf(op, austen.program.vocab, austen.program.maxPositions);
  const residual = fields.residual as string | undefined;
  const tensors = operands.tensors.slice(0, operands.tensors.length - (residual === undefined ? 0 : 1));
  return {
    kind: KINDS.indexOf(op.kind) + 1,
    firstTensor: BigInt(firstTensor),
    tensors: padded(
      tensors.map(({ name }) => opAt(name)),
      3,
    ),
    constants: padded(
      operands.constants.map(({ name }) => constantAt(name)),
      2,
    ),
    residual: residual === undefined ? NO_RESIDUAL : BigInt(opAt(residual)),
    heads: fields.heads === undefined ? 1n : number("heads"),
    keyHeads: number("keyHeads", "valueHeads"),
    size: number("size", "width", "inner"),
    outer: number("outer"),
    parts: fields.parts === "positionParts" ? POSITION_PARTS : number("parts"),
    shift: number("shift"),
    clip: number("clip"),
    mask: number("mask"),
    entries: number("entries"),
    near: number("near"),
    far: number("far"),
    cap: number("cap"),
  };
}

describe("leaves of a manifest: the contracts' library against core", () => {
  let harness: Harness;
  before(async () => {
    harness = await openHarness();
  });
  after(() => harness.close());

  const readHead = (leaf: Bytes) => harness.call<Record<string, unknown>>("readHead", toHex(leaf));
  const readConstant = (leaf: Bytes) => harness.call<Record<string, unknown>>("readConstant", toHex(leaf));
  const readOp = (leaf: Bytes, number: number, count: number) =>
    harness.call<Record<string, unknown>>("readOp", toHex(leaf), number, count);
  const refused = (read: Promise<unknown>, why: string) => assert.rejects(read, /ModelReaderInvalid/, why);

  test("every leaf of the default model says what it says", async () => {
    const { program, samplerK, tilesRoot } = austen;
    assert.deepEqual(await readHead(leaves[0] as Bytes), {
      vocab: BigInt(program.vocab),
      maxPositions: BigInt(program.maxPositions),
      samplerK: BigInt(samplerK),
      constants: BigInt(constants.length),
      ops: BigInt(ops.length),
      logits: BigInt(ops.findIndex(({ name }) => name === program.logits)),
      values: program.rows.map(({ values }) => BigInt(ops.findIndex(({ name }) => name === values))),
      tensors: BigInt(ops.reduce((sum, op) => sum + shapeOf(op).heads, 0)),
      tilesRoot: toHex(tilesRoot),
    });
    let firstTile = 0;
    for (const [i, constant] of constants.entries()) {
      const { rows, columns, bytes } = constant;
      const is = { width: bytes, rows, columns, firstTile };
      const expected = Object.fromEntries(Object.entries(is).map(([key, value]) => [key, BigInt(value)]));
      assert.deepEqual(await readConstant(leaves[1 + i] as Bytes), expected, constant.name);
      firstTile += tilesOf(constant);
    }
    const opAt = (name: string) => ops.findIndex((op) => op.name === name);
    const constantAt = (name: string) => constants.findIndex((one) => one.name === name);
    let tensor = 0;
    for (const [i, op] of ops.entries()) {
      const expected = said(op, tensor, opAt, constantAt);
      assert.deepEqual(await readOp(opLeaves[i] as Bytes, i, constants.length), expected, op.name);
      tensor += shapeOf(op).heads;
    }
  });

  test("every leaf of the golden vectors says what stands beside it", async () => {
    const { manifest, leaves: shown, firstTiles, firstTensors } = golden;
    const { constants, ops, rows, vocab, maxPositions, logits } = manifest.program as Program;
    const opAt = (name: string) => ops.findIndex((op) => op.name === name);
    const constantAt = (name: string) => constants.findIndex((one) => one.name === name);
    const bytesOf = (index: number) => fromHex(shown[index]);
    const head = await readHead(bytesOf(0));
    assert.deepEqual(
      [head.vocab, head.maxPositions, head.samplerK, head.constants, head.ops, head.logits, head.tilesRoot],
      [
        ...[vocab, maxPositions, manifest.samplerK, constants.length, ops.length, opAt(logits)].map(BigInt),
        manifest.tilesRoot,
      ],
    );
    assert.deepEqual(
      head.values,
      rows.map(({ values }) => BigInt(opAt(values))),
    );
    for (const [i, { bytes, rows: many, columns }] of constants.entries()) {
      const { width, firstTile, ...sizes } = await readConstant(bytesOf(1 + i));
      assert.deepEqual(
        [width, firstTile, sizes],
        [BigInt(bytes), BigInt(firstTiles[i]), { rows: BigInt(many), columns: BigInt(columns) }],
      );
    }
    for (const [i, op] of ops.entries()) {
      const read = await readOp(bytesOf(1 + constants.length + i), i, constants.length);
      assert.deepEqual(read, said(op, firstTensors[i], opAt, constantAt), op.name);
    }
  });

  test("any operation, with shifts to the left and without a residual", async () => {
    for (const kind of KINDS)
      for (let seed = 1; seed <= 20; seed++) {
        const { op } = caseOf(kind, seed);
        const expected = said(
          op,
          FIRST_TENSOR,
          (name) => TENSORS.indexOf(name),
          (name) => CONSTANTS.indexOf(name),
        );
        assert.deepEqual(await readOp(opLeaf(op), TENSORS.length, CONSTANTS.length), expected, `${kind} ${seed}`);
      }
  });

  test("every other length is refused", async () => {
    const cut = async (leaf: Bytes, read: (leaf: Bytes) => Promise<unknown>) => {
      for (let length = 0; length < leaf.length; length++) await refused(read(leaf.slice(0, length)), `${length}`);
      await refused(read(new Uint8Array([...leaf, 0])), "longer");
    };
    await cut(leaves[0] as Bytes, readHead);
    await cut(leaves[1] as Bytes, readConstant);
    for (const kind of KINDS) await cut(opLeaf(caseOf(kind, 2).op), (leaf) => readOp(leaf, 4, 3));
  });

  test("a changed operation is refused where core refuses its bytes, else read as core reads it", async () => {
    const { below } = chanceOf(1);
    let [taken, without] = [0, 0];
    for (let i = 0; i < CHANGES; i++) {
      const number = below(ops.length);
      const leaf = (opLeaves[number] as Bytes).slice();
      leaf[below(leaf.length)] = below(3) === 0 ? below(3) - 1 : below(256);
      const changed = leaves.with(1 + constants.length + number, leaf);
      const bytes = changed.reduce((out, one) => out.bytes(one), new Writer()).done();
      let program: Program | string;
      try {
        program = decodeManifest(bytes).program;
      } catch (error) {
        program = error instanceof WeftError ? error.code : `${error}`;
      }
      const what = `${ops[number]?.name} as ${toHex(leaf)}`;
      if (program === "malformed") {
        await refused(readOp(leaf, number, constants.length), what);
        without++;
      } else if (typeof program !== "string") {
        const names = program.ops.map(({ name }) => name);
        const expected = said(
          program.ops[number] as Op,
          program.ops.slice(0, number).reduce((sum, op) => sum + shapeOf(op).heads, 0),
          (name) => names.indexOf(name),
          (name) => constants.findIndex((one) => one.name === name),
        );
        assert.deepEqual(await readOp(leaf, number, constants.length), expected, what);
        taken++;
      } else assert.equal(program, "bad_model", what);
    }
    assert.ok(taken > 20 && without > 20, `${taken} taken, ${without} refused`);
  });

  test("what no operation may be by itself is refused", async () => {
    const like = (op: Op, edit: object) => opLeaf({ ...op, ...edit } as Op);
    const of = (kind: (typeof KINDS)[number]) => caseOf(kind, 1).op;
    const wide = { inner: 257, shift: 0, clip: 0, residual: undefined };
    const sound: [Op, object, object][] = [
      [of("rope"), { size: 32 }, { size: 33 }],
      [of("score"), { heads: 4, keyHeads: 2 }, { heads: 3, keyHeads: 2 }],
      [of("score"), { size: 256 }, { size: 257 }],
      [of("weightedSum"), { heads: 4, valueHeads: 2 }, { heads: 1, valueHeads: 2 }],
      [of("linear"), wide, { ...wide, shift: 1 }],
      [of("linear"), wide, { ...wide, clip: 1 }],
      [of("linear"), wide, { ...wide, residual: "a" }],
      [of("partSum"), { parts: 256 }, { parts: 257 }],
    ];
    for (const [op, fine, wrong] of sound) {
      await readOp(like(op, fine), 4, 3);
      await refused(readOp(like(op, wrong), 4, 3), `${op.kind} ${JSON.stringify(wrong)}`);
    }
    const product = opLeaf({ ...of("linear"), inner: 1, input: "b", weights: "exp", residual: "c" } as Op);
    await readOp(product, 3, 2);
    await refused(readOp(product, 2, 2), "a residual that comes later");
    await refused(readOp(product, 3, 1), "a constant that is not there");
    await refused(
      readOp(opLeaf({ ...of("linear"), inner: 1, input: "before" } as Op), 3, 3),
      "an input that comes later",
    );
    for (const tag of [0, KINDS.length + 1, 255]) await refused(readOp(product.with(2, tag), 4, 3), `a kind ${tag}`);
  });

  test("fields of head and constants have bounds", async () => {
    const head = leaves[0] as Bytes;
    const names = 2 + austen.name.length + 1 + austen.tokenizer.length;
    const edited = (leaf: Bytes, at: number, ...bytes: number[]) => {
      const out = leaf.slice();
      out.set(bytes, at);
      return out;
    };
    const tail = head.length - 32;
    for (const [at, ...bytes] of [
      [0, 0],
      [0, 2],
      [1, 0],
      [1, 65],
      [2, 0x2e], // a name that begins with a dot
      [3, 0x20],
      [names, 0, 0, 0, 0],
      [names, ...new Writer().u32(LIMIT_VOCAB + 1).done()],
      [names + 4, 0, 0, 0, 0],
      [names + 8, 1, 1],
      [names + 10, 32],
      [names + 11, 0x0f, 0xff],
      [names + 13, 0x10, 0],
      [names + 15, 4, 1],
      [names + 17, 0xff, 0xff],
      [tail - 4, 0xff, 0xff],
      [tail - 2, 0x08, 0x01],
      [tail, ...new Uint8Array(32)],
    ] as [number, ...number[]][])
      await refused(readHead(edited(head, at, ...bytes)), `${bytes} at ${at}`);
    const constant = leaves[1] as Bytes;
    const size = 2 ** MODEL_TREE.tiles.depth;
    const u32 = (value: number) => [...new Writer().u32(value).done()];
    for (const [at, ...bytes] of [
      [0, 0],
      [0, 3],
      [1, 0, 0, 0, 0],
      [1, 1, 0, 0, 1],
      [5, 0, 0, 0, 0],
      [5, 1, 0, 0, 1],
      [9, ...u32(size)],
      [13, 0],
      [14, 0x5f],
    ] as [number, ...number[]][])
      await refused(readConstant(edited(constant, at, ...bytes)), `${bytes} at ${at}`);
    const last = size - tilesOf(constants[0] as (typeof constants)[number]);
    await readConstant(edited(constant, 9, ...u32(last)));
    await refused(readConstant(edited(constant, 9, ...u32(last + 1))), "past the last tile");
  });

  test("end tokens ascend and are tokens", async () => {
    const withEnds = (...endTokens: number[]) => manifestLeaves({ ...austen, endTokens })[0] as Bytes;
    const all = Array.from({ length: 256 }, (_, i) => i);
    for (const ends of [[0], [255], [0, 255], all]) await readHead(withEnds(...ends));
    for (const ends of [[256], [255, 256], [1, 1], [2, 1]]) await refused(readHead(withEnds(...ends)), `${ends}`);
  });
});

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { checkpointStruct } from "../../offchain/chain/convert.ts";
import { type Bytes, equal, fromHex, toHex, Writer } from "../../offchain/core/bytes.ts";
import { checkpointHash, genesisCheckpoint } from "../../offchain/core/checkpoint.ts";
import { rangeProof } from "../../offchain/core/context.ts";
import { domainSeparator } from "../../offchain/core/hash.ts";
import { Memories, type Memory } from "../../offchain/core/memories.ts";
import { encodeDefinition, LIMIT_ORDERS, ROWS_PER_ORDER, rowOf } from "../../offchain/core/memory-definition.ts";
import { LIMIT_VOCAB, type Op } from "../../offchain/core/model-program.ts";
import { tileTree } from "../../offchain/core/model-tiles.ts";
import { drawThreshold } from "../../offchain/core/request.ts";
import { emptyRoots, TREE, type TreeKind } from "../../offchain/core/tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { draw } from "../../offchain/inference/sampling.ts";
import { nextToken } from "../../offchain/node/next-token.ts";
import { openExaminers } from "./inference-world.ts";
import { PlainTrace, Prover } from "./plain-trace.ts";

/** What a transaction may take, less an eighth for what the court does with what it is told. */
const MOST = (2 ** 24 * 7) / 8;
const TOKENS = [5, 0, 3, 3, 1, 7, 2, 2, 6];
const TEMPERATURE = 80;
const K = 6;

/** One product for each token, of a stream of one value. */
function modelOf(vocab: number): PlainTrace {
  const ops: Op[] = [
    { name: "x", kind: "embedding", weights: "e", width: 1, shift: 0 },
    { name: "y", kind: "linear", input: "x", weights: "l", inner: 1, outer: vocab, shift: 0, clip: 0 },
  ];
  const constants = ["e", "l"].map((name) => ({ name, rows: vocab, columns: 1, bytes: 1 as const }));
  const program = { vocab, maxPositions: TOKENS.length, constants, ops, rows: [], logits: "y" };
  const values = Int16Array.from({ length: vocab }, (_, i) => (i % 255) - 127);
  const valuesOf = () => values;
  const tilesRoot = tileTree(crypto, constants, valuesOf).root;
  const about = { name: "wide", tokenizer: "bytes", endTokens: [], samplerK: K };
  return PlainTrace.of({ manifest: { ...about, program, tilesRoot }, valuesOf }, TOKENS);
}

/** Siblings that are not empty, behind the map of these. */
function opening(tree: TreeKind, siblings: readonly Bytes[]): string {
  const empty = emptyRoots(crypto, tree);
  const there = siblings.map((sibling, level) => !equal(sibling, empty[level] as Bytes));
  const out = new Writer().u64(there.reduce((map, isThere, level) => map + (isThere ? 2 ** level : 0), 0));
  for (const [level, sibling] of siblings.entries()) if (there[level]) out.fixed(sibling, 32);
  return toHex(out.done());
}

/** A memory that has counted every token after every context there is here, most of them often. */
function fullMemory(columns: number): { all: Memories; memory: Memory } {
  const orders = Array.from({ length: LIMIT_ORDERS }, (_, i) => i + 1);
  const definition = { columns, orders, salt: crypto.keccak256(Uint8Array.of(1)), writers: [] };
  const increments = orders.flatMap((_, order) => {
    const row = rowOf(definition, order, TOKENS.length, (at) => TOKENS[at] as number);
    return Array.from({ length: columns }, (_, column) => ({ order, row, column, count: 2 ** 31 + 257 * column + 1 }));
  });
  const all = Memories.empty(crypto).add(definition, increments);
  const [[, memory]] = [...all.entries()] as [[number, Memory]];
  return { all, memory };
}

function wholeRow(memory: Memory, order: number): { row: string; opened: string } {
  const { definition, rows } = memory;
  const index = rowOf(definition, order, TOKENS.length, (at) => TOKENS[at] as number);
  const out = new Writer();
  for (let tile = 0; tile < definition.columns / 64; tile++) {
    out.u32(2 ** 32 - 1).u32(2 ** 32 - 1);
    for (const cell of memory.row(order, index)?.tile(tile) ?? []) out.u32(cell);
  }
  const opened = opening(TREE.memoryRows, rows.proof(crypto, order * ROWS_PER_ORDER + index));
  return { row: toHex(out.done()), opened };
}

describe("a token that does not follow from an answer's logits and a memory", () => {
  let examiners: Awaited<ReturnType<typeof openExaminers>>;
  before(async () => {
    examiners = await openExaminers();
  });
  after(() => examiners.close());

  test("of as many as a model may have, and all rows full: one transaction", async (t) => {
    const trace = modelOf(LIMIT_VOCAB);
    const prover = new Prover(trace);
    await examiners.register(prover);
    const { all, memory } = fullMemory(LIMIT_VOCAB);
    const checkpoint = { ...genesisCheckpoint(crypto, new Uint8Array(32)), memoryRoot: all.root };
    const { chainId, verifyingContract } = examiners.domain;
    const domain = { name: "Weft", version: "1", chainId, verifyingContract: fromHex(verifyingContract, 20) } as const;
    const requestId = crypto.keccak256(Uint8Array.of(7));
    const [, op] = trace.known.manifest.program.ops as [Op, Op];
    const last = { head: 0, position: TOKENS.length - 1, part: 0, column: 0 };
    const logits = Int32Array.from({ length: LIMIT_VOCAB }, (_, column) => trace.value(op, { ...last, column }));
    const reading = { memory, gate: "strong" } as const;
    const chances = nextToken(logits, TEMPERATURE, K, reading, TOKENS);
    const token = draw(chances, drawThreshold(crypto, requestId, TOKENS.length));
    const rows = memory.definition.orders.map((_, order) => wholeRow(memory, order));
    const longest = memory.definition.orders.length;
    const accused = {
      ...prover.caseOf,
      token: (token + 1) % LIMIT_VOCAB,
      requestId: toHex(requestId),
      temperature: TEMPERATURE,
      gate: 3,
      memoryId: toHex(memory.id),
      memoryCheckpointHash: toHex(checkpointHash(crypto, domainSeparator(crypto, domain), checkpoint)),
    };
    const from = TOKENS.length - longest;
    const proof = {
      head: prover.head,
      logits: prover.opAt(op),
      run: trace.run(op, last, LIMIT_VOCAB),
      memory_: {
        checkpoint: checkpointStruct(checkpoint),
        slotMemory: toHex(memory.id),
        rowsRoot: toHex(memory.rows.root(crypto)),
        slotOpening: opening(TREE.memory, all.proof(memory.id)),
        definition: toHex(encodeDefinition(memory.definition)),
        tokens: TOKENS.slice(from),
        tokenSiblings: rangeProof(crypto, { length: 0, peaks: [] }, TOKENS, from, TOKENS.length).map(toHex),
        rows: rows.map(({ row }) => row),
        rowOpenings: rows.map(({ opened }) => opened),
      },
    };
    const { expected, gas } = await examiners.token(prover, accused, proof);
    assert.equal(Number(expected), token);
    t.diagnostic(`${LIMIT_VOCAB} tokens, ${rows.length} rows: ${gas} gas`);
    assert.ok(gas < MOST, `${gas}`);
    await assert.rejects(examiners.token(prover, { ...accused, token }, proof), /InferenceCourtSound/);
  });
});

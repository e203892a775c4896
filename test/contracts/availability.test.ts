import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { type Abi, type Address, type Hex, parseEventLogs } from "viem";
import { type Bytes, concat, toHex, Writer } from "../../offchain/core/bytes.ts";
import { Context } from "../../offchain/core/context.ts";
import { learn } from "../../offchain/core/fold.ts";
import { ListTree } from "../../offchain/core/list-tree.ts";
import { Memories, type Memory, memorySlot } from "../../offchain/core/memories.ts";
import { encodeDefinition, type MemoryDefinition, memoryId } from "../../offchain/core/memory-definition.ts";
import { Row } from "../../offchain/core/memory-row.ts";
import { leafHash, TREE } from "../../offchain/core/tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { hashOf, writeSegments } from "../helpers/core.ts";
import { extend, Historian, type Made, openCourt } from "./courts/history.ts";
import { type Call, found, openWorld, reverts, type World } from "./fixture.ts";

const ZERO: Hex = `0x${"00".repeat(32)}`;
const BOND = 10n ** 18n;
const MOST = 2n ** 255n;
const DEFINITION: MemoryDefinition = { columns: 300, orders: [1, 2], salt: hashOf("salt"), writers: [] };
const ELSEWHERE = toHex(hashOf("not there"));
const KINDS = { entry: 0, segment: 1, trace: 2 } as const;

describe("AvailabilityCourt: what core holds answers whatever can be asked", () => {
  let world: World;
  let court: { address: Address; abi: Abi };
  let historian: Historian;
  let restore: () => Promise<void>;
  let made: Made;
  let trace: Memories[];
  let traceTree: ListTree;
  let signatures: readonly Bytes[];

  before(async () => {
    world = await openWorld();
    historian = await Historian.of(world, await found(world, 4));
    court = await openCourt(world, "AvailabilityCourt", BOND, 5, 5);
    const [asker] = world.accounts as [Address];
    await world.send({ ...world.token, functionName: "mint", args: [asker, 1000n * BOND] });
    await world.send({ ...world.token, functionName: "approve", args: [court.address, 1000n * BOND] });
    const segments = writeSegments(historian.track(0, "served"), 4, 5);
    signatures = segments.map(({ signature }) => signature);
    const ids = [1, 2, 3, 299, 1, 2];
    const lesson = (count: number) => ({
      author: new Uint8Array(20),
      memory: DEFINITION,
      first: 2,
      from: 0,
      ids: ids.slice(0, count),
    });
    trace = [Memories.empty(crypto)];
    for (const count of [4, 5, 6]) trace.push(learn(trace.at(-1) as Memories, lesson(count)));
    const leaves = trace.map(({ root }) => leafHash(crypto, TREE.memoryTrace, root));
    traceTree = new ListTree(crypto, TREE.memoryTrace, leaves);
    const roots = { memoryRoot: (trace.at(-1) as Memories).root, memoryTraceRoot: traceTree.root };
    made = historian.make(historian.genesis, extend(historian.genesis, [segments]), roots);
    await historian.commit(made);
  });
  beforeEach(async () => {
    restore = await world.remember();
  });
  afterEach(() => restore());
  after(() => world.close());

  const call = (functionName: string, ...args: unknown[]): Call => ({ ...court, functionName, args });

  /** Asks, is refused a wrong answer, and gets the right one. */
  async function served(
    question: Call,
    path: readonly bigint[],
    answer: string,
    right: readonly unknown[],
    wrong: readonly unknown[],
  ) {
    const { logs } = await world.send(question);
    const [asked] = parseEventLogs({ abi: court.abi, logs, eventName: "Challenged" }) as unknown as [
      { args: { id: Hex; path: bigint[] } },
    ];
    const { id } = asked.args;
    assert.deepEqual(asked.args.path, path);
    await reverts(world, call(answer, id, ...wrong), "AvailabilityCourtWrongAnswer", [id]);
    const server = world.accounts[9] as Address;
    await world.send({ ...call(answer, id, ...right), account: server });
    const credit = await world.chain.readContract({ ...court, functionName: "creditOf", args: [server] });
    assert.equal(credit, BOND);
  }

  const checkpoint = () => made.accused.checkpoint;
  const traceProof = (index: number) => traceTree.proof(index).map(toHex);

  test("a cut entry", async () => {
    const { entry, proof } = made.entryAt(0);
    const wrong = [{ ...entry, sequence: 9n }, proof];
    await served(call("challenge", checkpoint(), KINDS.entry, 0n, MOST), [0n], "answerEntry", [entry, proof], wrong);
  });

  test("a header with its author's signature", async () => {
    const { header, proof } = made.headerAt(2);
    const [right, other] = [toHex(signatures[2] as Bytes), toHex(signatures[1] as Bytes)];
    const wrong = [header, other, proof];
    const question = call("challenge", checkpoint(), KINDS.segment, 2n, MOST);
    await served(question, [2n], "answerSegment", [header, right, proof], wrong);
  });

  test("an entry of the memory trace", async () => {
    const root = (i: number) => toHex((trace[i] as Memories).root);
    const question = call("challenge", checkpoint(), KINDS.trace, 1n, MOST);
    await served(question, [1n], "answerTrace", [root(1), traceProof(1)], [root(2), traceProof(1)]);
  });

  test("a snapshot", async () => {
    const { salt, body, snapshotProof } = made.snapshotAt(0, 1);
    const number = BigInt(made.checkpoint.number);
    const question = call("challengeSnapshot", number, toHex(made.hash), made.headerAt(0), 1n, MOST);
    const wrong = [salt, `${body}00`, snapshotProof];
    await served(question, [0n, 1n], "answerSnapshot", [salt, body, snapshotProof], wrong);
    const none = call("challengeSnapshot", number, toHex(made.hash), made.headerAt(0), 2n, MOST);
    await reverts(world, none, "AvailabilityCourtNoSuchPlace", ["snapshot"]);
  });

  test("the peaks of a context", async () => {
    const peaks = (ids: number[]) => Context.of(crypto, ids).peaks.map(toHex);
    const question = call("challengeContext", toHex(made.hash), made.snapshotAt(1, 0), MOST);
    const right = [peaks([1, 2, 3, 6])];
    await served(question, [1n, 0n], "answerContext", right, [peaks([1, 2, 3, 7])]);
    const open = call("challengeContext", toHex(made.hash), made.snapshotAt(0, 0), MOST);
    await reverts(world, open, "TokensSnapshotWrongKind");
  });

  /** Memories after so many segments, as a challenge names them. */
  const memoriesAfter = (segments: number) => {
    const memories = trace[segments - 1] as Memories;
    const isLast = segments === trace.length;
    const named = { segments, root: toHex(memories.root), traceProof: isLast ? [] : traceProof(segments - 1) };
    return { memories, named };
  };
  const id = memoryId(crypto, DEFINITION);
  const slot = BigInt(memorySlot(id));
  const memoryAt = (memories: Memories) => {
    const memory = memories.of(id) as Memory;
    const proof = memories.proof(id).map(toHex);
    return { memory, named: { slot, id: toHex(id), rowsRoot: toHex(memory.rows.root(crypto)), proof } };
  };
  const rowAt = (memory: Memory, at: number) => {
    const row = memory.rows.get(at) ?? Row.empty(DEFINITION.columns);
    const root = row.distinct === 0 ? ZERO : toHex(row.root(crypto));
    const proof = memory.rows.proof(crypto, at).map(toHex);
    return { row, named: { row: at, root, total: BigInt(row.total), distinct: row.distinct, proof } };
  };

  for (const segments of [2, 4])
    test(`which memory has a slot, after ${segments} of 4 segments`, async () => {
      const { memories, named } = memoriesAfter(segments);
      const { named: there } = memoryAt(memories);
      const right = [there.id, there.rowsRoot, there.proof];
      const question = call("challengeMemory", checkpoint(), named, slot, MOST);
      await served(question, [BigInt(segments), slot], "answerMemory", right, [ZERO, ZERO, there.proof]);
    });

  test("that a slot is empty", async () => {
    const { memories, named } = memoriesAfter(1);
    const proof = memories.proof(id).map(toHex);
    const empty = call("challengeMemory", checkpoint(), named, slot, MOST);
    await served(empty, [1n, slot], "answerMemory", [ZERO, ZERO, proof], [toHex(id), ZERO, proof]);
  });

  test("a row and its tiles, full and empty", async () => {
    const { memories, named } = memoriesAfter(3);
    const { memory, named: there } = memoryAt(memories);
    const full = [...memory.rows.entries()].find(([, row]) => row !== undefined)?.[0] as number;
    for (const at of [full, full ^ 1]) {
      const back = await world.remember();
      const { root, total, distinct, proof } = rowAt(memory, at).named;
      const question = call("challengeRow", checkpoint(), named, there, at, MOST);
      const right = [root, total, distinct, proof];
      await served(question, [3n, slot, BigInt(at)], "answerRow", right, [ELSEWHERE, total + 1n, distinct, proof]);
      await back();
    }
    const { row, named: rowNamed } = rowAt(memory, full);
    for (const tile of [0, 1, 4, 7]) {
      const back = await world.remember();
      const definition = toHex(encodeDefinition(DEFINITION));
      const question = call("challengeTile", checkpoint(), named, there, rowNamed, definition, tile, MOST);
      const cells = concat(...[...row.tile(tile)].map((cell) => new Writer().u32(cell).done()));
      const siblings = row
        .proof(crypto, tile)
        .map(({ hash, ...sums }) => ({ hash: toHex(hash), total: BigInt(sums.total), distinct: sums.distinct }));
      const wrong = cells.with(3, (cells[3] as number) ^ 1);
      const path = [3n, slot, BigInt(full), BigInt(tile)];
      await served(question, path, "answerTile", [toHex(cells), siblings], [toHex(wrong), siblings]);
      await back();
    }
    const outside = call(
      "challengeTile",
      checkpoint(),
      named,
      there,
      rowNamed,
      toHex(encodeDefinition(DEFINITION)),
      8,
      MOST,
    );
    await reverts(world, outside, "AvailabilityCourtNoSuchPlace", ["tile"]);
    const other = toHex(encodeDefinition({ ...DEFINITION, columns: 64 }));
    const forged = call("challengeTile", checkpoint(), named, there, rowNamed, other, 0, MOST);
    await reverts(world, forged, "AvailabilityCourtNoSuchPlace", ["definition"]);
  });

  test("nothing is asked that is not there to be asked for", async () => {
    const { memories, named } = memoriesAfter(3);
    const { memory, named: there } = memoryAt(memories);
    const no = (part: string, functionName: string, ...args: unknown[]) =>
      reverts(world, call(functionName, ...args, MOST), "AvailabilityCourtNoSuchPlace", [part]);
    await no("segments", "challengeMemory", checkpoint(), { ...named, segments: 0 }, slot);
    await no("segments", "challengeMemory", checkpoint(), { ...named, segments: 5 }, slot);
    await no("path", "challengeMemory", checkpoint(), { ...named, root: ELSEWHERE }, slot);
    await no("slot", "challengeMemory", checkpoint(), named, 2n ** 40n);
    await no("path", "challengeRow", checkpoint(), named, { ...there, rowsRoot: ELSEWHERE }, 1);
    await no("row", "challengeRow", checkpoint(), named, there, 2 ** 19);
    const row = rowAt(memory, [...memory.rows.entries()][0]?.[0] as number).named;
    const definition = toHex(encodeDefinition(DEFINITION));
    await no("path", "challengeTile", checkpoint(), named, there, { ...row, total: row.total + 1n }, definition, 0);
    await no("index", "challenge", checkpoint(), KINDS.trace, 4n);
    await no("path", "challengeContext", toHex(made.hash), { ...made.snapshotAt(1, 0), segmentIndex: 2 });
  });
});

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { type Abi, type Address, decodeFunctionData, type Hex, parseEventLogs } from "viem";
import { availabilityCourtAbi } from "../../offchain/chain/abi.ts";
import { answerData } from "../../offchain/chain/openings.ts";
import { type Asked, type Content, openingOf } from "../../offchain/core/availability.ts";
import { toHex } from "../../offchain/core/bytes.ts";
import { Cut, memoriesAfter } from "../../offchain/core/cut.ts";
import { traceTree } from "../../offchain/core/fold-proof.ts";
import type { ListTree } from "../../offchain/core/list-tree.ts";
import { Memories, type Memory, memorySlot } from "../../offchain/core/memories.ts";
import { encodeDefinition, type MemoryDefinition, memoryId } from "../../offchain/core/memory-definition.ts";
import { Row } from "../../offchain/core/memory-row.ts";
import { Track } from "../../offchain/core/track.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { hashOf, requestOf, type TrackWriter } from "../helpers/core.ts";
import { extend, type Made } from "../helpers/made.ts";
import { ANSWER_SECONDS, Historian, openCourt, PATIENT } from "./courts/history.ts";
import { type Call, found, openWorld, reverts, type World } from "./fixture.ts";

const ZERO: Hex = `0x${"00".repeat(32)}`;
const BOND = 10n ** 18n;
const MOST = 2n ** 255n;
const DEFINITION: MemoryDefinition = { columns: 300, orders: [1, 2], salt: hashOf("salt"), writers: [] };
const ELSEWHERE = toHex(hashOf("not there"));
const KINDS = { entry: 0, segment: 1, trace: 2 } as const;

/** A turn in four segments, of which all but the first teach what they say. */
function story(writer: TrackWriter) {
  const turn = writer.open(requestOf([1, 2])).tokens("given", [1, 2]);
  const segments = [writer.seal()];
  for (const ids of [[3, 299], [1], [2]]) {
    turn.tokens("written", ids).learn(turn.context.length - ids.length, ids.length, { memory: DEFINITION });
    segments.push(writer.seal());
  }
  return segments;
}

describe("AvailabilityCourt: what core holds answers whatever can be asked", () => {
  let world: World;
  let court: { address: Address; abi: Abi };
  let historian: Historian;
  let restore: () => Promise<void>;
  let made: Made;
  let trace: Memories[];
  let tree: ListTree;
  let content: Content;

  before(async () => {
    world = await openWorld(PATIENT);
    historian = await Historian.of(world, await found(world, 4));
    court = await openCourt(world, "AvailabilityCourt", BOND, ANSWER_SECONDS, ANSWER_SECONDS);
    const [asker] = world.accounts as [Address];
    await world.send({ ...world.token, functionName: "mint", args: [asker, 1000n * BOND] });
    await world.send({ ...world.token, functionName: "approve", args: [court.address, 1000n * BOND] });
    const writer = historian.track(0, "served");
    const segments = story(writer);
    const track = new Track(crypto, writer.track);
    for (const segment of segments) track.apply(track.examine(segment, segment.hash));
    const said = extend(historian.genesis, [segments]);
    const held = {
      cut: Cut.of(crypto, said.entries),
      parent: Cut.empty(crypto),
      memories: Memories.empty(crypto),
      segments: {
        hashAt: (_: unknown, sequence: number) => track.hashAt(sequence) as Uint8Array,
        lessonAt: (_: unknown, sequence: number) => track.lessonAt(sequence),
      },
      segmentAt: (_: unknown, sequence: number) => segments[sequence - 1],
      runAt: (_: unknown, place: { sequence: number; index: number }) => track.runAt(place),
    };
    trace = [...memoriesAfter({ cut: held.parent, memories: held.memories }, held.cut, held.segments)];
    const roots = trace.map(({ root }) => root);
    tree = traceTree(crypto, roots);
    made = historian.make(historian.genesis, said, { memoryRoot: roots.at(-1), memoryTraceRoot: tree.root });
    content = { ...held, checkpoint: made.checkpoint };
    await historian.commit(made);
  });
  beforeEach(async () => {
    restore = await world.remember();
  });
  afterEach(() => restore());
  after(() => world.close());

  const call = (functionName: string, ...args: unknown[]): Call => ({ ...court, functionName, args });

  /** Asks, is refused a wrong answer, and gets the right one. @param spoil the arguments after the id */
  async function served(question: Call, asked: Asked, spoil: (right: readonly unknown[]) => readonly unknown[]) {
    const { logs } = await world.send(question);
    const [event] = parseEventLogs({ abi: availabilityCourtAbi, logs, eventName: "Challenged" });
    const { id, path } = event?.args ?? assert.fail("nothing was asked");
    assert.deepEqual(path.map(Number), asked.path);
    const opening = openingOf(crypto, content, asked);
    if (opening.kind === "unavailable") assert.fail(opening.reason);
    const answer = decodeFunctionData({ abi: availabilityCourtAbi, data: answerData(id, opening) });
    const [, ...right] = answer.args as readonly unknown[];
    await reverts(world, call(answer.functionName, id, ...spoil(right)), "AvailabilityCourtWrongAnswer", [id]);
    const server = world.accounts[9] as Address;
    await world.send({ ...call(answer.functionName, id, ...right), account: server });
    const credit = await world.chain.readContract({ ...court, functionName: "creditOf", args: [server] });
    assert.equal(credit, BOND / 2n);
  }

  const checkpoint = () => made.accused.checkpoint;
  const traceProof = (index: number) => tree.proof(index).map(toHex);

  test("a cut entry", async () => {
    const question = call("challenge", checkpoint(), KINDS.entry, 0n, MOST);
    await served(question, { kind: "entry", path: [0] }, ([entry, proof]) => [
      { ...(entry as object), sequence: 9n },
      proof,
    ]);
  });

  test("a header with its author's signature", async () => {
    const other = toHex(made.segments[1]?.signature as Uint8Array);
    const question = call("challenge", checkpoint(), KINDS.segment, 2n, MOST);
    await served(question, { kind: "segment", path: [2] }, ([header, , proof]) => [header, other, proof]);
  });

  test("an entry of the memory trace", async () => {
    const question = call("challenge", checkpoint(), KINDS.trace, 1n, MOST);
    const root = toHex((trace[2] as Memories).root);
    await served(question, { kind: "trace", path: [1] }, ([, proof]) => [root, proof]);
  });

  test("a snapshot", async () => {
    const number = BigInt(made.checkpoint.number);
    const question = call("challengeSnapshot", number, toHex(made.hash), made.headerAt(0), 1n, MOST);
    await served(question, { kind: "snapshot", path: [0, 1] }, ([salt, body, proof]) => [salt, `${body}00`, proof]);
    const none = call("challengeSnapshot", number, toHex(made.hash), made.headerAt(0), 2n, MOST);
    await reverts(world, none, "AvailabilityCourtNoSuchPlace", ["snapshot"]);
  });

  test("the peaks of a context", async () => {
    const question = call("challengeContext", toHex(made.hash), made.snapshotAt(1, 0), MOST);
    await served(question, { kind: "context", path: [1, 0] }, () => [[ELSEWHERE]]);
    const open = call("challengeContext", toHex(made.hash), made.snapshotAt(0, 0), MOST);
    await reverts(world, open, "TokensSnapshotWrongKind");
  });

  /** Memories after so many segments, as a challenge names them. */
  const afterSegments = (segments: number) => {
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
    return { row: at, root, total: BigInt(row.total), distinct: row.distinct, proof };
  };

  for (const segments of [2, 4])
    test(`which memory has a slot, after ${segments} of 4 segments`, async () => {
      const { named } = afterSegments(segments);
      const question = call("challengeMemory", checkpoint(), named, slot, MOST);
      const asked: Asked = { kind: "memory", path: [segments, Number(slot)] };
      await served(question, asked, ([, , proof]) => [ZERO, ZERO, proof]);
    });

  test("that a slot is empty", async () => {
    const empty = call("challengeMemory", checkpoint(), afterSegments(1).named, slot, MOST);
    const asked: Asked = { kind: "memory", path: [1, Number(slot)] };
    await served(empty, asked, ([, , proof]) => [toHex(id), ZERO, proof]);
  });

  test("a row and its tiles, full and empty", async () => {
    const { memories, named } = afterSegments(3);
    const { memory, named: there } = memoryAt(memories);
    const full = [...memory.rows.entries()].find(([, row]) => row !== undefined)?.[0] as number;
    for (const at of [full, full ^ 1]) {
      const back = await world.remember();
      const question = call("challengeRow", checkpoint(), named, there, at, MOST);
      const asked: Asked = { kind: "row", path: [3, Number(slot), at] };
      await served(question, asked, ([, total, ...rest]) => [ELSEWHERE, (total as bigint) + 1n, ...rest]);
      await back();
    }
    const rowNamed = rowAt(memory, full);
    const definition = toHex(encodeDefinition(DEFINITION));
    for (const tile of [0, 1, 4, 7]) {
      const back = await world.remember();
      const question = call("challengeTile", checkpoint(), named, there, rowNamed, definition, tile, MOST);
      const asked: Asked = { kind: "tile", path: [3, Number(slot), full, tile] };
      await served(question, asked, ([cells, siblings]) => {
        const text = cells as Hex;
        return [`0x${text[2] === "1" ? "0" : "1"}${text.slice(3)}`, siblings];
      });
      await back();
    }
    const outside = call("challengeTile", checkpoint(), named, there, rowNamed, definition, 8, MOST);
    await reverts(world, outside, "AvailabilityCourtNoSuchPlace", ["tile"]);
    const other = toHex(encodeDefinition({ ...DEFINITION, columns: 64 }));
    const forged = call("challengeTile", checkpoint(), named, there, rowNamed, other, 0, MOST);
    await reverts(world, forged, "AvailabilityCourtNoSuchPlace", ["definition"]);
  });

  test("nothing is asked that is not there to be asked for", async () => {
    const { memories, named } = afterSegments(3);
    const { memory, named: there } = memoryAt(memories);
    const no = (part: string, functionName: string, ...args: unknown[]) =>
      reverts(world, call(functionName, ...args, MOST), "AvailabilityCourtNoSuchPlace", [part]);
    await no("segments", "challengeMemory", checkpoint(), { ...named, segments: 0 }, slot);
    await no("segments", "challengeMemory", checkpoint(), { ...named, segments: 5 }, slot);
    await no("path", "challengeMemory", checkpoint(), { ...named, root: ELSEWHERE }, slot);
    await no("slot", "challengeMemory", checkpoint(), named, 2n ** 40n);
    await no("path", "challengeRow", checkpoint(), named, { ...there, rowsRoot: ELSEWHERE }, 1);
    await no("row", "challengeRow", checkpoint(), named, there, 2 ** 19);
    const row = rowAt(memory, [...memory.rows.entries()][0]?.[0] as number);
    const definition = toHex(encodeDefinition(DEFINITION));
    await no("path", "challengeTile", checkpoint(), named, there, { ...row, total: row.total + 1n }, definition, 0);
    await no("index", "challenge", checkpoint(), KINDS.trace, 4n);
    await no("path", "challengeContext", toHex(made.hash), { ...made.snapshotAt(1, 0), segmentIndex: 2 });
  });
});

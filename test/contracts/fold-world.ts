import { type Bytes, fromHex } from "../../offchain/core/bytes.ts";
import type { Checkpoint } from "../../offchain/core/checkpoint.ts";
import { Context } from "../../offchain/core/context.ts";
import { Cut, memoriesAfter, segmentsTree } from "../../offchain/core/cut.ts";
import { falseMemory, foldAccusation, type Lectures } from "../../offchain/core/false-memory.ts";
import { type Cell, cellsOf, type Lesson, learn } from "../../offchain/core/fold.ts";
import { type FoldCase, foldProof, traceEntry, traceTree } from "../../offchain/core/fold-proof.ts";
import { domainSeparator } from "../../offchain/core/hash.ts";
import { Memories, Memory } from "../../offchain/core/memories.ts";
import { type MemoryDefinition, memoryId } from "../../offchain/core/memory-definition.ts";
import { Track } from "../../offchain/core/track.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { hashOf, requestOf, type Sealed, signerOf, TrackWriter, type TurnWriter } from "../helpers/core.ts";
import { Random } from "../sim/random.ts";
import { type Operator, setOf, type World } from "./fixture.ts";
import { attest, type Checkpoint as ChainCheckpoint, commitCall, nextCheckpoint } from "./quorum.ts";

/** Memories of every shape: one tile wide, a byte model's, the widest there is, and one that only `writer` may teach. */
export function definitions(writer: Bytes): MemoryDefinition[] {
  const everybody = { salt: hashOf("fold"), writers: [] };
  return [
    { ...everybody, columns: 64, orders: [1] },
    { ...everybody, columns: 256, orders: [2, 3, 4] },
    { ...everybody, columns: 2 ** 18, orders: [3, 4, 5, 6] },
    { ...everybody, columns: 300, orders: [1, 2], writers: [writer] },
  ];
}

/** What happens between two checkpoints. */
export type Story = {
  /** Before the first segment. */
  memories: Memories;
  roots: Pick<Checkpoint, "cutRoot" | "entryCount" | "segmentsRoot" | "segmentCount">;
  /** The true memory root after each segment. */
  trace: Bytes[];
  /** In the order of the segments tree. */
  sealed: Sealed[];
  lessons: (Lesson | undefined)[];
  before: Cut;
  cut: Cut;
  lectures: Lectures;
  of(index: number): Pick<FoldCase, "segment" | "segmentProof" | "turn">;
};

const toBytes = (fields: ChainCheckpoint): Checkpoint => ({
  ...fields,
  number: Number(fields.number),
  registryPosition: Number(fields.registryPosition),
  parent: fromHex(fields.parent),
  registryHash: fromHex(fields.registryHash),
  cutRoot: fromHex(fields.cutRoot),
  segmentsRoot: fromHex(fields.segmentsRoot),
  memoryRoot: fromHex(fields.memoryRoot),
  memoryTraceRoot: fromHex(fields.memoryTraceRoot),
});

const plain = ({ memoryRoot, memoryTraceRoot, segmentsRoot, segmentCount, cutRoot, entryCount }: Checkpoint) => ({
  memoryRoot: hex(memoryRoot),
  memoryTraceRoot: hex(memoryTraceRoot),
  segmentsRoot: hex(segmentsRoot),
  cutRoot: hex(cutRoot),
  segmentCount,
  entryCount,
});
const hex = (bytes: Bytes) => `0x${Buffer.from(bytes).toString("hex")}` as const;

/** Everybody attests to the next checkpoint with these roots, whatever they are. */
export async function commitRoots(world: World, operators: Operator[], roots: Partial<Checkpoint>) {
  const base = toBytes(await nextCheckpoint(world));
  const checkpoint = await nextCheckpoint(world, plain({ ...base, ...roots }));
  await world.send(commitCall(world, checkpoint, setOf(operators), await attest(world, checkpoint, operators)));
  return toBytes(checkpoint);
}

/** A worker's hand in a story: where its turn is, and its track as everybody reads it. */
type Hand = { writer: TrackWriter; turn: TurnWriter; track: Track; sealed: Sealed[] };

function handOf(world: World, { owner }: Operator, index: number, random: Random): Hand {
  const separator = domainSeparator(crypto, { ...DOMAIN, verifyingContract: fromHex(world.ledger.address, 20) });
  const keys = { operator: fromHex(owner, 20), signer: signerOf(`hot key ${index}`) };
  const writer = new TrackWriter(keys, `fold ${random.name}`, separator);
  const history = Array.from({ length: random.int(0, 40) }, () => random.int(0, 400));
  const given = Array.from({ length: random.int(1, 5) }, () => random.int(0, 400));
  const start = Context.of(crypto, history);
  const parent = { checkpoint: { number: 0, hash: hashOf("parent") }, turn: hashOf("turn"), position: history.length };
  const request = requestOf(given, { maxLength: 10_000, nonce: hashOf(random.name) }, history);
  const turn = writer.open(request, history.length > 0 ? { parent, start } : {});
  turn.tokens("given", given);
  return { writer, turn, track: new Track(crypto, writer.track), sealed: [] };
}

const DOMAIN = { name: "Weft", version: "1", chainId: 31337 } as const;

function seal({ writer, track, sealed }: Hand): void {
  const segment = writer.seal();
  track.apply(track.examine(segment, segment.hash));
  sealed.push(segment);
}

/** Writes what one segment learns: ids, of which `learnt` are learnt into `memory`. */
export type Lecture = { by: number; ids: number[]; memory?: MemoryDefinition; learnt: number };

/** Segments of three workers, in turns, each with what it writes and learns. */
export function tell(
  world: World,
  operators: readonly Operator[],
  random: Random,
  memories: Memories,
  lectures: readonly Lecture[],
): Story {
  const hands = [0, 1, 2].map((i) => handOf(world, operators[i] as Operator, i, random.fork(i)));
  for (const { by, ids, memory, learnt } of lectures) {
    const hand = hands[by] as Hand;
    const first = hand.turn.context.length;
    hand.turn.tokens("written", ids);
    if (memory) hand.turn.learn(first + ids.length - learnt, learnt, { memory });
    seal(hand);
  }
  const told = hands.filter(({ sealed }) => sealed.length > 0);
  const ofTrack = (operator: Bytes) => told.find(({ writer }) => writer.track.operator === operator) as Hand;
  const of: Lectures = {
    hashAt: ({ operator }, sequence) => (ofTrack(operator).sealed[sequence - 1] as Sealed).hash,
    lessonAt: ({ operator }, sequence) => ofTrack(operator).track.lessonAt(sequence),
    turnAt: ({ operator }, sequence) => ofTrack(operator).track.turnTaughtAt(sequence),
  };
  const advances = told.map(({ writer }) => ({ ...writer.track, sequence: writer.sequence, head: writer.head }));
  const before = Cut.empty(crypto);
  const cut = before.extend(crypto, advances, () => false);
  const segments = segmentsTree(crypto, before, cut, of);
  const places = [...cut.segmentsSince(before)];
  return {
    memories,
    roots: {
      cutRoot: cut.root,
      entryCount: told.length,
      segmentsRoot: segments.root,
      segmentCount: places.length,
    },
    trace: [...memoriesAfter({ cut: before, memories }, cut, of)].map(({ root }) => root),
    sealed: places.map(({ operator, sequence }) => ofTrack(operator).sealed[sequence - 1] as Sealed),
    lessons: places.map((place) => of.lessonAt(place, place.sequence)),
    before,
    cut,
    lectures: of,
    of(index) {
      const { operator, sequence } = places[index] as (typeof places)[number];
      const { track, sealed } = ofTrack(operator);
      return {
        segment: sealed[sequence - 1] as Sealed,
        segmentProof: segments.proof(index),
        turn: [...track.turns.values()][0],
      };
    },
  };
}

/** As long as stories take to be made up, while the chain's clock runs on; seconds. */
export const PATIENCE = { challengeWindowSeconds: 3600, retentionSeconds: 14_400, unbondingSeconds: 36_000 };

/** A few segments of each worker, some of which learn, into memories of every shape. */
export function lecturesOf(random: Random, memories: readonly MemoryDefinition[], count: number): Lecture[] {
  return Array.from({ length: count }, () => {
    const ids = Array.from({ length: random.int(1, 20) }, () => random.int(0, random.chance(0.1) ? 2 ** 20 : 270));
    const memory = random.chance(0.2) ? undefined : memories[random.int(0, memories.length - 1)];
    const most = memory ? Math.floor(64 / memory.orders.length) : 0;
    return { by: random.int(0, 2), ids, memory, learnt: random.int(1, Math.min(ids.length, most || 1)) };
  });
}

/** Memories into which something was learnt before, with cells right below the wrap-around. */
export function seeded(random: Random, memories: readonly MemoryDefinition[], cells: number): Memories {
  let all = Memories.empty(crypto);
  for (const memory of memories)
    for (let i = 0; i < cells; i++) {
      const order = random.int(0, memory.orders.length - 1);
      const column = random.int(0, memory.columns - 1);
      all = all.add(memory, [{ order, row: random.int(0, 65_535), column, count: random.int(1, 9) }]);
    }
  return all;
}

/** The memories before segment `index`. */
function memoriesBefore({ memories, lessons }: Story, index: number): Memories {
  return lessons.slice(0, index).reduce((all, lesson) => (lesson ? learn(all, lesson) : all), memories);
}

/** The two checkpoints that a story lies between, the later one with the trace and the memory root that it is told to have. */
export type Stage = { parent: Checkpoint; checkpoint: Checkpoint; trace: readonly Bytes[] };

/** Commits both. */
export async function stage(
  world: World,
  operators: Operator[],
  { memories, roots, trace }: Story,
  told = trace,
  memoryRoot = told.at(-1) as Bytes,
): Promise<Stage> {
  const parent = await commitRoots(world, operators, { memoryRoot: memories.root });
  const memoryTraceRoot = traceTree(crypto, told).root;
  const checkpoint = await commitRoots(world, operators, { ...roots, memoryRoot, memoryTraceRoot });
  return { parent, checkpoint, trace: told };
}

/** The proof about segment `index`. */
export function proofOf(story: Story, on: Stage, index: number) {
  const entries = { before: traceEntry(crypto, on.trace, index - 1), stated: traceEntry(crypto, on.trace, index) };
  return foldProof(crypto, { ...on, ...entries, index, memories: memoriesBefore(story, index), ...story.of(index) });
}

/**
 * Memories in which what the lectures teach meets the edges: a counter that wraps around, and in one of three stories
 * another memory in the place of one that is taught.
 */
export function withEdges(
  world: World,
  operators: readonly Operator[],
  random: Random,
  memories: Memories,
  lectures: readonly Lecture[],
): Memories {
  const { lessons } = tell(world, operators, random, memories, lectures);
  const taught = lessons.filter((lesson) => lesson !== undefined);
  const lesson = taught[random.int(0, Math.max(0, taught.length - 1))];
  const cells = lesson ? [...cellsOf(lesson)] : [];
  if (!lesson || cells.length === 0) return memories;
  if (random.chance(1 / 3)) {
    const id = memoryId(crypto, lesson.memory);
    const other = Uint8Array.from(id, (byte, i) => (i < 5 ? byte : byte ^ 1));
    const cell = { order: 0, row: 3, column: 5, count: 7 };
    return memories.with(new Memory(other, lesson.memory).add([cell]));
  }
  const cell = cells[random.int(0, cells.length - 1)] as Cell;
  const column = memories
    .of(memoryId(crypto, lesson.memory))
    ?.row(cell.order, cell.row)
    ?.tile(cell.column >> 6);
  const count = 2 ** 32 - 1 - (column?.[cell.column % 64] ?? 0);
  return memories.add(lesson.memory, [{ ...cell, count }]);
}

/** What a watcher that holds the segments finds wrong with a checkpoint, as the court takes it. */
export function found(
  { memories, trace, before, cut, lectures, sealed }: Story,
  { parent, checkpoint, trace: stated }: Stage,
) {
  const traced = { checkpoint, cut, parent: { checkpoint: parent, cut: before, memories }, trace };
  const lie = falseMemory(crypto, traced, stated, lectures);
  return (
    lie &&
    foldAccusation(crypto, lie, ({ operator, sequence }) => {
      const isIt = ({ header }: Sealed) => header.operator === operator && header.sequence === sequence;
      return sealed.find(isIt) as Sealed;
    })
  );
}

/** One lesson of `positions` times `orders` cells, each in a row of its own, none of whose siblings is empty: the dearest there is. */
export function dearest(world: World, operators: readonly Operator[], positions: number, orders: number[]): Story {
  const random = new Random(`dearest ${positions} ${orders}`);
  const memory = { columns: 2 ** 18, orders, salt: hashOf("dearest"), writers: [] };
  const ids = Array.from({ length: 16 + positions }, () => random.int(0, memory.columns - 1));
  const lectures = [{ by: 0, ids, memory, learnt: positions }];
  const { lessons } = tell(world, operators, random, Memories.empty(crypto), lectures);
  let memories = Memories.empty(crypto);
  for (const { order, row, column } of cellsOf(lessons[0] as Lesson)) {
    const around: Cell[] = [];
    for (let i = 0; i < 64; i++) around.push({ order, row, column: (column & ~63) + i });
    for (let i = 64; i < memory.columns; i *= 2) around.push({ order, row, column: column ^ i });
    for (let i = 1; i < 2 ** 16; i *= 2) around.push({ order, row: row ^ i, column });
    memories = memories.add(
      memory,
      around.map((cell) => ({ ...cell, count: 1 })),
    );
  }
  return tell(world, operators, random, memories, lectures);
}

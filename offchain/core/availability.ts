import { type Bytes, concat, equal, Writer } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { Context } from "./context.ts";
import { type Cut, type CutEntry, memoriesAfter, type Segments, segmentsTree } from "./cut.ts";
import { WeftError } from "./errors.ts";
import { traceTree } from "./fold-proof.ts";
import type { Memories } from "./memories.ts";
import { Row, type SumNode } from "./memory-row.ts";
import type { Hashing } from "./ports.ts";
import { type Header, type Segment, snapshotTree, type TrackKey } from "./segment.ts";
import type { Place } from "./snapshot.ts";
import type { Run, Turn } from "./turn.ts";

/** What may be asked for, in the court's order. */
export const ASKED_KINDS = ["entry", "segment", "trace", "snapshot", "context", "memory", "row", "tile"] as const;

/** A place in what a committed checkpoint contains. */
export type Asked = {
  kind: (typeof ASKED_KINDS)[number];
  /**
   * entry [slot]; segment, trace [segment]; snapshot, context [segment, snapshot]; memory [segments before, slot]; row
   * [segments before, slot, row]; tile [segments before, slot, row, tile]
   */
  path: readonly number[];
};

/** What stands in a place, with the siblings that prove it, bottom up; zeros where a memory or a row is not there. */
export type Opening =
  | { kind: "entry"; entry: CutEntry; proof: readonly Bytes[] }
  | { kind: "segment"; header: Header; signature: Bytes; proof: readonly Bytes[] }
  | { kind: "trace"; memoryRoot: Bytes; proof: readonly Bytes[] }
  | { kind: "snapshot"; salt: Bytes; body: Bytes; proof: readonly Bytes[] }
  /** Largest first. */
  | { kind: "context"; peaks: readonly Bytes[] }
  | { kind: "memory"; id: Bytes; rowsRoot: Bytes; proof: readonly Bytes[] }
  | { kind: "row"; root: Bytes; total: number; distinct: number; proof: readonly Bytes[] }
  | { kind: "tile"; cells: Bytes; siblings: readonly SumNode[] };

/** It cannot be shown here: it was pruned, never came, or is not there. */
export type Unavailable = { kind: "unavailable"; reason: string };

/** What is held of a committed checkpoint. */
export type Content = {
  checkpoint: Checkpoint;
  /** Cuts of the checkpoint and of the one that it extends; undefined when they are not held. */
  cut: Cut | undefined;
  parent: Cut | undefined;
  /** Both throw WeftError `unknown_segment` for what is not held. */
  segments: Segments;
  /** A segment with its snapshots. */
  segmentAt(track: TrackKey, sequence: number): Segment | undefined;
  /** The tokens of a snapshot, and their turn. */
  runAt(track: TrackKey, place: Place): { turn: Turn; run: Run } | undefined;
  /** The memories that the checkpoint goes on from; undefined when they are not known. */
  memories: Memories | undefined;
};

const ZERO = new Uint8Array(32);

/** Does this answer take memories? Those of old checkpoints are dear. */
export function takesMemories({ kind }: Asked): boolean {
  return kind === "trace" || kind === "memory" || kind === "row" || kind === "tile";
}

/** What stands in a place of a checkpoint, proven. Where that is not known it says so: it never gives what is not true. */
export function openingOf(h: Hashing, of: Content, asked: Asked): Opening | Unavailable {
  try {
    return opened(h, of, asked);
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    return { kind: "unavailable", reason: error.message };
  }
}

function notHeld(what: string): WeftError {
  return new WeftError("not_held", `${what} is not held`);
}

function held<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw notHeld(what);
  return value;
}

function opened(h: Hashing, of: Content, { kind, path }: Asked): Opening {
  const [at, within] = path;
  switch (kind) {
    case "entry": {
      const cut = held(of.cut, "the cut");
      return { kind, entry: held(cut.entries[at], "the entry"), proof: cut.proof(at) };
    }
    case "segment": {
      const { header, signature } = segmentAt(of, at);
      return { kind, header, signature, proof: listedSegments(h, of).proof(at) };
    }
    case "trace": {
      const trace = memoriesOf(of).map(({ root }) => root);
      const tree = traceTree(h, trace);
      if (!equal(tree.root, of.checkpoint.memoryTraceRoot)) throw notHeld("the trace that the checkpoint states");
      return { kind, memoryRoot: held(trace[at], "the entry"), proof: tree.proof(at) };
    }
    case "snapshot": {
      listedSegments(h, of);
      const { snapshots } = segmentAt(of, at);
      return { kind, ...held(snapshots[within], "the snapshot"), proof: snapshotTree(h, snapshots).proof(within) };
    }
    case "context": {
      listedSegments(h, of);
      const track = placeOf(of, at);
      const { turn, run } = held(of.runAt(track, { sequence: track.sequence, index: within }), "the turn");
      return { kind, peaks: contextAfter(h, turn, run).peaks };
    }
    default:
      return openedMemory(h, memoriesAt(of, at), kind, path);
  }
}

function openedMemory(
  h: Hashing,
  memories: Memories,
  kind: "memory" | "row" | "tile",
  [, slot, at, tile]: readonly number[],
): Opening {
  const inSlot = new Writer()
    .u8(Math.floor(slot / 2 ** 32))
    .u32(slot % 2 ** 32)
    .raw(new Uint8Array(27))
    .done();
  const memory = memories.at(inSlot);
  if (kind === "memory") {
    const proof = memories.proof(inSlot);
    return { kind, id: memory?.id ?? ZERO, rowsRoot: memory?.rows.root(h) ?? ZERO, proof };
  }
  const { rows, definition } = held(memory, "the memory");
  const row = rows.get(at) ?? Row.empty(definition.columns);
  const { total, distinct } = row;
  if (kind === "row") {
    const root = distinct === 0 ? ZERO : row.root(h);
    return { kind, root, total, distinct, proof: rows.proof(h, at) };
  }
  const cells = concat(...Array.from(row.tile(tile), (cell) => new Writer().u32(cell).done()));
  return { kind, cells, siblings: row.proof(h, tile) };
}

/** Both cuts. @throws WeftError when other segments are between them than the checkpoint counts, perhaps very many. */
function cutsOf({ checkpoint, ...of }: Content): { cut: Cut; parent: Cut } {
  const [cut, parent] = [held(of.cut, "the cut"), held(of.parent, "the parent's cut")];
  if (cut.countSince(parent) !== checkpoint.segmentCount) throw notHeld("a cut with as many segments as are counted");
  return { cut, parent };
}

function placeOf(of: Content, index: number): TrackKey & { sequence: number } {
  const { cut, parent } = cutsOf(of);
  let at = 0;
  for (const segment of cut.segmentsSince(parent)) if (at++ === index) return segment;
  throw notHeld("the segment");
}

function segmentAt(of: Content, index: number): Segment {
  const track = placeOf(of, index);
  return held(of.segmentAt(track, track.sequence), "the segment");
}

/** @throws WeftError when our segments are not those: a track took another fork here, for now. */
function listedSegments(h: Hashing, of: Content) {
  const { cut, parent } = cutsOf(of);
  const tree = segmentsTree(h, parent, cut, of.segments);
  if (!equal(tree.root, of.checkpoint.segmentsRoot)) throw notHeld("the committed fork");
  return tree;
}

/** The context after a snapshot of a turn. */
function contextAfter(h: Hashing, { open: { start }, runs }: Turn, last: Run): Context {
  const context = Context.fromPeaks(h, start.length, start.peaks);
  for (const run of runs) {
    context.append(run.ids);
    if (run === last) break;
  }
  return context;
}

/** The memories after each segment. @throws WeftError when these are not what the checkpoint says: then nobody honest has those. */
function memoriesOf(of: Content): Memories[] {
  const { cut, parent } = cutsOf(of);
  const from = { cut: parent, memories: held(of.memories, "the memory before it") };
  const after = [...memoriesAfter(from, cut, of.segments)];
  const { root } = after.at(-1) ?? from.memories;
  if (!equal(root, of.checkpoint.memoryRoot)) throw notHeld("the memory that the checkpoint states");
  return after;
}

function memoriesAt(of: Content, segments: number): Memories {
  const after = memoriesOf(of);
  const { segmentCount } = of.checkpoint;
  // Without segments the memory is the parent's.
  if (segments === segmentCount) return after.at(-1) ?? held(of.memories, "the memory before it");
  return held(after[segments - 1], "the memory");
}

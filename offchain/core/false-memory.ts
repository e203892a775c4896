import { type Bytes, equal } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type Cut, memoriesAfter, type Segments, segmentsTree } from "./cut.ts";
import { WeftError } from "./errors.ts";
import { type FoldCase, type FoldProof, foldProof, type TraceEntry, traceEntry, traceTree } from "./fold-proof.ts";
import { ListTree } from "./list-tree.ts";
import type { Memories } from "./memories.ts";
import type { Hashing } from "./ports.ts";
import type { Segment, TrackKey } from "./segment.ts";
import { emptyRoots, leafHash, TREE } from "./tree.ts";
import type { Turn } from "./turn.ts";

/** A committed checkpoint over segments that are held, and the memories before it. */
export type Judged = {
  checkpoint: Checkpoint;
  cut: Cut;
  parent: { checkpoint: Checkpoint; cut: Cut; memories: Memories };
};

/** The same with the memory root that follows after each segment. */
export type Traced = Judged & { trace: readonly Bytes[] };

/** Segments with the turn that each of them learns of, if it does. */
export type Lectures = Segments & { turnAt(track: TrackKey, sequence: number): Turn | undefined };

/** Where in a track a segment is. */
export type SegmentPlace = TrackKey & { sequence: number };

/** The first thing that is wrong with what a checkpoint says of memories, with what shows it. */
export type FalseMemory =
  /** The entry of this segment is not the one before it plus what the segment teaches. */
  | { type: "fold"; at: SegmentPlace; case: Omit<FoldCase, "segment"> }
  /** The trace is right, and the memory root is not its end. */
  | { type: "end"; checkpoint: Checkpoint; parent: Checkpoint; last: TraceEntry }
  /** There are more entries than segments, or fewer: this leaf is empty and should not be, or the other way round. */
  | { type: "count"; checkpoint: Checkpoint; index: number; leaf: Bytes; proof: readonly Bytes[] };

/** The same as `FoldCourt` takes it. */
export type FoldAccusation =
  | { type: "fold"; proof: FoldProof }
  | Extract<FalseMemory, { type: "end" }>
  | Extract<FalseMemory, { type: "count" }>;

/**
 * Undefined when everything follows from the segments, or only their number is false, which is another court's to judge.
 * @param stated the memory root after each segment, as those say who attested; as many as their tree has
 * @throws WeftError `bad_root` unless these are the leaves of the committed trace, `unknown_segment`
 */
export function falseMemory(
  h: Hashing,
  { trace, ...judged }: Traced,
  stated: readonly Bytes[],
  of: Lectures,
): FalseMemory | undefined {
  const { checkpoint, parent } = judged;
  if (!equal(traceTree(h, stated).root, checkpoint.memoryTraceRoot))
    throw new WeftError("bad_root", "these are not the leaves of the committed trace", { field: "stated" });
  const { segmentCount } = checkpoint;
  if (stated.length !== segmentCount) return falseCount(h, checkpoint, stated);
  const index = stated.findIndex((root, i) => i < trace.length && !equal(root, trace[i]));
  if (index >= 0) {
    const entries = { before: traceEntry(h, stated, index - 1), stated: traceEntry(h, stated, index) };
    return falseFold(h, judged, index, entries, of);
  }
  if (equal(stated.at(-1) ?? parent.memories.root, checkpoint.memoryRoot)) return undefined;
  return { type: "end", checkpoint, parent: parent.checkpoint, last: traceEntry(h, stated, segmentCount - 1) };
}

/**
 * The entry of one segment is known to be false, and the one before it to be right.
 * @param entries both, as the checkpoint says
 * @throws WeftError `unknown_segment`
 */
export function falseFold(
  h: Hashing,
  { checkpoint, cut, parent }: Judged,
  index: number,
  entries: Pick<FoldCase, "before" | "stated">,
  of: Lectures,
): FalseMemory {
  let { memories } = parent;
  let left = index;
  for (const after of memoriesAfter(parent, cut, of)) {
    if (left-- === 0) break;
    memories = after;
  }
  const at = placeOf(cut, parent.cut, index);
  const segmentProof = segmentsTree(h, parent.cut, cut, of).proof(index);
  const turn = of.turnAt(at, at.sequence);
  return {
    type: "fold",
    at,
    case: { checkpoint, parent: parent.checkpoint, ...entries, index, segmentProof, memories, turn },
  };
}

function falseCount(h: Hashing, checkpoint: Checkpoint, stated: readonly Bytes[]): FalseMemory {
  const index = Math.min(stated.length, checkpoint.segmentCount);
  const leaves = stated.map((root) => leafHash(h, TREE.memoryTrace, root));
  // Where the list has ended, the tree goes on with empty leaves.
  if (index === stated.length) leaves.push(emptyRoots(h, TREE.memoryTrace)[0]);
  const proof = new ListTree(h, TREE.memoryTrace, leaves).proof(index);
  return { type: "count", checkpoint, index, leaf: leaves[index], proof };
}

function placeOf(cut: Cut, before: Cut, index: number): SegmentPlace {
  let left = index;
  for (const place of cut.segmentsSince(before)) if (left-- === 0) return place;
  throw new WeftError("out_of_range", `the cut adds fewer than ${index + 1} segments`, { field: "index" });
}

/** @param segment the one whose entry is false; only a fold is shown with one, which is on disk */
export function foldAccusation(h: Hashing, lie: FalseMemory, segment: (at: SegmentPlace) => Segment): FoldAccusation {
  if (lie.type !== "fold") return lie;
  return { type: "fold", proof: foldProof(h, { ...lie.case, segment: segment(lie.at) }) };
}

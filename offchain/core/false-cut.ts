import { type Accusation, AccusedCut, type Doubt, type Finding, found, isSameTrack, readEntry } from "./accused-cut.ts";
import { compare, equal, toHex } from "./bytes.ts";
import type { CutProof, StatedEntry } from "./cut-proof.ts";
import { WeftError } from "./errors.ts";
import { falseSegments } from "./false-segments.ts";
import { falseSnapshots } from "./false-snapshots.ts";
import { falseStandings } from "./false-standing.ts";
import type { Hashing } from "./ports.ts";
import { ToldTree } from "./told-tree.ts";

/** The proof of the first lie that a court can judge; without one, what stands in the way of being sure that there is none. */
export type CutVerdict = { proof: CutProof } | { doubts: readonly Doubt[] };

/**
 * Whether a committed checkpoint extends its parent's cut, lists exactly the valid segments between the two, and ends exactly
 * the tracks that its registry position ends. Without proof and without doubt it does. Nothing is said here of memories, of who
 * signed a header, nor of how many tracks and segments there may be.
 */
export function judgeCut(h: Hashing, of: Accusation): CutVerdict {
  const doubts: Doubt[] = [];
  for (const finding of findings(h, of)) {
    if (finding.type === "proof") return { proof: finding.proof };
    doubts.push(finding);
  }
  return { doubts };
}

/** @throws WeftError `unproven` when nothing is found that a court takes */
export function cutProofOf(h: Hashing, of: Accusation): CutProof {
  const verdict = judgeCut(h, of);
  if ("proof" in verdict) return verdict.proof;
  throw unproven(of, verdict.doubts);
}

/** Of a false one of which nothing is found that a court takes: why. */
export function unproven({ checkpoint: { number } }: Accusation, doubts: readonly Doubt[]): WeftError {
  const why = doubts.map((doubt) => (doubt.type === "unserved" ? `${doubt.what} unserved` : doubt.type));
  const what = `checkpoint ${number} is false, and nothing that is known shows it: ${[...new Set(why)]}`;
  return new WeftError("unproven", what);
}

/** In an order in which each may rely on what was looked at before it. */
function* findings(h: Hashing, of: Accusation): Generator<Finding> {
  const { checkpoint, parent, cut, segments } = of;
  const isCut = checkpoint.entryCount >= parent.checkpoint.entryCount;
  if (!isCut || (checkpoint.entryCount === 0 && checkpoint.segmentCount > 0))
    yield found({ functionName: "proveCounts", checkpoint, parent: parent.checkpoint });
  if (segments instanceof ToldTree) yield* falseLeaves(of, "segments", segments, checkpoint.segmentCount, isHash);
  else if (!segments) yield { type: "unserved", what: "segments" };
  if (!cut) {
    yield { type: "unserved", what: "cut" };
    return;
  }
  yield* falseLeaves(of, "cut", cut, checkpoint.entryCount, (data) => readEntry(data) !== undefined);
  const accused = new AccusedCut(h, of, cut);
  yield* falseEntries(accused);
  yield* falseOrder(accused);
  yield* falseFirsts(accused);
  yield* falseStandings(h, accused);
  if (!segments) return;
  yield* falseSegments(h, accused);
  yield* falseSnapshots(h, accused);
}

const isHash = (data: Uint8Array) => data.length === 32;

/** Exactly the places below the count hold something, and of the right shape. */
function* falseLeaves(
  { checkpoint }: Accusation,
  tree: "cut" | "segments",
  leaves: ToldTree,
  count: number,
  fits: (data: Uint8Array) => boolean,
): Generator<Finding> {
  let next = 0;
  for (const index of leaves.indices()) {
    if (index !== next || index >= count) break;
    if (!fits(leaves.get(index) as Uint8Array))
      yield found({ functionName: "proveFormat", checkpoint, tree, here: leaves.dataAt(index) });
    next += 1;
  }
  // Either it is missing, or the first beyond the count.
  const other = next < count ? next : [...leaves.indices()][next];
  if (other !== undefined) yield found({ functionName: "proveCount", checkpoint, tree, here: leaves.leafAt(other) });
}

/** Each entry goes on from the parent's. */
function* falseEntries(accused: AccusedCut): Generator<Finding> {
  for (const [slot, entry] of accused.entries.entries())
    if (!goesOn(accused, slot, entry))
      yield found({ functionName: "proveEntry", ...accused.both, here: accused.entryAt(slot) });
}

function goesOn(accused: AccusedCut, slot: number, entry: StatedEntry): boolean {
  const before = accused.before(slot);
  if (before.isNew) return !entry.ended && entry.sequence > 0n;
  if (!isSameTrack(entry, accused.of.parent.cut.entries[slot])) return false;
  const stays = entry.sequence === before.sequence && equal(entry.head, before.head);
  return stays ? entry.ended || !before.ended : !entry.ended && !before.ended && entry.sequence > before.sequence;
}

/** No track has two slots, and new ones ascend. */
function* falseOrder(accused: AccusedCut): Generator<Finding> {
  const slots = new Map<string, number>();
  const order = (low: number, high: number): Finding =>
    found({
      functionName: "proveOrder",
      ...accused.both,
      low: accused.entryAt(low),
      high: accused.entryAt(high),
    });
  for (const [slot, entry] of accused.entries.entries()) {
    const name = toHex(entry.operator) + toHex(entry.incarnation);
    const twin = slots.get(name);
    if (twin !== undefined) yield order(twin, slot);
    slots.set(name, slot);
    const below = accused.entries[slot - 1];
    if (slot <= accused.both.parent.entryCount) continue;
    if ((compare(below.operator, entry.operator) || compare(below.incarnation, entry.incarnation)) > 0)
      yield order(slot - 1, slot);
  }
}

/** The first slot's segments begin at 0, each slot's where those of the one before end, and the last's end at the count. */
function* falseFirsts(accused: AccusedCut): Generator<Finding> {
  for (const [slot, entry] of accused.entries.entries()) {
    const next = accused.entries[slot + 1];
    const end = BigInt(entry.first) + accused.advance(slot);
    if (end === BigInt(next?.first ?? accused.both.checkpoint.segmentCount) && (slot > 0 || entry.first === 0))
      continue;
    yield found({
      functionName: "proveFirst",
      ...accused.both,
      here: accused.entryAt(slot),
      ...(next && { next: accused.entryAt(slot + 1) }),
    });
  }
}

import { type AccusedCut, type Finding, found, isSameTrack, type StatedSegment } from "./accused-cut.ts";
import { equal, isZero } from "./bytes.ts";
import type { StatedHeader } from "./cut-proof.ts";
import { LIMIT_SNAPSHOTS } from "./header.ts";
import type { Hashing } from "./ports.ts";
import { type SaltedSnapshot, snapshotLeaf } from "./snapshot.ts";
import { SparseTree } from "./sparse-tree.ts";
import { emptyRoots, TREE } from "./tree.ts";

type Known = StatedSegment & { hash: Uint8Array };

/** Each index holds the segment that belongs there, which follows the one before it and is of the shape of one. */
export function* falseSegments(h: Hashing, accused: AccusedCut): Generator<Finding> {
  for (const slot of accused.entries.keys()) {
    const { first } = accused.entries[slot];
    const advance = Number(accused.advance(slot));
    let before: Known | undefined;
    for (let offset = 0; offset < advance; offset++) {
      const index = first + offset;
      const segment = accused.segmentAt(index);
      if (!segment) yield { type: "unserved", what: "header", index };
      else {
        yield* falsePlace(accused, slot, offset, segment);
        if (before) yield* falseChain(accused, index, before, segment);
        yield* falseShape(h, accused, index, segment);
      }
      before = segment;
    }
  }
}

function* falsePlace(accused: AccusedCut, slot: number, offset: number, { header, hash }: Known): Generator<Finding> {
  const entry = accused.entries[slot];
  const before = accused.before(slot);
  const sequence = before.sequence + BigInt(offset) + 1n;
  const isLast = sequence === entry.sequence;
  if (
    isSameTrack(header, entry) &&
    header.sequence === sequence &&
    (offset > 0 || equal(header.previous, before.head)) &&
    (!isLast || equal(hash, entry.head))
  )
    return;
  const segment = accused.headerAt(entry.first + offset, header);
  yield found({ functionName: "provePlace", ...accused.both, here: accused.entryAt(slot), segment });
}

function* falseChain(accused: AccusedCut, index: number, before: Known, { header }: Known): Generator<Finding> {
  if (equal(header.previous, before.hash)) return;
  const earlier = accused.headerAt(index - 1, before.header);
  const later = accused.headerAt(index, header);
  yield found({ functionName: "proveChain", checkpoint: accused.both.checkpoint, earlier, later });
}

function* falseShape(h: Hashing, accused: AccusedCut, index: number, segment: Known): Generator<Finding> {
  const { header, snapshots } = segment;
  const { checkpoint } = accused.both;
  const count = header.snapshotCount;
  const at = () => accused.headerAt(index, header);
  if (count === 0 || count > LIMIT_SNAPSHOTS || isZero(header.snapshotsRoot))
    yield found({ functionName: "proveHeader", checkpoint, segment: at() });
  const tree = snapshots && snapshotsOf(h, header, snapshots);
  if (!tree || snapshots.length === count) return;
  const place = Math.min(count, snapshots.length);
  const snapshot = tree.get(place);
  const leaf = snapshot ? snapshotLeaf(h, snapshot) : emptyRoots(h, TREE.snapshots)[0];
  const here = { index: place, leaf, proof: tree.proof(h, place) };
  yield found({ functionName: "proveHeader", checkpoint, segment: at(), here });
}

const NO_SNAPSHOTS = SparseTree.empty<SaltedSnapshot>({ tree: TREE.snapshots, hash: snapshotLeaf });

/** The tree of a segment's snapshots, with as many as there are; undefined when they are not those of the header. */
export function snapshotsOf(h: Hashing, header: StatedHeader, snapshots: readonly SaltedSnapshot[]) {
  if (snapshots.length > LIMIT_SNAPSHOTS) return undefined;
  const tree = NO_SNAPSHOTS.update([...snapshots.keys()], (_, n) => snapshots[n]);
  return equal(tree.root(h), header.snapshotsRoot) ? tree : undefined;
}

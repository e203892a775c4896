import type { StandingSegment } from "./accused-cut.ts";
import { stated } from "./accused-cut.ts";
import { equal } from "./bytes.ts";
import type { Consensus } from "./consensus.ts";
import { segmentsTree } from "./cut.ts";
import { undefinedOn } from "./errors.ts";
import type { ListTree } from "./list-tree.ts";
import type { Replica } from "./replica.ts";
import type { TrackKey } from "./segment.ts";
import { heldSegments } from "./views.ts";

/**
 * Finds where held segments stand that a checkpoint has, or one before it; without their snapshots, which are on disk.
 * Undefined for what is not held, and for what was committed when cuts were that are not in memory any more.
 */
export function placeFinder(replica: Replica, consensus: Consensus, latest: number) {
  const trees = new Map<number, ListTree | undefined>();
  const treeOf = (number: number, make: () => ListTree | undefined) => {
    if (!trees.has(number)) trees.set(number, make());
    return trees.get(number);
  };
  return (track: TrackKey, sequence: number): StandingSegment | undefined => {
    const header = replica.track(track)?.signedAt(sequence)?.header;
    for (let number = latest; header && number > 0; ) {
      const committed = consensus.committed(number);
      const cut = committed?.cut;
      const before = committed && consensus.committed(committed.parent)?.cut;
      if (!cut || !before) return undefined;
      if ((before.entry(track)?.sequence ?? 0) < sequence) {
        const isCounted = cut.countSince(before) === committed.checkpoint.segmentCount;
        if (!isCounted || (cut.entry(track)?.sequence ?? 0) < sequence) return undefined;
        const tree = treeOf(number, () =>
          undefinedOn("unknown_segment", () => segmentsTree(replica.crypto, before, cut, heldSegments(replica))),
        );
        if (!tree || !equal(tree.root, committed.checkpoint.segmentsRoot)) return undefined;
        const index = cut.segmentIndex(before, track, sequence);
        return { number, index, segment: { header: stated(header) }, proof: () => tree.proof(index) };
      }
      number = committed.parent;
    }
    return undefined;
  };
}

import { type Bytes, equal } from "./bytes.ts";
import { traceTree } from "./fold-proof.ts";
import { leafUnder } from "./leaf-search.ts";
import type { OpenedTree } from "./opened-tree.ts";
import type { Hashing } from "./ports.ts";

/** What is to be shown next of a trace that nobody serves, or where it is false by what was shown. */
export type TraceStep =
  | { type: "show"; index: number }
  /** This entry is false, and the one before it is right; both were shown. */
  | { type: "fold"; index: number }
  /** The last entry, which was shown, is not the memory root. */
  | { type: "end"; index: number };

/**
 * Looks for the first false entry with few questions, each of which costs a bond: where memories are false they stay false,
 * so that half of what is left is ruled out by each. Of a trace that is right at its end the siblings lead to one that is false.
 * @param truth the memory root after each segment
 * @param stated the memory root that the checkpoint says
 * @param shown entries of the committed trace, by index
 * @returns undefined when all entries are right: there is one too many or too few
 */
export function searchTrace(
  h: Hashing,
  truth: readonly Bytes[],
  stated: Bytes,
  shown: OpenedTree,
): TraceStep | undefined {
  const last = truth.length - 1;
  const end = shown.get(last);
  if (last < 0) return undefined;
  if (!end) return { type: "show", index: last };
  if (!equal(end, stated)) return { type: "end", index: last };
  const [high] = shown.indices.filter((index) => !equal(shown.get(index) as Bytes, truth[index])).sort((a, b) => a - b);
  if (high === undefined) {
    const index = leafUnder(traceTree(h, truth), shown, truth.length);
    return index === undefined ? undefined : { type: "show", index };
  }
  const low = Math.max(-1, ...shown.indices.filter((index) => index < high));
  if (low === high - 1) return { type: "fold", index: high };
  return { type: "show", index: Math.floor((low + high) / 2) };
}

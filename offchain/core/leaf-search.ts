import { type Bytes, equal } from "./bytes.ts";
import type { ListTree } from "./list-tree.ts";
import type { OpenedTree } from "./opened-tree.ts";

/**
 * A place below which something else stands than ours, where all that was shown is ours: the siblings of each tell. Each that is
 * shown leads at least one level down.
 * @param count of the places that may be asked for
 * @returns undefined when none is left
 */
export function leafUnder(own: ListTree, shown: OpenedTree, count: number): number | undefined {
  let least = { level: Number.POSITIVE_INFINITY, first: 0 };
  const { indices } = shown;
  for (const index of indices) {
    const siblings = shown.proof(index);
    for (const [level, ours] of own.proof(index).entries()) {
      const size = 2 ** level;
      const first = (Math.floor(index / size) ^ 1) * size;
      if (level >= least.level || first >= count || equal(ours, siblings[level])) continue;
      if (indices.some((other) => other >= first && other < first + size)) continue;
      least = { level, first };
    }
  }
  return least.level === Number.POSITIVE_INFINITY ? undefined : least.first;
}

/**
 * Which leaf is to be shown next of a segments tree that nobody serves, and that is not ours, with few questions, each of which
 * costs a bond: the siblings of those that were shown lead to one that is not ours, then its track's last one is shown. If that
 * is not ours either it is not what the cut says; else halving leads to one that is not ours beside one that is.
 * @param own what stands in each place by what is held, and in which, ascending, tracks end
 * @param count of the tree's leaves
 * @returns undefined when none that may be asked for is left
 */
export function nextLeaf(
  own: { tree: ListTree; leaves: readonly Bytes[]; ends: readonly number[] },
  shown: OpenedTree,
  count: number,
): number | undefined {
  const most = Math.min(count, own.leaves.length);
  const isOther = (index: number) => !equal(shown.get(index) as Bytes, own.leaves[index]);
  let low = shown.indices.find((index) => index < most && isOther(index));
  if (low === undefined) return shown.indices.length > 0 ? leafUnder(own.tree, shown, most) : most > 0 ? 0 : undefined;
  let high = own.ends.find((end) => end >= (low as number)) as number;
  if (!shown.get(high)) return high;
  if (isOther(high)) return undefined;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (!shown.get(middle)) return middle;
    if (isOther(middle)) low = middle;
    else high = middle;
  }
  return undefined;
}

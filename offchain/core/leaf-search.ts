import { type Bytes, equal } from "./bytes.ts";
import type { ListTree } from "./list-tree.ts";
import type { OpenedTree } from "./opened-tree.ts";

/**
 * Which leaf is to be shown next of a tree that nobody serves, and that is not ours, with few questions, each of which costs a
 * bond. The siblings of each that was shown tell under which of them something else stands; from where that is, those after it
 * are shown up to one that is ours again.
 * @param own what stands in each place by what is held
 * @param count of the tree's leaves
 * @returns undefined when none that may be asked for is left
 */
export function nextLeaf(
  own: { tree: ListTree; leaves: readonly Bytes[] },
  shown: OpenedTree,
  count: number,
): number | undefined {
  const { indices } = shown;
  const others = indices.filter((index) => !equal(shown.get(index) as Bytes, own.leaves[index]));
  const last = indices.at(-1);
  let next = 0;
  if (others.length > 0) {
    next = Math.min(...others);
    while (shown.get(next)) next += 1;
    if (!others.includes(next - 1)) return undefined;
  } else if (last !== undefined) {
    const siblings = shown.proof(last);
    const level = own.tree.proof(last).findIndex((ours, i) => !equal(ours, siblings[i]));
    if (level < 0) return undefined;
    next = (Math.floor(last / 2 ** level) ^ 1) * 2 ** level;
  }
  return next < Math.min(count, own.leaves.length) ? next : undefined;
}

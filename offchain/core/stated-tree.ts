import { type Bytes, concat } from "./bytes.ts";
import { ENTRY_BYTES } from "./cut.ts";
import { WeftError } from "./errors.ts";
import { HEADER_BYTES } from "./header.ts";
import { TREE } from "./tree.ts";

/** Trees of a checkpoint whose leaves only those know who attested, when what they say does not follow from the segments. */
export const STATED_TREES = {
  /** The memory root after each segment. */
  trace: { leafBytes: 32, most: 2 ** TREE.memoryTrace.depth },
  /** The header of each segment. */
  segments: { leafBytes: HEADER_BYTES, most: 2 ** TREE.segments.depth },
  /** What stands in each slot of the cut, also where it is no entry; as many as fit into 8 MiB, like a cut that is asked for as such. */
  entries: { leafBytes: ENTRY_BYTES, most: Math.floor(2 ** 23 / ENTRY_BYTES) },
} as const;

export type StatedTree = keyof typeof STATED_TREES;

/** Which tree of which committed checkpoint, and from which leaf on. */
export type TreeRequest = { number: number; hash: Bytes; tree: StatedTree; first: number };

/** Leaves, one after the other, and whether there are any after them. */
export type TreePage = { readonly leaves: readonly Bytes[]; readonly more: boolean };

export const TREE_PAGE_BYTES = 128 * 1024;

/** What stands from a leaf on, as much as fits into a page. */
export function treePageOf<Leaf>(tree: StatedTree, leaves: readonly Leaf[], first: number) {
  const end = first + Math.floor(TREE_PAGE_BYTES / STATED_TREES[tree].leafBytes);
  return { leaves: leaves.slice(first, end), more: end < leaves.length };
}

export const encodeLeaves = ({ leaves }: TreePage): Bytes => concat(...leaves);

/** @throws WeftError `malformed` unless these are whole leaves, no more than a page, and some where more come */
export function decodeTreePage(tree: StatedTree, bytes: Bytes, more: boolean): TreePage {
  const { leafBytes } = STATED_TREES[tree];
  if (bytes.length > TREE_PAGE_BYTES || bytes.length % leafBytes !== 0 || (more && bytes.length === 0))
    throw new WeftError("malformed", "not a page of a tree's leaves", { field: "leaves" });
  const leaves = Array.from({ length: bytes.length / leafBytes }, (_, i) =>
    bytes.slice(i * leafBytes, (i + 1) * leafBytes),
  );
  return { leaves, more };
}

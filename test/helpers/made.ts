import type { Hex } from "viem";
import { checkpointStruct, headerStruct } from "../../offchain/chain/convert.ts";
import type { StatedSegment } from "../../offchain/core/accused-cut.ts";
import { type Bytes, toHex } from "../../offchain/core/bytes.ts";
import { type Checkpoint, checkpointHash, genesisCheckpoint } from "../../offchain/core/checkpoint.ts";
import { type CutEntry, encodeEntry, trackName } from "../../offchain/core/cut.ts";
import { traceTree } from "../../offchain/core/fold-proof.ts";
import { Memories } from "../../offchain/core/memories.ts";
import { snapshotTree, trackId } from "../../offchain/core/segment.ts";
import { SparseTree } from "../../offchain/core/sparse-tree.ts";
import { emptyRoots, leafHash, TREE, type TreeKind } from "../../offchain/core/tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import type { Sealed } from "./core.ts";

/** What contracts take for a zero entry of the parent's cut, where nothing is read. */
const NO_ENTRY = entryOf({
  operator: new Uint8Array(20),
  incarnation: new Uint8Array(16),
  sequence: 0,
  head: new Uint8Array(32),
  ended: false,
  first: 0,
});

/** What leaves are the hashes of that are no entries and no segments, by their places, and segments that nobody could write. */
export type Odd = {
  cut?: ReadonlyMap<number, Bytes>;
  segments?: ReadonlyMap<number, Bytes>;
  served?: readonly StatedSegment[];
  /** Of the memory trace. */
  trace?: readonly Bytes[];
};

function treeOf(tree: TreeKind, leaves: ReadonlyMap<number, Bytes>): SparseTree<Bytes> {
  const indices = [...leaves.keys()].sort((a, b) => a - b);
  const empty = SparseTree.empty<Bytes>({ tree, hash: (h, data) => leafHash(h, tree, data) });
  return empty.update(indices, (_, n) => leaves.get(indices[n]));
}

/** A checkpoint with all that it is made of, true or not: its roots are those of what it is said to have. */
export class Made {
  readonly checkpoint: Checkpoint;
  readonly hash: Bytes;
  readonly entries: readonly CutEntry[];
  readonly segments: readonly Sealed[];
  readonly parent: Made | undefined;
  readonly odd: Odd;
  /** What the leaves of the cut and of the segments tree are the hashes of. */
  readonly slots: ReadonlyMap<number, Bytes>;
  readonly indices: ReadonlyMap<number, Bytes>;
  /** The memory root after each segment: none learns anything. */
  readonly trace: readonly Bytes[];
  readonly #cut: SparseTree<Bytes>;
  readonly #list: SparseTree<Bytes>;

  constructor(
    separator: Bytes,
    parent: Made | undefined,
    said: { entries: readonly CutEntry[]; segments: readonly Sealed[] },
    change: Partial<Checkpoint> & Pick<Checkpoint, "registryPosition" | "registryHash">,
    odd: Odd = {},
  ) {
    this.parent = parent;
    this.entries = said.entries;
    this.segments = said.segments;
    this.odd = odd;
    const entries = said.entries.map((entry, slot): [number, Bytes] => [slot, encodeEntry(entry)]);
    this.slots = new Map([...entries, ...(odd.cut ?? [])]);
    const hashes = said.segments.map(({ hash }, index): [number, Bytes] => [index, hash]);
    this.indices = new Map([...hashes, ...(odd.segments ?? [])]);
    this.#cut = treeOf(TREE.cut, this.slots);
    this.#list = treeOf(TREE.segments, this.indices);
    this.trace = odd.trace ?? said.segments.map(() => Memories.empty(crypto).root);
    this.checkpoint = {
      ...genesisCheckpoint(crypto, change.registryHash),
      number: (parent?.checkpoint.number ?? -1) + 1,
      ...(parent && { parent: parent.hash }),
      cutRoot: this.#cut.root(crypto),
      entryCount: said.entries.length,
      segmentsRoot: this.#list.root(crypto),
      segmentCount: said.segments.length,
      memoryTraceRoot: traceTree(crypto, this.trace).root,
      ...change,
    };
    this.hash = checkpointHash(crypto, separator, this.checkpoint);
  }

  /** The checkpoint and its parent, as contracts take them. */
  get accused() {
    return {
      checkpoint: checkpointStruct(this.checkpoint),
      parent: checkpointStruct((this.parent as Made).checkpoint),
    };
  }

  entryAt(slot: number) {
    const before = this.parent?.entries[slot];
    return {
      slot: BigInt(slot),
      entry: entryOf(this.entries[slot] as CutEntry),
      proof: this.cutProof(slot),
      before: before ? entryOf(before) : NO_ENTRY,
      beforeProof: before ? (this.parent as Made).cutProof(slot) : [],
    };
  }

  cutProof(slot: number): Hex[] {
    return this.#cut.proof(crypto, slot).map(toHex);
  }

  segmentProof(index: number): Bytes[] {
    return this.#list.proof(crypto, index);
  }

  headerAt(index: number) {
    const { header } = this.segments[index] as Sealed;
    return { index: BigInt(index), header: headerStruct(header), proof: this.segmentProof(index).map(toHex) };
  }

  /** A leaf of the segments tree by its hash. */
  leafAt(index: number) {
    const segment = this.segments[index];
    const leaf = segment ? leafHash(crypto, TREE.segments, segment.hash) : emptyRoots(crypto, TREE.segments)[0];
    return { index: BigInt(index), leaf: toHex(leaf), proof: this.segmentProof(index).map(toHex) };
  }

  /** A leaf of the cut by its hash, where it is one of an entry or none. */
  slotAt(slot: number) {
    const entry = this.entries[slot];
    const leaf = entry ? leafHash(crypto, TREE.cut, encodeEntry(entry)) : emptyRoots(crypto, TREE.cut)[0];
    return { index: BigInt(slot), leaf: toHex(leaf), proof: this.cutProof(slot) };
  }

  /** Where a snapshot stands, with its bytes. */
  snapshotAt(index: number, snapshot: number) {
    const { header, snapshots } = this.segments[index] as Sealed;
    const { salt, body } = snapshots[snapshot] as Sealed["snapshots"][number];
    return {
      number: BigInt(this.checkpoint.number),
      segmentIndex: index,
      header: headerStruct(header),
      segmentProof: this.segmentProof(index).map(toHex),
      snapshotIndex: snapshot,
      salt: toHex(salt),
      body: toHex(body),
      snapshotProof: snapshotTree(crypto, snapshots).proof(snapshot).map(toHex),
    };
  }

  /** Every snapshot that it has, as [segment, snapshot]. */
  get places(): [number, number][] {
    return this.segments.flatMap(({ snapshots }, i) => snapshots.map((_, j): [number, number] => [i, j]));
  }
}

export function entryOf({ operator, incarnation, sequence, head, ended, first }: CutEntry) {
  const [owner, run] = [toHex(operator), toHex(incarnation)];
  return { operator: owner, incarnation: run, sequence: BigInt(sequence), head: toHex(head), ended, first };
}

/** The entries that tracks have after more segments, in the slots that they have, and the segments in their order. */
export function extend(
  parent: Made,
  advances: readonly (readonly Sealed[])[],
): { entries: CutEntry[]; segments: Sealed[] } {
  const by = new Map(advances.map((sealed) => [trackName((sealed[0] as Sealed).header), sealed]));
  const segments: Sealed[] = [];
  const entries: CutEntry[] = [];
  const push = (track: CutEntry, sealed: readonly Sealed[]) => {
    const last = sealed.at(-1);
    const to = last ? { sequence: last.header.sequence, head: last.hash } : {};
    entries.push({ ...track, ...to, first: segments.length });
    segments.push(...sealed);
  };
  for (const known of parent.entries) push(known, by.get(trackName(known)) ?? []);
  const known = new Set(parent.entries.map(trackName));
  for (const [track, sealed] of [...by].filter(([key]) => !known.has(key)).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { operator, incarnation } = (sealed[0] as Sealed).header;
    const head = trackId(crypto, { operator, incarnation });
    push({ operator, incarnation, sequence: 0, head, ended: false, first: 0 }, by.get(track) ?? []);
  }
  return { entries, segments };
}

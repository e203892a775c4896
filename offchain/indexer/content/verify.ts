import { type Bytes, concat, equal, Reader, toHex, Writer } from "../../core/bytes.ts";
import { Cut, type CutEntry, decodeEntries } from "../../core/cut.ts";
import { WeftError } from "../../core/errors.ts";
import { ListTree, listHeight } from "../../core/list-tree.ts";
import type { Crypto } from "../../core/ports.ts";
import {
  decodeSegment,
  headerHash,
  readHeader,
  type Segment,
  SIGNATURE_BYTES,
  type SignedHeader,
  snapshotTree,
} from "../../core/segment.ts";
import { leafHash, TREE } from "../../core/tree.ts";

/** What the chain says of a checkpoint's content; everything that a worker serves is held against it. */
export type Roots = {
  hash: string;
  number: number;
  cutRoot: Bytes;
  entryCount: number;
  segmentsRoot: Bytes;
  segmentCount: number;
};

/** A track that went on in this checkpoint: its place in the cut, and how many of the segments are its. */
export type Advanced = CutEntry & { slot: number; count: number };

export type CheckedHeader = SignedHeader & {
  hash: Bytes;
  /** Its path below the height of the list: above it every sibling is an empty subtree. */
  siblings: Bytes[];
};

const refused = (why: string) => new WeftError("content_refused", why);

/** @throws WeftError `content_refused`, `malformed` unless these are the committed cut's entries */
export function checkCut(crypto: Crypto, roots: Roots, items: readonly Bytes[]): Advanced[] {
  const count = new Writer().u32(items.length).done();
  const entries = decodeEntries(concat(count, ...items), roots.entryCount);
  if (entries.length !== roots.entryCount || !equal(Cut.of(crypto, entries).root, roots.cutRoot))
    throw refused("the cut has not the committed root");
  return entries.flatMap((entry, slot) => {
    const after = entries[slot + 1]?.first ?? roots.segmentCount;
    return after > entry.first ? [{ ...entry, slot, count: after - entry.first }] : [];
  });
}

/**
 * @param signersOf whether the operator ever had the key, as the registry has it
 * @throws WeftError `content_refused`, `malformed` unless these are the committed headers, each signed by its operator
 */
export function checkHeaders(
  crypto: Crypto,
  separator: Bytes,
  roots: Roots,
  items: readonly Bytes[],
  isKeyOf: (operator: string, signer: string) => boolean,
): CheckedHeader[] {
  if (items.length !== roots.segmentCount) throw refused(`${items.length} headers of ${roots.segmentCount}`);
  const headers = items.map((bytes) => {
    const from = new Reader(bytes, "header");
    const header = readHeader(from);
    const signature = from.fixed(SIGNATURE_BYTES);
    from.end();
    const hash = headerHash(crypto, separator, header);
    return { header, signature, hash };
  });
  const tree = new ListTree(
    crypto,
    TREE.segments,
    headers.map(({ hash }) => leafHash(crypto, TREE.segments, hash)),
  );
  if (!equal(tree.root, roots.segmentsRoot)) throw refused("the headers have not the committed root");
  for (const { header, signature, hash } of headers) {
    const signer = crypto.recover(hash, signature);
    if (!signer || !isKeyOf(toHex(header.operator), toHex(signer)))
      throw refused("a header's signature is not its own");
  }
  const height = listHeight(headers.length);
  return headers.map((header, index) => ({ ...header, siblings: tree.proof(index).slice(0, height) }));
}

/** @throws WeftError `content_refused`, `malformed` unless this is the segment that the header was signed for */
export function checkSegment(crypto: Crypto, separator: Bytes, checked: CheckedHeader, bytes: Bytes): Segment {
  const segment = decodeSegment(bytes);
  const isHeader = equal(headerHash(crypto, separator, segment.header), checked.hash);
  // The signature is not part of the hash; the one that was checked is kept.
  if (!isHeader || !equal(snapshotTree(crypto, segment.snapshots).root, checked.header.snapshotsRoot))
    throw refused("a segment has not the root that was signed");
  return { ...segment, signature: checked.signature };
}

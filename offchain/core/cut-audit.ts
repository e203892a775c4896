import type { Accusation, StatedSegment } from "./accused-cut.ts";
import { stated } from "./accused-cut.ts";
import { type Bytes, equal, toHex } from "./bytes.ts";
import type { Committed, CommittedCut } from "./checkpoints.ts";
import { type Cut, type CutEntry, encodeEntry, segmentsTree } from "./cut.ts";
import type { StatedHeader } from "./cut-proof.ts";
import { undefinedOn, WeftError } from "./errors.ts";
import { headerHash } from "./header.ts";
import type { RefusedSegments } from "./refused.ts";
import type { RegistryEvent } from "./registry.ts";
import type { Replica } from "./replica.ts";
import { ToldTree } from "./told-tree.ts";
import { TREE } from "./tree.ts";
import { heldSegments } from "./views.ts";

/**
 * Whether a checkpoint's cut goes on from its parent's, and lists the valid segments between the two; undefined as long as not
 * all of those are held, with the heads that it names, and none was refused.
 */
export function isTrueCut(
  replica: Replica,
  parent: CommittedCut,
  { checkpoint, cut }: CommittedCut,
  refused: RefusedSegments,
): boolean | undefined {
  const { crypto } = replica;
  const { entries } = cut;
  if (cut.countSince(parent.cut) !== checkpoint.segmentCount) return false;
  const registry = replica.registryAt(checkpoint.registryPosition);
  if (!registry) return undefined;
  if (entries.length !== checkpoint.entryCount || entries.slice(parent.cut.entries.length).some(isEmpty)) return false;
  try {
    const follows = parent.cut.extend(crypto, entries, (operator) => registry.isEnded(operator));
    if (!equal(follows.root, cut.root)) return false;
  } catch (error) {
    // A track goes back; or in another order there is no such cut, as a first index would be beyond 32 bits.
    if (error instanceof WeftError) return false;
    throw error;
  }
  const isNew = (entry: CutEntry) => entry.sequence > (parent.cut.entry(entry)?.sequence ?? 0);
  if (entries.some((entry) => refused.leadsTo(entry) && isNew(entry))) return false;
  const root = heldRoot(replica, parent.cut, cut);
  return root && equal(root, checkpoint.segmentsRoot);
}

const isEmpty = ({ sequence }: { sequence: number }) => sequence === 0;

/** Of the segments tree, when all segments are held that lead up to the heads of the cut: these name all before them. */
function heldRoot(replica: Replica, parent: Cut, cut: Cut): Bytes | undefined {
  for (const entry of cut.entries) {
    if (entry.sequence === (parent.entry(entry)?.sequence ?? 0)) continue;
    const held = replica.track(entry)?.hashAt(entry.sequence);
    if (!held || !equal(held, entry.head)) return undefined;
  }
  return undefinedOn("unknown_segment", () => segmentsTree(replica.crypto, parent, cut, heldSegments(replica)).root);
}

/**
 * A checkpoint with what a worker knows of it. What it holds it has verified, and its disk has the snapshots; of a segment that
 * it would not take it knows the header, and the snapshots where they are what it refused.
 * @param served headers of the segments, in their order, as somebody states them
 * @throws WeftError `bad_root` unless these are the leaves of the segments tree
 */
export function accusationOf(
  replica: Replica,
  parent: CommittedCut,
  { checkpoint, hash, cut }: CommittedCut,
  { refused, earlier }: { refused: RefusedSegments } & Pick<Accusation, "earlier">,
  served?: readonly StatedHeader[],
): Accusation {
  const { crypto, separator } = replica;
  const entries = cut.entries.map((entry, slot): [number, Bytes] => [slot, encodeEntry(entry)]);
  const hashes = new Map<number, Bytes>();
  const headers = new Map<string, StatedSegment>();
  let index = 0;
  // Of another number of segments the entries alone tell.
  const isCounted = cut.countSince(parent.cut) === checkpoint.segmentCount;
  for (const { sequence, ...key } of isCounted ? cut.segmentsSince(parent.cut) : []) {
    const track = replica.track(key);
    const header = track?.signedAt(sequence)?.header;
    const held = header && track?.hashAt(sequence);
    const known = held ? { header, hash: held } : refused.at(key, sequence);
    if (known) {
      const { hash, header, ...more } = known;
      hashes.set(index, hash);
      headers.set(toHex(hash), { header: stated(header), ...more });
    }
    index += 1;
  }
  const told = served?.map((header) => {
    const of = headerHash(crypto, separator, header);
    headers.set(toHex(of), headers.get(toHex(of)) ?? { header });
    return of;
  });
  const { segmentsRoot } = checkpoint;
  const segments = told
    ? new ToldTree(crypto, TREE.segments, segmentsRoot, new Map(told.entries()))
    : undefinedOn("bad_root", () => new ToldTree(crypto, TREE.segments, segmentsRoot, hashes));
  return {
    checkpoint,
    hash,
    separator,
    parent,
    registry: eventsOf(replica),
    cut: new ToldTree(crypto, TREE.cut, checkpoint.cutRoot, new Map(entries)),
    segments,
    segmentOf: (of) => headers.get(toHex(of)),
    heldAt(key, sequence) {
      const track = replica.track(key);
      return track?.signedAt(sequence) && track.hashAt(sequence);
    },
    earlier,
    snapshotsAt: () => undefined,
  };
}

/**
 * A checkpoint of which nothing is known but the leaves of its cut, whatever they are.
 * @throws WeftError `bad_root` unless these are the leaves
 */
export function statementOf(
  replica: Replica,
  parent: CommittedCut,
  { checkpoint, hash }: Committed,
  leaves: readonly Bytes[],
): Accusation {
  const { crypto, separator } = replica;
  return {
    checkpoint,
    hash,
    separator,
    parent,
    registry: eventsOf(replica),
    cut: new ToldTree(crypto, TREE.cut, checkpoint.cutRoot, new Map(leaves.entries())),
    segmentOf: () => undefined,
    heldAt: () => undefined,
    earlier: () => undefined,
    snapshotsAt: () => undefined,
  };
}

function eventsOf(replica: Replica): RegistryEvent[] {
  const events: RegistryEvent[] = [];
  for (let position = 1; position <= replica.registry.position; position++)
    events.push(replica.registryAt(position)?.event as RegistryEvent);
  return events;
}

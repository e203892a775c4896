import { equal, fromHex, toHex } from "../../../offchain/core/bytes.ts";
import { type CutEntry, encodeEntries } from "../../../offchain/core/cut.ts";
import { sealSegment } from "../../../offchain/core/segment.ts";
import { leafHash, TREE } from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf, incarnationOf, type Sealed } from "../../helpers/core.ts";
import type { Historian, Made } from "./history.ts";

/** A wrong checkpoint, and the call that proves it. */
export type Told = { made: Made; functionName: string; args: readonly unknown[] };
/** Tells one lie about an honest checkpoint; `pick` draws an index below a bound. Undefined where there is no room. */
export type Liar = (h: Historian, honest: Made, pick: (below: number) => number) => Told | undefined;

const known = ({ parent, entries }: Made, holds: (entry: CutEntry, before: CutEntry) => boolean) =>
  (parent as Made).entries.flatMap((before, slot) => (holds(entries[slot] as CutEntry, before) ? [slot] : []));
const fresh = ({ parent, entries }: Made) => entries.flatMap((_, slot) => (parent?.entries[slot] ? [] : [slot]));

/** The checkpoint with one entry changed, and nothing else. */
function withEntry(h: Historian, honest: Made, slot: number, change: Partial<CutEntry>): Made {
  const entries = honest.entries.map((entry, i) => (i === slot ? { ...entry, ...change } : entry));
  return h.make(honest.parent as Made, { entries, segments: honest.segments });
}

/** Entries that lie in themselves: which slots there are to change, and how. */
const entryLies: Record<
  string,
  [(honest: Made) => number[], (entry: CutEntry, before?: CutEntry) => Partial<CutEntry>]
> = {
  "a track goes back": [
    (m) => known(m, (_, { sequence }) => sequence > 0),
    (_, before) => ({ sequence: (before as CutEntry).sequence - 1 }),
  ],
  "another head at equal sequence": [
    (m) => known(m, (entry, before) => entry.sequence === before.sequence),
    () => ({ head: hashOf("another head") }),
  ],
  "a slot has another track": [(m) => known(m, () => true), () => ({ incarnation: incarnationOf("replaced") })],
  "an ended track goes on": [
    (m) => known(m, (entry, before) => entry.sequence > before.sequence),
    () => ({ ended: true }),
  ],
  "a new track has ended": [fresh, () => ({ ended: true })],
  "a new track has no segment": [fresh, () => ({ sequence: 0 })],
};

function entryLiar([slots, change]: (typeof entryLies)[string]): Liar {
  return (h, honest, pick) => {
    const room = slots(honest);
    const slot = room[pick(room.length)];
    if (slot === undefined) return undefined;
    const entry = honest.entries[slot] as CutEntry;
    const made = withEntry(h, honest, slot, change(entry, honest.parent?.entries[slot]));
    return { made, functionName: "proveEntry", args: [made.accused, made.entryAt(slot)] };
  };
}

/** Proves that what follows a slot does not begin where the slot's segments end. */
function provenFirst(made: Made, slot: number): Told {
  const next = made.entries[slot + 1] ? made.entryAt(slot + 1) : made.entryAt(slot);
  return { made, functionName: "proveFirst", args: [made.accused, made.entryAt(slot), next.entry, next.proof] };
}

/** The entry that covers an index of the segments tree. */
function covering({ entries, parent }: Made, index: number): number {
  return entries.findIndex(
    ({ first, sequence }, slot) => index >= first && index < first + sequence - (parent?.entries[slot]?.sequence ?? 0),
  );
}

function provenPlace(made: Made, index: number): Told {
  const args = [made.accused, made.entryAt(covering(made, index)), made.headerAt(index)];
  return { made, functionName: "provePlace", args };
}

/** The checkpoint with other segments in the places of its own. */
function withSegments(h: Historian, honest: Made, segments: readonly Sealed[]): Made {
  return h.make(honest.parent as Made, { entries: honest.entries, segments });
}

/** A segment whose author signed another header. */
export function resealed(h: Historian, segment: Sealed, change: Partial<Sealed["header"]>): Sealed {
  const { header, snapshots } = segment;
  const signer = h.track(
    h.operators.findIndex(({ owner }) => equal(fromHex(owner), header.operator)),
    "x",
  ).keys.signer;
  const at = { sequence: change.sequence ?? header.sequence, previous: change.previous ?? header.previous };
  return sealSegment(crypto, h.separator, signer, header, at, snapshots);
}

export const liars: Record<string, Liar> = {
  ...Object.fromEntries(Object.entries(entryLies).map(([name, lie]) => [name, entryLiar(lie)])),
  "slots of the parent are dropped": (h, honest, pick) => {
    const { parent } = honest as { parent: Made };
    if (parent.entries.length === 0) return undefined;
    const entries = parent.entries.slice(0, pick(parent.entries.length)).map((entry) => ({ ...entry, first: 0 }));
    const made = h.make(parent, { entries, segments: [] });
    return { made, functionName: "proveCounts", args: [made.accused] };
  },
  "segments of no entry": (h, honest) => {
    if (honest.parent?.entries.length !== 0) return undefined;
    const made = h.make(honest.parent, { entries: [], segments: honest.segments });
    return { made, functionName: "proveCounts", args: [made.accused] };
  },
  "more entries than slots": (h, honest, pick) => {
    const { entries, segments } = honest;
    const more = pick(3);
    const made = h.make(honest.parent as Made, { entries, segments }, { entryCount: entries.length + 1 + more });
    const at = made.slotAt(entries.length + more);
    return { made, functionName: "proveCount", args: [made.accused.checkpoint, TREE.cut.tag, at] };
  },
  "fewer entries than slots": (h, honest, pick) => {
    const { entries, segments } = honest;
    const slot = (honest.parent as Made).entries.length + pick(fresh(honest).length);
    if (slot >= entries.length) return undefined;
    const made = h.make(honest.parent as Made, { entries, segments }, { entryCount: slot });
    return { made, functionName: "proveCount", args: [made.accused.checkpoint, TREE.cut.tag, made.slotAt(slot)] };
  },
  "more segments than there are": (h, honest) => {
    const { entries, segments } = honest;
    const made = h.make(honest.parent as Made, { entries, segments }, { segmentCount: segments.length + 1 });
    const at = made.leafAt(segments.length);
    return { made, functionName: "proveCount", args: [made.accused.checkpoint, TREE.segments.tag, at] };
  },
  "fewer segments than there are": (h, honest, pick) => {
    const { entries, segments } = honest;
    const index = pick(segments.length);
    const made = h.make(honest.parent as Made, { entries, segments }, { segmentCount: index });
    return { made, functionName: "proveCount", args: [made.accused.checkpoint, TREE.segments.tag, made.leafAt(index)] };
  },
  "a segment count that the entries do not add up to": (h, honest, pick) => {
    const { entries, segments } = honest;
    const made = h.make(honest.parent as Made, { entries, segments }, { segmentCount: segments.length + 1 + pick(9) });
    return provenFirst(made, entries.length - 1);
  },
  "a first index that does not add up": (h, honest, pick) => {
    const slot = pick(honest.entries.length);
    const { first } = honest.entries[slot] as CutEntry;
    const made = withEntry(h, honest, slot, { first: first + 1 + pick(3) });
    return provenFirst(made, Math.max(0, slot - 1));
  },
  "a leaf of the cut that is no entry": (h, honest, pick) => {
    const slot = pick(honest.entries.length);
    const bytes = encodeEntries([honest.entries[slot] as CutEntry]).slice(4);
    const data = pick(2) === 0 ? bytes.slice(1) : Uint8Array.from(bytes, (byte, i) => (i === 76 ? 2 : byte));
    const leaves = new Map([[slot, leafHash(crypto, TREE.cut, data)]]);
    const made = h.make(honest.parent as Made, honest, {}, leaves);
    const at = { index: BigInt(slot), data: toHex(data), proof: made.cutProof(slot) };
    return { made, functionName: "proveFormat", args: [made.accused.checkpoint, TREE.cut.tag, at] };
  },
  "new slots are out of order": (h, honest, pick) => {
    const slots = fresh(honest);
    if (slots.length < 2) return undefined;
    const low = slots[pick(slots.length - 1)] as number;
    const [a, b] = [honest.entries[low], honest.entries[low + 1]] as [CutEntry, CutEntry];
    const entries = honest.entries.with(low, b).with(low + 1, a);
    const made = h.make(honest.parent as Made, { entries, segments: honest.segments });
    return { made, functionName: "proveOrder", args: [made.accused, made.entryAt(low), made.entryAt(low + 1)] };
  },
  "a track has two slots": (h, honest, pick) => {
    const slot = pick(honest.entries.length);
    const entries = [...honest.entries, honest.entries[slot] as CutEntry];
    const made = h.make(honest.parent as Made, { entries, segments: honest.segments });
    const args = [made.accused, made.entryAt(slot), made.entryAt(entries.length - 1)];
    return { made, functionName: "proveOrder", args };
  },
  "two segments have changed places": (h, honest, pick) => {
    const [i, j] = [pick(honest.segments.length), pick(honest.segments.length)];
    const [a, b] = [honest.segments[i], honest.segments[j]] as [Sealed, Sealed];
    if (i === j) return undefined;
    return provenPlace(withSegments(h, honest, honest.segments.with(i, b).with(j, a)), pick(2) === 0 ? i : j);
  },
  "a segment is left out": (h, honest, pick) => {
    const index = pick(honest.segments.length - 1);
    if (honest.segments.length < 2) return undefined;
    const segments = [...honest.segments.toSpliced(index, 1), honest.segments.at(-1) as Sealed];
    return provenPlace(withSegments(h, honest, segments), index);
  },
  "a segment stands twice": (h, honest, pick) => {
    const index = pick(honest.segments.length - 1);
    if (honest.segments.length < 2) return undefined;
    const twice = honest.segments.with(index + 1, honest.segments[index] as Sealed);
    return provenPlace(withSegments(h, honest, twice), index + 1);
  },
  "an entry has another head than its last segment": (h, honest, pick) => {
    const advanced = honest.entries.flatMap(({ sequence }, slot) =>
      sequence > (honest.parent?.entries[slot]?.sequence ?? 0) ? [slot] : [],
    );
    const slot = advanced[pick(advanced.length)] as number;
    const made = withEntry(h, honest, slot, { head: hashOf("another head") });
    const { first, sequence } = made.entries[slot] as CutEntry;
    return provenPlace(made, first + sequence - (honest.parent?.entries[slot]?.sequence ?? 0) - 1);
  },
  "a track does not begin where the parent left it": (h, honest, pick) => {
    const firsts = honest.segments.flatMap((_, i) => (honest.entries[covering(honest, i)]?.first === i ? [i] : []));
    const index = firsts[pick(firsts.length)] as number;
    const other = resealed(h, honest.segments[index] as Sealed, { previous: hashOf("elsewhere") });
    return provenPlace(withSegments(h, honest, honest.segments.with(index, other)), index);
  },
  "a segment does not follow its neighbour": (h, honest, pick) => {
    const later = honest.segments.flatMap((_, i) =>
      i > 0 && covering(honest, i) === covering(honest, i - 1) ? [i] : [],
    );
    const index = later[pick(later.length)];
    if (index === undefined) return undefined;
    const change = pick(2) === 0 ? { previous: hashOf("elsewhere") } : { sequence: 1000 };
    const other = resealed(h, honest.segments[index] as Sealed, change);
    const made = withSegments(h, honest, honest.segments.with(index, other));
    const args = [made.accused.checkpoint, made.headerAt(index - 1), made.headerAt(index)];
    return { made, functionName: "proveChain", args };
  },
};

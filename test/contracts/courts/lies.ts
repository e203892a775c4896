import { ENDED_AT, stated, writeEntry } from "../../../offchain/core/accused-cut.ts";
import { type Bytes, equal, fromHex } from "../../../offchain/core/bytes.ts";
import { type CutEntry, encodeEntry } from "../../../offchain/core/cut.ts";
import { headerHash } from "../../../offchain/core/header.ts";
import { sealSegment } from "../../../offchain/core/segment.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { begin, later, openings } from "../../helpers/breaches.ts";
import { hashOf, incarnationOf, type Sealed } from "../../helpers/core.ts";
import { extend, type Made } from "../../helpers/made.ts";
import type { Historian } from "./history.ts";

/** Tells one lie about an honest checkpoint; `pick` draws an index below a bound. Undefined where there is no room. */
export type Liar = (h: Historian, honest: Made, pick: (below: number) => number) => Made | undefined;

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
    return withEntry(h, honest, slot, change(entry, honest.parent?.entries[slot]));
  };
}

/** The entry that covers an index of the segments tree. */
function covering({ entries, parent }: Made, index: number): number {
  return entries.findIndex(
    ({ first, sequence }, slot) => index >= first && index < first + sequence - (parent?.entries[slot]?.sequence ?? 0),
  );
}

/** The segments that a slot adds. */
function segmentsOf({ entries, segments, parent }: Made, slot: number): readonly Sealed[] {
  const { first, sequence } = entries[slot] as CutEntry;
  return segments.slice(first, first + sequence - (parent?.entries[slot]?.sequence ?? 0));
}

/** The checkpoint with these of its slots one after the other, each with its segments: nothing else is wrong. */
function withSlots(h: Historian, honest: Made, slots: readonly number[]): Made {
  const segments: Sealed[] = [];
  const entries = slots.map((slot) => {
    const entry = { ...(honest.entries[slot] as CutEntry), first: segments.length };
    segments.push(...segmentsOf(honest, slot));
    return entry;
  });
  return h.make(honest.parent as Made, { entries, segments });
}

/** The checkpoint with other segments in the places of its own. */
function withSegments(h: Historian, honest: Made, segments: readonly Sealed[]): Made {
  return h.make(honest.parent as Made, { entries: honest.entries, segments });
}

/** The checkpoint with something else than a segment's hash in one place, or than an entry in one slot. */
function withOdd(h: Historian, honest: Made, tree: "cut" | "segments", index: number, data: Bytes): Made {
  return h.make(honest.parent as Made, honest, {}, { [tree]: new Map([[index, data]]) });
}

function signerOf(h: Historian, { header }: Sealed) {
  const operator = h.operators.findIndex(({ owner }) => equal(fromHex(owner), header.operator));
  return h.track(operator, "x").keys.signer;
}

/** A segment whose author signed another header. */
function resealed(h: Historian, segment: Sealed, change: Partial<Sealed["header"]>): Sealed {
  const { header, snapshots } = segment;
  const at = { sequence: change.sequence ?? header.sequence, previous: change.previous ?? header.previous };
  return sealSegment(crypto, h.separator, signerOf(h, segment), header, at, snapshots);
}

/** The last segment of a track with another header, which nothing else contradicts. */
function misshapen(change: (header: Sealed["header"], more: number) => Partial<Sealed["header"]>): Liar {
  return (h, honest, pick) => {
    const lasts = honest.segments.flatMap((_, i) => (covering(honest, i) === covering(honest, i + 1) ? [] : [i]));
    const index = lasts[pick(lasts.length)] as number;
    const segment = honest.segments[index] as Sealed;
    const header = { ...segment.header, ...change(segment.header, 1 + pick(9)) };
    const hash = headerHash(crypto, h.separator, header);
    const segments = honest.segments.with(index, { ...segment, header, hash });
    const slot = covering(honest, index);
    const entries = honest.entries.with(slot, { ...(honest.entries[slot] as CutEntry), head: hash });
    return h.make(honest.parent as Made, { entries, segments });
  };
}

/** Counters that no program here counts to, in the bytes of what has them. */
const BEYOND = 2n ** 60n;

export const liars: Record<string, Liar> = {
  ...Object.fromEntries(Object.entries(entryLies).map(([name, lie]) => [name, entryLiar(lie)])),
  "slots of the parent are dropped": (h, honest, pick) => {
    const { parent } = honest as { parent: Made };
    if (parent.entries.length === 0) return undefined;
    const entries = parent.entries.slice(0, pick(parent.entries.length)).map((entry) => ({ ...entry, first: 0 }));
    return h.make(parent, { entries, segments: [] });
  },
  "segments of no entry": (h, honest) => {
    if (honest.parent?.entries.length !== 0) return undefined;
    return h.make(honest.parent, { entries: [], segments: honest.segments });
  },
  "more entries than slots": (h, honest, pick) =>
    h.make(honest.parent as Made, honest, { entryCount: honest.entries.length + 1 + pick(3) }),
  "fewer entries than slots": (h, honest, pick) =>
    h.make(honest.parent as Made, honest, {
      entryCount: (honest.parent as Made).entries.length + pick(fresh(honest).length),
    }),
  "a slot beyond the others": (h, honest, pick) => {
    const entry = encodeEntry(honest.entries[0] as CutEntry);
    return withOdd(h, honest, "cut", honest.entries.length + pick(1000), entry);
  },
  "more segments than there are": (h, honest) =>
    h.make(honest.parent as Made, honest, { segmentCount: honest.segments.length + 1 }),
  "fewer segments than there are": (h, honest, pick) =>
    h.make(honest.parent as Made, honest, { segmentCount: pick(honest.segments.length) }),
  "a segment more than the entries add up to": (h, honest, pick) => {
    const segments = [...honest.segments, honest.segments[pick(honest.segments.length)] as Sealed];
    return withSegments(h, honest, segments);
  },
  "a first index that does not add up": (h, honest, pick) => {
    const slot = pick(honest.entries.length);
    return withEntry(h, honest, slot, { first: (honest.entries[slot] as CutEntry).first + 1 + pick(3) });
  },
  "an entry counts beyond all counters": (h, honest, pick) => {
    const slot = pick(honest.entries.length);
    const entry = { ...stated(honest.entries[slot] as CutEntry), sequence: BEYOND };
    return withOdd(h, honest, "cut", slot, writeEntry(entry));
  },
  "a leaf of the cut that is no entry": (h, honest, pick) => {
    const slot = pick(honest.entries.length);
    const bytes = encodeEntry(honest.entries[slot] as CutEntry);
    const data = pick(2) === 0 ? bytes.slice(1) : bytes.with(ENDED_AT, 2);
    return withOdd(h, honest, "cut", slot, data);
  },
  "a leaf of the segments that is no hash": (h, honest, pick) => {
    const index = pick(honest.segments.length);
    const { hash } = honest.segments[index] as Sealed;
    return withOdd(h, honest, "segments", index, hash.slice(1));
  },
  "new slots are out of order": (h, honest, pick) => {
    const slots = fresh(honest);
    if (slots.length < 2) return undefined;
    const low = slots[pick(slots.length - 1)] as number;
    const all = [...honest.entries.keys()].with(low, low + 1).with(low + 1, low);
    return withSlots(h, honest, all);
  },
  "a new track has two slots": (h, honest, pick) => {
    const slots = fresh(honest);
    const twice = slots[pick(slots.length)] as number;
    return withSlots(h, honest, [...honest.entries.keys()].toSpliced(twice, 0, twice));
  },
  "a track of the parent has a new slot": (h, honest, pick) => {
    const { parent } = honest as { parent: Made };
    if (parent.entries.length === 0) return undefined;
    const slot = pick(parent.entries.length);
    const { sequence } = parent.entries[slot] as CutEntry;
    const before = parent.segments.slice((parent.entries[slot] as CutEntry).first).slice(0, sequence);
    const added = segmentsOf(honest, slot);
    const entry = { ...(honest.entries[slot] as CutEntry), first: honest.segments.length };
    const segments = [...honest.segments, ...before, ...added];
    return h.make(parent, { entries: [...honest.entries, entry], segments });
  },
  "two segments have changed places": (h, honest, pick) => {
    const [i, j] = [pick(honest.segments.length), pick(honest.segments.length)];
    const [a, b] = [honest.segments[i], honest.segments[j]] as [Sealed, Sealed];
    if (i === j) return undefined;
    return withSegments(h, honest, honest.segments.with(i, b).with(j, a));
  },
  "a segment is left out": (h, honest, pick) => {
    if (honest.segments.length < 2) return undefined;
    const index = pick(honest.segments.length - 1);
    const segments = [...honest.segments.toSpliced(index, 1), honest.segments.at(-1) as Sealed];
    return withSegments(h, honest, segments);
  },
  "a segment stands twice": (h, honest, pick) => {
    if (honest.segments.length < 2) return undefined;
    const index = pick(honest.segments.length - 1);
    return withSegments(h, honest, honest.segments.with(index + 1, honest.segments[index] as Sealed));
  },
  "an entry has another head than its last segment": (h, honest, pick) => {
    const advanced = honest.entries.flatMap(({ sequence }, slot) =>
      sequence > (honest.parent?.entries[slot]?.sequence ?? 0) ? [slot] : [],
    );
    return withEntry(h, honest, advanced[pick(advanced.length)] as number, { head: hashOf("another head") });
  },
  "a track does not begin where the parent left it": (h, honest, pick) => {
    const firsts = honest.segments.flatMap((_, i) => (honest.entries[covering(honest, i)]?.first === i ? [i] : []));
    const index = firsts[pick(firsts.length)] as number;
    const other = resealed(h, honest.segments[index] as Sealed, { previous: hashOf("elsewhere") });
    return withSegments(h, honest, honest.segments.with(index, other));
  },
  "a segment does not follow its neighbour": (h, honest, pick) => {
    const later = honest.segments.flatMap((_, i) =>
      i > 0 && covering(honest, i) === covering(honest, i - 1) ? [i] : [],
    );
    const index = later[pick(later.length)];
    if (index === undefined) return undefined;
    const other = resealed(h, honest.segments[index] as Sealed, { previous: hashOf("elsewhere") });
    const slot = covering(honest, index);
    const isLast = covering(honest, index + 1) !== slot;
    const entries = isLast
      ? honest.entries.with(slot, { ...(honest.entries[slot] as CutEntry), head: other.hash })
      : honest.entries;
    return h.make(honest.parent as Made, { entries, segments: honest.segments.with(index, other) });
  },
  "a segment is numbered beyond all counters": (h, honest, pick) => {
    const index = pick(honest.segments.length);
    const { header, snapshots } = honest.segments[index] as Sealed;
    const beyond = { header: { ...stated(header), sequence: BEYOND }, snapshots };
    const leaf = new Map([[index, headerHash(crypto, h.separator, beyond.header)]]);
    return h.make(honest.parent as Made, honest, {}, { segments: leaf, served: [beyond] });
  },
  "a segment that breaks a rule": (h, honest, pick) => {
    const writer = h.track(3, "breaks a rule");
    const breaches = [...openings, ...later];
    (breaches[pick(breaches.length)] as (typeof later)[number])[1](begin(writer));
    const advances = [...honest.entries.keys()]
      .map((slot) => segmentsOf(honest, slot))
      .filter(({ length }) => length > 0);
    return h.make(honest.parent as Made, extend(honest.parent as Made, [...advances, [writer.seal()]]));
  },
  "a header counts snapshots that there are not": misshapen(({ snapshotCount }, more) => ({
    snapshotCount: snapshotCount + more,
  })),
  "a header counts fewer snapshots than there are": misshapen(({ snapshotCount }) => ({
    snapshotCount: snapshotCount - 1,
  })),
  "a header counts more snapshots than fit": misshapen((_, more) => ({ snapshotCount: 256 + more })),
  "a header has no snapshots": misshapen(() => ({ snapshotsRoot: new Uint8Array(32) })),
};

import { type Bytes, equal } from "./bytes.ts";
import { type Advance, type CutEntry, trackName } from "./cut.ts";
import type { Header } from "./header.ts";
import type { Held } from "./range.ts";
import type { TrackKey } from "./segment.ts";
import type { SaltedSnapshot } from "./snapshot.ts";
import { TREE } from "./tree.ts";

/** As many as one checkpoint may have. */
const MOST_HEADERS = 2 ** TREE.segments.depth;
/** Each is at most half a MiB; one that breaks a rule is enough. */
const MOST_BODIES = 16;

/** A segment that was refused; its snapshots are known where they are what was refused. */
export type RefusedSegment = { header: Header; hash: Bytes; snapshots?: readonly SaltedSnapshot[] };

/** One track's, ascending, as far as there is room, and the head that they lead to. */
type Range = { segments: readonly RefusedSegment[]; head: { sequence: number; hash: Bytes } };

/**
 * Committed segments that no replica takes: of each track from the first one on that breaks a rule, up to the head that a
 * quorum attested to. A court may want to see them, as long as that stands.
 */
export class RefusedSegments {
  /** By track. */
  readonly #ranges = new Map<string, Range>();

  /** @param range from the segment on that breaks a rule to the committed head; where there is no room for it the first is kept */
  keep(range: readonly Held[]): void {
    const name = trackName(range[0].segment.header);
    this.#ranges.delete(name);
    let headers = range.length;
    for (const { segments } of this.#ranges.values()) headers += segments.length;
    const kept = range.slice(0, headers > MOST_HEADERS ? 1 : range.length);
    const segments = kept.map(({ segment: { header }, hash }): RefusedSegment => ({ header, hash }));
    if (this.room > 0) segments[0].snapshots = range[0].segment.snapshots;
    const { segment, hash } = range[range.length - 1];
    this.#ranges.set(name, { segments, head: { sequence: segment.header.sequence, hash } });
  }

  /** Is this committed head one that is known, and refused with what leads to it? */
  leadsTo(entry: Advance): boolean {
    const { head } = this.#ranges.get(trackName(entry)) ?? {};
    return head !== undefined && head.sequence === entry.sequence && equal(head.hash, entry.head);
  }

  /** Is it one of which there was no room for what was refused? */
  isLacking(entry: Advance): boolean {
    const [first] = this.#ranges.get(trackName(entry))?.segments ?? [];
    return first !== undefined && first.snapshots === undefined;
  }

  /** Of so many tracks more there is room for what is refused. */
  get room(): number {
    let room = MOST_BODIES;
    for (const { segments } of this.#ranges.values()) if (segments[0].snapshots) room -= 1;
    return room;
  }

  at(track: TrackKey, sequence: number): RefusedSegment | undefined {
    const { segments } = this.#ranges.get(trackName(track)) ?? {};
    return segments?.[sequence - segments[0].header.sequence];
  }

  /** Is what was refused, with its snapshots, in this place or before it? */
  explains(track: TrackKey, sequence: number): boolean {
    const [first] = this.#ranges.get(trackName(track))?.segments ?? [];
    return first?.snapshots !== undefined && first.header.sequence <= sequence;
  }

  /** Forgets what leads to none of these. */
  retain(heads: readonly CutEntry[]): void {
    const names = new Set(heads.filter((entry) => this.leadsTo(entry)).map(trackName));
    for (const name of this.#ranges.keys()) if (!names.has(name)) this.#ranges.delete(name);
  }
}

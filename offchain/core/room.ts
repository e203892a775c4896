import { type Bytes, toHex } from "./bytes.ts";
import { type Cut, trackName } from "./cut.ts";
import type { TrackKey } from "./segment.ts";
import type { Track } from "./track.ts";

/** Tracks of one operator that no checkpoint has yet. A checkpoint admits four: who restarts more often waits. */
export const LIMIT_NEW_TRACKS = 64;
/** Apart from them, tracks of one operator whose very first segment was invalid. */
const LIMIT_STOPPED = LIMIT_NEW_TRACKS / 2;

/** How many new tracks of one operator are taken, and which: without a bound, who floods would fill memory and disk. */
export class Room {
  readonly #tracks: ReadonlyMap<string, Track>;
  #cut?: Cut;
  /** How many tracks no checkpoint has yet, by operator; `stopped` are those whose very first segment was invalid. */
  #fresh?: { held: Map<string, number>; stopped: Map<string, number> };
  /** Names of new tracks that proposals named, by who proposed and whose they are. */
  readonly #called = new Map<string, readonly string[]>();

  constructor(tracks: ReadonlyMap<string, Track>) {
    this.#tracks = tracks;
  }

  /** @param cut of the latest checkpoint, if it is known */
  setCommitted(cut: Cut | undefined): void {
    if (this.#cut !== cut) this.changed();
    this.#cut = cut;
  }

  /** There are other tracks than before. */
  changed(): void {
    this.#fresh = undefined;
  }

  /** May the first segment of a track be taken? @param kind what becomes of it: `stopped` when the segment is invalid */
  has(track: TrackKey, kind: "held" | "stopped"): boolean {
    const name = trackName(track);
    // What is committed must be held, by who could not be there in time as well.
    if (this.#tracks.has(name) || this.#cut?.named(name)) return true;
    const count = this.#count(kind).get(toHex(track.operator)) ?? 0;
    if (kind === "stopped") return count < LIMIT_STOPPED;
    return count < LIMIT_NEW_TRACKS || [...this.#called.values()].some((names) => names.includes(name));
  }

  #count(kind: "held" | "stopped"): ReadonlyMap<string, number> {
    if (!this.#fresh) {
      this.#fresh = { held: new Map(), stopped: new Map() };
      for (const { name, owner, sequence } of this.#tracks.values()) {
        if (this.#cut?.named(name)) continue;
        const counts = this.#fresh[sequence === 0 ? "stopped" : "held"];
        counts.set(owner, (counts.get(owner) ?? 0) + 1);
      }
    }
    return this.#fresh[kind];
  }

  /**
   * A member proposes to commit these tracks: what is new among them is taken, however many others their operators have
   * begun. Of so many each worker holds others, and no quorum would have any in common.
   * @param tracks of operators that there are: what is made up would be remembered
   * @param most new tracks of one operator that each member may call for at a time
   */
  call(member: Bytes, tracks: readonly TrackKey[], most: number): void {
    const lacked = tracks
      .map((track) => ({ name: trackName(track), owner: toHex(track.operator) }))
      .filter(({ name }) => !this.#cut?.named(name) && !this.#tracks.has(name));
    for (const owner of new Set(lacked.map((track) => track.owner))) {
      const place = `${toHex(member)} ${owner}`;
      const kept = (this.#called.get(place) ?? []).filter((name) => this.#tracks.has(name) && !this.#cut?.named(name));
      const more = lacked.filter((track) => track.owner === owner).map(({ name }) => name);
      this.#called.set(place, [...kept, ...more].slice(0, most));
    }
  }
}

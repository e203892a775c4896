import type { CommittedPlace } from "./checkpoints.ts";
import type { Consensus } from "./consensus.ts";
import { trackName } from "./cut.ts";
import type { TrackKey } from "./segment.ts";

/** So long a committed segment may be lacking, while peers are up, before it is asked for on the chain. */
export const PATIENCE_MS = 600_000;

/** Committed segments that have not come for so long that somebody has to show them, or pay. */
export class Overdue {
  readonly #consensus: Consensus;
  /** By track, the first segment that is lacking, and since when. */
  readonly #since = new Map<string, { sequence: number; since: number }>();

  constructor(consensus: Consensus) {
    this.#consensus = consensus;
  }

  /**
   * @param lacking by track, the first committed segment that is not held
   * @param online whether there is anybody to ask: who is cut off itself accuses nobody
   */
  look(lacking: readonly (TrackKey & { sequence: number })[], online: boolean, now: number): CommittedPlace[] {
    const names = new Map(lacking.map((one) => [trackName(one), one]));
    for (const name of this.#since.keys()) if (!names.has(name) || !online) this.#since.delete(name);
    if (!online) return [];
    const out: CommittedPlace[] = [];
    for (const [name, one] of names) {
      const known = this.#since.get(name);
      if (known?.sequence !== one.sequence) this.#since.set(name, { sequence: one.sequence, since: now });
      else if (now - known.since >= PATIENCE_MS) {
        known.since = now;
        const place = this.#placeOf(one, one.sequence);
        if (place) out.push(place);
      }
    }
    return out;
  }

  /** The standing checkpoint that added a segment, where its cut and its parent's are in memory. */
  #placeOf(track: TrackKey, sequence: number): CommittedPlace | undefined {
    for (const number of this.#consensus.standing) {
      const committed = this.#consensus.committed(number);
      const parent = committed && this.#consensus.committed(committed.parent)?.cut;
      if (number === 0 || !committed?.cut || !parent) continue;
      if ((committed.cut.entry(track)?.sequence ?? 0) < sequence) continue;
      if ((parent.entry(track)?.sequence ?? 0) >= sequence) return undefined;
      const { checkpoint, hash, cut } = committed;
      return { number, hash, checkpoint, index: cut.segmentIndex(parent, track, sequence) };
    }
    return undefined;
  }
}

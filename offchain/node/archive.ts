import { equal } from "../core/bytes.ts";
import type { Consensus } from "../core/consensus.ts";
import { Cut, decodeEntries } from "../core/cut.ts";
import type { Crypto } from "../core/ports.ts";
import type { TrackKey } from "../core/segment.ts";
import { TREE } from "../core/tree.ts";
import type { Store } from "../store/store.ts";

/** Cuts of committed checkpoints, also of those that are no longer in memory. */
export class Archive {
  readonly #crypto: Crypto;
  readonly #consensus: Consensus;
  readonly #store: Store;

  constructor(crypto: Crypto, consensus: Consensus, store: Store) {
    this.#crypto = crypto;
    this.#consensus = consensus;
    this.#store = store;
  }

  /** The cut of a committed checkpoint, from memory or from disk. */
  cutAt(number: number): Cut | undefined {
    const committed = this.#consensus.committed(number);
    if (!committed || committed.cut) return committed?.cut;
    const stored = this.#store.checkpoint(number);
    if (!stored?.entries || !equal(stored.hash, committed.hash)) return undefined;
    return Cut.of(this.#crypto, decodeEntries(stored.entries, 2 ** TREE.cut.depth));
  }

  /** The first standing checkpoint that has `sequence` of the track: cuts only grow, so it is searched by halves. */
  covering(track: TrackKey, sequence: number): number | undefined {
    const { standing } = this.#consensus;
    const covers = (at: number) => (this.cutAt(standing[at])?.entry(track)?.sequence ?? 0) >= sequence;
    let [low, high] = [1, standing.length - 1];
    if (high === 0 || !covers(high)) return undefined;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (covers(middle)) high = middle;
      else low = middle + 1;
    }
    return standing[low];
  }
}

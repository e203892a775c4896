import { type Bytes, equal, toHex } from "../core/bytes.ts";
import type { Consensus } from "../core/consensus.ts";
import { Cut, decodeEntries } from "../core/cut.ts";
import type { Crypto } from "../core/ports.ts";
import type { TrackKey } from "../core/segment.ts";
import { TREE } from "../core/tree.ts";
import type { Store } from "../store/store.ts";

/** A receipt looks for the checkpoint of each of its snapshots by halves: over and over in the same cuts. */
const KEPT_CUTS = 32;

/** Cuts of committed checkpoints, also of those that are no longer in memory. */
export class Archive {
  readonly #crypto: Crypto;
  readonly #consensus: Consensus;
  readonly #store: Store;
  /** Of those read from disk, the last ones asked for, by the checkpoint's hash. */
  readonly #read = new Map<string, Cut>();

  constructor(crypto: Crypto, consensus: Consensus, store: Store) {
    this.#crypto = crypto;
    this.#consensus = consensus;
    this.#store = store;
  }

  /** The cut of a committed checkpoint, from memory or from disk. */
  cutAt(number: number): Cut | undefined {
    const committed = this.#consensus.committed(number);
    if (!committed || committed.cut) return committed?.cut;
    const name = toHex(committed.hash);
    const known = this.#read.get(name) ?? this.#fromDisk(number, committed.hash);
    if (!known) return undefined;
    this.#read.delete(name);
    this.#read.set(name, known);
    if (this.#read.size > KEPT_CUTS) this.#read.delete(this.#read.keys().next().value as string);
    return known;
  }

  #fromDisk(number: number, hash: Bytes): Cut | undefined {
    const stored = this.#store.checkpoint(number);
    if (!stored?.entries || !equal(stored.hash, hash)) return undefined;
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

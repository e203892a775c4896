import { equal } from "../core/bytes.ts";
import type { Replica } from "../core/replica.ts";
import type { Header } from "../core/segment.ts";

/** Times each own segment from its seal until > 2/3 of the stake holds it, by the beats. */
export class ReplicationClock {
  readonly #replica: Replica;
  readonly #observe: (seconds: number) => void;
  readonly #now: () => number;
  #track?: Header;
  readonly #sealedAt = new Map<number, number>();

  constructor(replica: Replica, observe: (seconds: number) => void, now: () => number) {
    this.#replica = replica;
    this.#observe = observe;
    this.#now = now;
  }

  sealed(header: Header): void {
    if (this.#track && !equal(this.#track.incarnation, header.incarnation)) this.#sealedAt.clear();
    this.#track = header;
    this.#sealedAt.set(header.sequence, this.#now());
    // Without a quorum nothing is ever observed: only the newest are worth keeping.
    if (this.#sealedAt.size > 4096) this.#sealedAt.delete(this.#sealedAt.keys().next().value as number);
  }

  /** A beat came in. */
  heard(): void {
    const track = this.#track && this.#replica.track(this.#track);
    if (!track || this.#sealedAt.size === 0) return;
    const held = this.#replica.heldByQuorum(track);
    for (const [sequence, at] of this.#sealedAt) {
      if (sequence > held) break;
      this.#observe((this.#now() - at) / 1000);
      this.#sealedAt.delete(sequence);
    }
  }
}

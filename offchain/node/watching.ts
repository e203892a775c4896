import { type Bytes, equal } from "../core/bytes.ts";
import type { Protocol } from "../core/protocol.ts";
import type { Alarms } from "./alarms.ts";
import { shareOf, type WatchShares } from "./watch-share.ts";

/**
 * How much of what others answer is looked at: more where memories turned far while what is drawn from now was committed, or
 * where an author derives another state.
 */
export class Watching {
  readonly #protocol: Protocol;
  readonly #shares: WatchShares;
  readonly #drifted: Alarms;
  #hash: Bytes;
  /** The farthest since the checkpoint before the latest, and since the latest. */
  #moved = { before: 0, since: 0 };

  constructor(protocol: Protocol, shares: WatchShares, drifted: Alarms) {
    this.#protocol = protocol;
    this.#shares = shares;
    this.#drifted = drifted;
    this.#hash = protocol.consensus.latest.hash;
  }

  /** To be called several times a second. */
  tick(): void {
    const { latest } = this.#protocol.consensus;
    if (!equal(latest.hash, this.#hash)) {
      this.#hash = latest.hash;
      this.#moved = { before: this.#moved.since, since: 0 };
    }
    this.#moved.since = Math.max(this.#moved.since, this.#protocol.consensus.live().moved);
  }

  /** Of the turns of an operator, the part that is re-executed; of nobody in particular without one. */
  share(operator?: Bytes): number {
    const isAlarmed = operator !== undefined && this.#drifted.isOn(operator);
    return shareOf(this.#shares, Math.max(this.#moved.before, this.#moved.since), isAlarmed);
  }
}

import { toHex } from "./bytes.ts";
import type { Cut } from "./cut.ts";
import type { Registry } from "./registry.ts";
import type { Replica } from "./replica.ts";

export type CensorshipOptions = {
  /** The most tracks of one operator that one checkpoint admits. */
  newTracksPerOperator: number;
  /** How long a segment that > 2/3 hold may be left out before we refuse, in milliseconds. */
  censorshipMs: number;
};

/** Whether a proposal leaves out what > 2/3 of the stake have long held, and how long is long. */
export class Censorship {
  readonly #replica: Replica;
  readonly #options: CensorshipOptions;
  /** How often proposals for the next number were refused as censoring: patience doubles each time. */
  #refusals = 0;
  #patientUntil = Number.NEGATIVE_INFINITY;

  constructor(replica: Replica, options: CensorshipOptions) {
    this.#replica = replica;
    this.#options = options;
  }

  /** Another checkpoint is the latest now: what its cut has, if that is known, can no longer be left out. */
  moved(cut: Cut | undefined): void {
    this.#refusals = 0;
    for (const [name, log] of cut ? this.#replica.heldSince : []) {
      const covered = cut?.named(name)?.sequence ?? 0;
      const kept = log.filter((step) => step.sequence > covered);
      this.#replica.heldSince.set(name, kept.length > 0 ? kept : log.slice(-1));
    }
  }

  /** A track that a proposal with room for more leaves behind, beyond our patience, which that costs; undefined if none. */
  leftOut(parent: Cut, cut: Cut, registry: Registry, now: number): string | undefined {
    const name = this.#overdue(parent, cut, registry, now);
    if (name !== undefined) this.#losePatience(now);
    return name;
  }

  #overdue(parent: Cut, cut: Cut, registry: Registry, now: number): string | undefined {
    const patience = this.#patience;
    const fresh = new Map<string, number>();
    for (const entry of cut.entries)
      if (parent.slot(entry) === undefined)
        fresh.set(toHex(entry.operator), (fresh.get(toHex(entry.operator)) ?? 0) + 1);
    for (const [name, log] of this.#replica.heldSince) {
      const track = this.#replica.tracks.get(name);
      if (!track || this.#replica.evidence.has(track.owner) || registry.isEnded(track.key.operator)) continue;
      const entry = cut.named(name);
      if (!entry && (fresh.get(track.owner) ?? 0) >= this.#options.newTracksPerOperator) continue;
      if (entry?.ended || !parent.agrees(track)) continue;
      const covered = entry?.sequence ?? 0;
      const overdue = log.find((step) => step.sequence > covered);
      if (overdue && now - overdue.at > patience) return name;
    }
    return undefined;
  }

  /** Patience doubles with refused proposals, but not faster than it runs out: repeating one gains nothing. */
  #losePatience(now: number): void {
    if (now < this.#patientUntil) return;
    this.#patientUntil = now + this.#patience;
    this.#refusals += 1;
  }

  get #patience(): number {
    return this.#options.censorshipMs * 2 ** Math.min(this.#refusals, 16);
  }
}

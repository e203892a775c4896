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
    const { tracks, evidence, heldSince } = this.#replica;
    const flooding = this.#flooding(parent);
    for (const [name, log] of heldSince) {
      const track = tracks.get(name);
      if (!track || evidence.has(track.owner) || registry.isEnded(track.key.operator)) continue;
      const entry = cut.named(name);
      if (!entry && flooding.has(track.owner)) continue;
      if (entry?.ended || !parent.agrees(track)) continue;
      const covered = entry?.sequence ?? 0;
      const overdue = log.find((step) => step.sequence > covered);
      if (overdue && now - overdue.at > patience) return name;
    }
    return undefined;
  }

  /**
   * Operators with more new tracks than a checkpoint admits. Which of them are admitted is the proposer's choice; and of
   * more than everybody has room for each of us holds others, so that a quorum may have none in common.
   */
  #flooding(parent: Cut): ReadonlySet<string> {
    const fresh = new Map<string, number>();
    for (const { name, owner, sequence } of this.#replica.tracks.values())
      if (sequence > 0 && !parent.named(name)) fresh.set(owner, (fresh.get(owner) ?? 0) + 1);
    const { newTracksPerOperator } = this.#options;
    return new Set([...fresh].flatMap(([owner, count]) => (count > newTracksPerOperator ? [owner] : [])));
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

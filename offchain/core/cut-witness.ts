import { type Committed, KEPT_CUTS } from "./checkpoints.ts";
import type { Consensus } from "./consensus.ts";
import { accusationOf, isTrueCut, type Shown } from "./cut-audit.ts";
import type { Effect } from "./events.ts";
import { judgeCut } from "./false-cut.ts";
import type { Following } from "./following.ts";
import type { Replica } from "./replica.ts";

/** How often cuts are looked at whose segments were not held. */
const LOOK_MS = 400;

/**
 * Looks at every cut that the chain took and that was shown, once what it covers is held. A false one is brought to court where
 * what is known here shows it, and believed by nobody here: nothing is built on it.
 */
export class CutWitness {
  readonly #replica: Replica;
  readonly #consensus: Consensus;
  readonly #following: Following;
  /** Numbers of checkpoints that need not be looked at again. */
  readonly #seen = new Set<number>();
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(replica: Replica, consensus: Consensus, following: Following) {
    this.#replica = replica;
    this.#consensus = consensus;
    this.#following = following;
  }

  /** The chain was read anew, and may say otherwise what is on record. */
  reset(): void {
    this.#seen.clear();
  }

  tick(now: number): Effect[] {
    if (now < this.#notBefore) return [];
    this.#notBefore = now + LOOK_MS;
    const { next } = this.#consensus;
    const first = Math.max(this.#following.final + 1, next - KEPT_CUTS);
    for (const number of this.#seen) if (number < first) this.#seen.delete(number);
    const effects: Effect[] = [];
    for (let number = first; number < next; number++) if (!this.#seen.has(number)) effects.push(...this.#look(number));
    return effects;
  }

  #look(number: number): Effect[] {
    const committed = this.#consensus.committed(number) as Committed;
    const parent = this.#consensus.committed(committed.parent);
    if (!committed.cut || !parent?.cut) return [];
    const isOurs = this.#consensus.isOurs(committed.hash);
    const isTrue = isOurs || isTrueCut(this.#replica, parent as Shown, committed as Shown);
    if (isTrue === undefined) return [];
    this.#seen.add(number);
    return isTrue ? [] : this.#accuse(parent as Shown, committed as Shown);
  }

  #accuse(parent: Shown, committed: Shown): Effect[] {
    const { crypto } = this.#replica;
    const { hash, checkpoint } = committed;
    const { number } = checkpoint;
    this.#consensus.views.disbelieve(hash);
    const verdict = judgeCut(crypto, accusationOf(this.#replica, parent, committed));
    if ("proof" in verdict) return [{ type: "condemn", number, hash, lie: { type: "cut", proof: verdict.proof } }];
    return [{ type: "unserved", number, hash, tree: "segments" }];
  }
}

import type { Lane } from "../../offchain/mesh/types.ts";

/** What a direction of a lane does to what it carries. Times in milliseconds, chances per packet. */
export type Conditions = {
  delayMs: number;
  jitterMs: number;
  /** How often a packet takes up to `tailMs` more. */
  tailChance: number;
  tailMs: number;
  /** TCP sends what is lost again, later each time, and gives the connection up in the end. */
  loss: number;
  /** Bytes a millisecond; 0 is as many as come. */
  bytesPerMs: number;
  /** Chaos: packets vanish, come twice, come out of order, and nobody notices. */
  vanish: number;
  repeat: number;
  reorder: number;
};

export const CALM: Conditions = {
  delayMs: 5,
  jitterMs: 2,
  tailChance: 0,
  tailMs: 0,
  loss: 0,
  bytesPerMs: 0,
  vanish: 0,
  repeat: 0,
  reorder: 0,
};

/** Which packets a change is about; what is left out is all. */
export type Scope = { from?: string; to?: string; lane?: Lane };

type Change = { scope: Scope; conditions: Partial<Conditions> };

/** Which conditions hold where: the base, and what was changed since. */
export class Rules {
  #base: Conditions;
  #changes: Change[] = [];
  readonly #known = new Map<string, Conditions>();

  constructor(base: Conditions) {
    this.#base = base;
  }

  /** @returns what takes the change back */
  change(scope: Scope, conditions: Partial<Conditions>): () => void {
    const change = { scope, conditions };
    this.#changes.push(change);
    this.#known.clear();
    return () => {
      this.#changes = this.#changes.filter((other) => other !== change);
      this.#known.clear();
    };
  }

  of(from: string, to: string, lane: Lane): Conditions {
    const name = `${from} ${to} ${lane}`;
    const known = this.#known.get(name);
    if (known) return known;
    const conditions = { ...this.#base };
    for (const { scope, conditions: changed } of this.#changes)
      if ((scope.from ?? from) === from && (scope.to ?? to) === to && (scope.lane ?? lane) === lane)
        Object.assign(conditions, changed);
    this.#known.set(name, conditions);
    return conditions;
  }

  heal(): void {
    this.#base = CALM;
    this.#changes = [];
    this.#known.clear();
  }
}

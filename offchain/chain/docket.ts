export type DocketOptions<Case, Outcome> = {
  /** Brings a case to its end. Never throws. */
  pursue(one: Case): Promise<Outcome>;
  /** Is the case over, until a reorganisation? If not, the same may be brought again. */
  isSettled(outcome: Outcome): boolean;
  onOutcome(outcome: Outcome): void;
};

type Entry<Case, Outcome> = { one: Case; outcome: Promise<Outcome>; open: boolean; again: boolean };

/** Cases by name: one pursuit of each at a time, and another when a reorganisation may have taken back how it ended. */
export class Docket<Case, Outcome> {
  readonly #o: DocketOptions<Case, Outcome>;
  readonly #entries = new Map<string, Entry<Case, Outcome>>();

  constructor(options: DocketOptions<Case, Outcome>) {
    this.#o = options;
  }

  bring(name: string, one: Case): Promise<Outcome> {
    const known = this.#entries.get(name);
    if (known) return known.outcome;
    const { pursue, isSettled, onOutcome } = this.#o;
    const entry: Entry<Case, Outcome> = { one, outcome: pursue(one), open: true, again: false };
    this.#entries.set(name, entry);
    void entry.outcome.then((outcome) => {
      entry.open = false;
      if (!isSettled(outcome) || entry.again) this.#entries.delete(name);
      if (entry.again) void this.bring(name, one);
      onOutcome(outcome);
    });
    return entry.outcome;
  }

  /** The chain took something back: every case is looked at again. */
  reopen(): void {
    for (const [name, entry] of this.#entries) {
      // What is being decided now may rest on the fork that is gone.
      entry.again = entry.open;
      if (entry.open) continue;
      this.#entries.delete(name);
      void this.bring(name, entry.one);
    }
  }
}

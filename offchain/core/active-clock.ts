type Pause = { from: number; until: number };

/** Block time less the seconds that were paused before, as the registry counts it: all its deadlines run on it. */
export class ActiveClock {
  /** Ascending; they do not overlap. */
  readonly #pauses: Pause[] = [];

  /** Time stands still from the one block time to the other, in seconds. */
  pause(from: number, until: number): void {
    this.#pauses.push({ from, until });
  }

  /** The pause that runs ends now. */
  resume(at: number): void {
    const last = this.#pauses.at(-1);
    if (last && at < last.until) last.until = Math.max(at, last.from);
  }

  /** Active seconds at a block time, by the pauses known now. */
  active(time: number): number {
    let paused = 0;
    for (const { from, until } of this.#pauses) {
      if (time <= from) break;
      paused += Math.min(time, until) - from;
    }
    return time - paused;
  }
}

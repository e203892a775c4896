/** What happened, in readable lines: the latest of them, and a digest of all. */
export class Timeline {
  readonly #now: () => number;
  readonly #limit: number;
  #lines: string[] = [];
  #first = 0;
  #digest = 0x811c9dc5;

  /** @param now milliseconds of the simulation */
  constructor(now: () => number, limit = 2_000) {
    this.#now = now;
    this.#limit = limit;
  }

  get now(): number {
    return this.#now();
  }

  note(who: string, text: string): void {
    const line = `${(this.#now() / 1000).toFixed(3).padStart(9)}  ${who.padEnd(5)}  ${text}`;
    for (let i = 0; i < line.length; i++) this.#digest = Math.imul(this.#digest ^ line.charCodeAt(i), 0x01000193);
    if (this.#lines.length < this.#limit) this.#lines.push(line);
    else {
      this.#lines[this.#first] = line;
      this.#first = (this.#first + 1) % this.#limit;
    }
  }

  /** The latest `count` lines, the oldest of them first. */
  latest(count = this.#limit): string[] {
    return [...this.#lines.slice(this.#first), ...this.#lines.slice(0, this.#first)].slice(-count);
  }

  /** Equal for two runs that noted the same, at the same times. */
  get digest(): string {
    return (this.#digest >>> 0).toString(16).padStart(8, "0");
  }
}

/** First, and longest, time to wait for what a check lacks. */
const [LEAST_MS, MOST_MS] = [2_000, 300_000];
/** Together about two hours. */
const TRIES = 30;

type Waiting<T> = { what: T; tries: number; notBefore: number };

/** Things to be done, in the order in which they came; those that lack something come again later, not for ever. */
export class Patience<T> {
  readonly #waiting: Waiting<T>[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  add(what: T): void {
    this.#waiting.push({ what, tries: 0, notBefore: Number.NEGATIVE_INFINITY });
  }

  /** The next whose time has come; it is not in here any more. */
  take(now: number): Waiting<T> | undefined {
    const at = this.#waiting.findIndex(({ notBefore }) => notBefore <= now);
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0];
  }

  /** It was interrupted: it comes first again. */
  putBack(one: Waiting<T>): void {
    this.#waiting.unshift(one);
  }

  /** It lacks something. False where it has waited for long enough. */
  defer({ what, tries }: Waiting<T>, now: number): boolean {
    if (tries + 1 >= TRIES) return false;
    this.#waiting.push({ what, tries: tries + 1, notBefore: now + Math.min(MOST_MS, LEAST_MS * 2 ** tries) });
    return true;
  }
}

import { equal } from "./bytes.ts";
import { type Advance, trackName } from "./cut.ts";

type Change = { at: number; name: string; head: Advance };

/** How many changes that later ones made stale are kept at least. */
const STALE = 64;

/** How far tracks are held, and in which order that changed: whoever was told until then is told what came after. */
export class Heads {
  /** Ascending. */
  #changes: Change[] = [];
  readonly #latest = new Map<string, Change>();
  #at = 0;

  static of(heads: readonly Advance[]): Heads {
    const made = new Heads();
    for (const head of heads) made.set(head);
    return made;
  }

  get size(): number {
    return this.#latest.size;
  }

  /** In the order in which the tracks began. */
  all(): Advance[] {
    return Array.from(this.#latest.values(), ({ head }) => head);
  }

  has(name: string): boolean {
    return this.#latest.has(name);
  }

  set(head: Advance): void {
    const name = trackName(head);
    const said = this.#latest.get(name)?.head;
    if (said && said.sequence === head.sequence && equal(said.head, head.head)) return;
    const change = { at: ++this.#at, name, head };
    this.#latest.set(name, change);
    this.#changes.push(change);
    if (this.#changes.length > 2 * this.#latest.size + STALE) this.#changes = this.#changes.filter(this.#isLatest);
  }

  /**
   * What changed after `at`, in that order, and at most so many heads: it costs by what changed, not by what there is.
   * `at` is where to go on from, and `more` whether there is more already.
   */
  since(at: number, most: number): { heads: Advance[]; at: number; more: boolean } {
    let from = this.#changes.length;
    while (from > 0 && this.#changes[from - 1].at > at) from--;
    const changed = this.#changes.slice(from).filter(this.#isLatest);
    const told = changed.slice(0, most);
    return {
      heads: told.map(({ head }) => head),
      at: told.at(-1)?.at ?? at,
      more: told.length < changed.length,
    };
  }

  readonly #isLatest = (change: Change): boolean => this.#latest.get(change.name) === change;
}

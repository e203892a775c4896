/** Virtual time: nothing happens but what was scheduled, in the order of its time and, at one time, of its scheduling. */

type Entry = { at: number; order: number; work: (() => void) | undefined; label: string };

/** So much at one instant is a loop: the world would never end, and nothing would say where. */
const LIMIT_AT_ONCE = 200_000;

export class Scheduler {
  #now = 0;
  #atOnce = 0;
  #order = 0;
  #events = 0;
  #stopped = false;
  readonly #heap: Entry[] = [];
  readonly #counts = new Map<string, number>();

  /** Milliseconds since the simulation began. */
  get now(): number {
    return this.#now;
  }

  /** How much has happened. */
  get events(): number {
    return this.#events;
  }

  /** How often work of each label was done. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Does `work` in `ms` (at least 0) milliseconds. Calling what comes back cancels it. */
  after(ms: number, work: () => void, label = "work"): () => void {
    if (Number.isNaN(ms)) throw new RangeError(`${label} is scheduled at no time`);
    const entry: Entry = { at: this.#now + Math.max(0, ms), order: this.#order++, work, label };
    this.#push(entry);
    return () => {
      entry.work = undefined; // stays in the heap until its time: removing it would cost more
    };
  }

  /** Does `work` every `ms` milliseconds, the first time after `first`. */
  every(ms: number, work: () => void, label = "work", first = ms): () => void {
    if (!(ms > 0)) throw new RangeError(`${label} repeats without time passing`);
    let cancel: () => void;
    const again = () => {
      cancel = this.after(ms, again, label);
      work();
    };
    cancel = this.after(first, again, label);
    return () => cancel();
  }

  /** Works until the virtual time `until`, or until stopped; or does `most` things, and says false while more is left. */
  run(until: number, most = Number.POSITIVE_INFINITY): boolean {
    const enough = this.#events + most;
    while (!this.#stopped && this.#heap.length > 0 && this.#heap[0].at <= until) {
      if (this.#events >= enough) return false;
      const entry = this.#pop();
      if (!entry.work) continue;
      this.#atOnce = entry.at === this.#now ? this.#atOnce + 1 : 0;
      if (this.#atOnce > LIMIT_AT_ONCE) throw new Error(`time stands still at ${this.#now}, in "${entry.label}"`);
      this.#now = entry.at;
      this.#events += 1;
      this.#counts.set(entry.label, (this.#counts.get(entry.label) ?? 0) + 1);
      entry.work();
    }
    if (!this.#stopped) this.#now = Math.max(this.#now, until);
    return true;
  }

  /** Nothing more happens, ever. */
  stop(): void {
    this.#stopped = true;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!before(entry, heap[above])) break;
      heap[at] = heap[above];
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): Entry {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop() as Entry;
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && before(heap[below + 1], heap[below])) below += 1;
      if (!before(heap[below], last)) break;
      heap[at] = heap[below];
      at = below;
    }
    heap[at] = last;
    return top;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** What one machine takes for the time: it may go fast or slow and leap forward, never back. */
export class Clock {
  readonly #scheduler: Scheduler;
  #offset: number;
  #since: number;
  #rate = 1;

  /** @param offset what it shows at the beginning, in milliseconds */
  constructor(scheduler: Scheduler, offset = 0) {
    this.#scheduler = scheduler;
    this.#offset = offset;
    this.#since = scheduler.now;
  }

  now(): number {
    return Math.floor(this.#offset + (this.#scheduler.now - this.#since) * this.#rate);
  }

  #settle(): void {
    this.#offset += (this.#scheduler.now - this.#since) * this.#rate;
    this.#since = this.#scheduler.now;
  }

  jump(ms: number): void {
    if (ms < 0) throw new RangeError("a monotonic clock does not go back");
    this.#offset += ms;
  }

  /** From now on its seconds are `rate` of a true one. */
  drift(rate: number): void {
    if (!(rate > 0)) throw new RangeError("a monotonic clock does not stand still");
    this.#settle();
    this.#rate = rate;
  }
}

import type { Scheduler } from "./scheduler.ts";

type Waiting = { size: number; leave: () => void };

/** Where bytes leave one after another, as fast as it is then: what waits for a narrow one leaves at once when it widens. */
export class Pipe {
  readonly #scheduler: Scheduler;
  readonly #bytesPerMs: () => number;
  #waiting: Waiting[] = [];
  #busy = false;
  #closed = false;

  /** @param bytesPerMs how wide it is now; 0 is without a limit */
  constructor(scheduler: Scheduler, bytesPerMs: () => number) {
    this.#scheduler = scheduler;
    this.#bytesPerMs = bytesPerMs;
  }

  /** `leave` is called when the last byte has left, within the call where nothing is in the way. */
  push(size: number, leave: () => void): void {
    this.#waiting.push({ size, leave });
    this.#pump();
  }

  /** What waits never leaves. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
  }

  #pump(): void {
    while (!this.#busy) {
      const next = this.#waiting.shift();
      if (!next) return;
      const rate = this.#bytesPerMs();
      if (rate === 0) next.leave();
      else {
        this.#busy = true;
        this.#scheduler.after(next.size / rate, () => this.#left(next), "left");
      }
    }
  }

  #left({ leave }: Waiting): void {
    if (this.#closed) return;
    this.#busy = false;
    leave();
    this.#pump();
  }
}

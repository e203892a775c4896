import type { Scheduler } from "./scheduler.ts";

/** Thrown where a process is killed: nothing after it in the call happens. Its harness catches it. */
export class Crash extends Error {
  constructor(where: string) {
    super(where);
    this.name = "Crash";
  }
}

/**
 * One life of a worker's process, from start to kill. Everything that it does goes through here, so that it stands still
 * when it is stopped (SIGSTOP, a slow disk) and does nothing any more when it is dead.
 */
export class Process {
  readonly #scheduler: Scheduler;
  readonly #onCrash: (where: string) => void;
  #alive = true;
  #frozen = 0;
  #inside = false;
  #waiting: (() => void)[] = [];

  constructor(scheduler: Scheduler, onCrash: (where: string) => void) {
    this.#scheduler = scheduler;
    this.#onCrash = onCrash;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** True time, in milliseconds since the simulation began: for waiting, not for what the worker takes for the time. */
  get now(): number {
    return this.#scheduler.now;
  }

  /** As a timer of the process: late when the process stands still, never when it is dead. */
  after(ms: number, work: () => void, label?: string): () => void {
    let cancelled = false;
    const cancel = this.#scheduler.after(ms, () => this.enter(() => !cancelled && work()), label);
    return () => {
      cancelled = true;
      cancel();
    };
  }

  every(ms: number, work: () => void, label?: string): void {
    const again = () => {
      this.after(ms, again, label);
      work();
    };
    this.after(ms, again, label);
  }

  /** Something reaches the process: now, or when it goes on, in the order of arrival. */
  enter(work: () => void): void {
    if (!this.#alive) return;
    // One thing at a time, as in an event loop: what a piece of work sets off comes after it.
    if (this.#frozen > 0 || this.#inside) {
      this.#waiting.push(work);
      return;
    }
    this.#do(work);
    this.#drain();
  }

  #do(work: () => void): void {
    this.#inside = true;
    try {
      work();
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.crash(error);
    } finally {
      this.#inside = false;
    }
  }

  #drain(): void {
    while (this.#alive && this.#frozen === 0) {
      const next = this.#waiting.shift();
      if (!next) return;
      this.#do(next);
    }
  }

  /** Stands still for `ms`. Several stops count together. */
  freeze(ms: number): void {
    if (!this.#alive || !(ms > 0)) return;
    this.#frozen += 1;
    this.#scheduler.after(
      ms,
      () => {
        this.#frozen -= 1;
        if (!this.#inside) this.#drain();
      },
      "thaw",
    );
  }

  /** Dies of it, once. Where others catch what is thrown, whoever sees a crash first brings it here. */
  crash(crash: Crash): void {
    if (!this.#alive) return;
    this.kill();
    this.#onCrash(crash.message);
  }

  /** As kill -9. */
  kill(): void {
    this.#alive = false;
    this.#waiting = [];
  }
}

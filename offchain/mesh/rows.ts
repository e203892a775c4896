import type { Outlet } from "./transport.ts";

const LIMIT_QUEUE_BYTES = 8 * 1024 * 1024;

/** Rows to one subscriber. They are a cache: when it is too slow, the oldest are dropped, and counted. */
export class RowsStream {
  readonly #out: Outlet;
  readonly #dropped: () => void;
  readonly #queue: Buffer[] = [];
  #queued = 0;

  constructor(out: Outlet, dropped: () => void) {
    this.#out = out;
    this.#dropped = dropped;
    out.onRoom = () => this.#pump();
  }

  publish(frame: Buffer): void {
    this.#queue.push(frame);
    this.#queued += frame.length;
    this.#pump();
    while (this.#queued > LIMIT_QUEUE_BYTES) {
      this.#queued -= this.#queue.shift()!.length;
      this.#dropped();
    }
  }

  #pump(): void {
    while (this.#out.room && this.#queue.length > 0) {
      const frame = this.#queue.shift()!;
      this.#queued -= frame.length;
      this.#out.send(frame);
    }
  }
}

import type { ServerWritableStream } from "@grpc/grpc-js";
import { statusOf } from "./wire.ts";

/**
 * The one writer of a server stream. It counts the bytes that HTTP/2 has not taken yet, because grpc-js counts messages:
 * sixteen of them, whatever their size.
 */
export class Flow {
  readonly #call: ServerWritableStream<Buffer, Buffer>;
  readonly #credit: number;
  readonly #count: (bytes: number) => void;
  readonly #closed = new AbortController();
  #pending = 0;
  #onRoom: () => void = () => {};

  constructor(call: ServerWritableStream<Buffer, Buffer>, credit: number, count: (bytes: number) => void) {
    this.#call = call;
    this.#credit = credit;
    this.#count = count;
    call.on("cancelled", () => this.#close());
    call.on("error", () => this.#close());
    if (call.cancelled) this.#close();
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  get room(): boolean {
    return !this.closed.aborted && this.#pending < this.#credit;
  }

  /** Called whenever there is room again. */
  set onRoom(wake: () => void) {
    this.#onRoom = wake;
  }

  /** Never waits; ask for `room` first. */
  send(frame: Buffer): void {
    if (this.closed.aborted) return;
    this.#pending += frame.length;
    this.#count(frame.length);
    this.#call.write(frame, (error?: Error | null) => {
      this.#pending -= frame.length;
      if (!error && this.room) this.#onRoom();
    });
  }

  /** Resolves to true when there is room, to false when the stream is over. Not to be mixed with `onRoom`. */
  ready(): Promise<boolean> {
    if (this.room || this.closed.aborted) return Promise.resolve(!this.closed.aborted);
    return new Promise((resolve) => {
      const over = () => resolve(false);
      this.closed.addEventListener("abort", over, { once: true });
      this.#onRoom = () => {
        this.closed.removeEventListener("abort", over);
        resolve(true);
      };
    });
  }

  end(): void {
    if (this.closed.aborted) return;
    this.#close();
    this.#call.end();
  }

  fail(error: unknown): void {
    if (this.closed.aborted) return;
    this.#close();
    this.#call.emit("error", statusOf(error));
  }

  #close(): void {
    this.#onRoom = () => {};
    this.#closed.abort();
  }
}

import type { ServerWritableStream } from "@grpc/grpc-js";
import { CREDIT_BYTES } from "./frames.ts";
import type { Outlet } from "./transport.ts";
import { statusOf } from "./wire.ts";

/** A server stream by bytes that HTTP/2 has not taken yet, because grpc-js counts messages: sixteen, whatever their size. */
export class Flow implements Outlet {
  readonly #call: ServerWritableStream<Buffer, Buffer>;
  readonly #count: (bytes: number) => void;
  readonly #closed = new AbortController();
  #pending = 0;
  onRoom: () => void = () => {};

  constructor(call: ServerWritableStream<Buffer, Buffer>, count: (bytes: number) => void) {
    this.#call = call;
    this.#count = count;
    call.on("cancelled", () => this.#close());
    call.on("error", () => this.#close());
    if (call.cancelled) this.#close();
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  get room(): boolean {
    return !this.closed.aborted && this.#pending < CREDIT_BYTES;
  }

  send(frame: Buffer): void {
    if (this.closed.aborted) return;
    this.#pending += frame.length;
    this.#count(frame.length);
    this.#call.write(frame, (error?: Error | null) => {
      this.#pending -= frame.length;
      if (!error && this.room) this.onRoom();
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
    this.onRoom = () => {};
    this.#closed.abort();
  }
}

/** Resolves to true when there is room, to false when the stream is over. Takes `onRoom`. */
export function ready(out: Outlet): Promise<boolean> {
  if (out.room || out.closed.aborted) return Promise.resolve(!out.closed.aborted);
  return new Promise((resolve) => {
    const over = () => resolve(false);
    out.closed.addEventListener("abort", over, { once: true });
    out.onRoom = () => {
      out.closed.removeEventListener("abort", over);
      resolve(true);
    };
  });
}

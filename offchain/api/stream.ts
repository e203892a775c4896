import type { ServerResponse } from "node:http";
import { WeftError } from "../core/errors.ts";

/** Pages of any origin may ask: nothing here is known by a cookie. */
export const ANY_ORIGIN = { "access-control-allow-origin": "*" };

const HEAD = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  // nginx would hold the words back.
  "x-accel-buffering": "no",
  ...ANY_ORIGIN,
};

export type StreamLimits = {
  heartbeatMs: number;
  /** A client that reads nothing for so long is given up. */
  stalledMs: number;
};

/** One answer as server-sent events. Back-pressure is the caller's: it awaits every `send`. */
export class EventStream {
  readonly #raw: ServerResponse;
  readonly #limits: StreamLimits;
  readonly #heartbeat: NodeJS.Timeout;

  constructor(raw: ServerResponse, limits: StreamLimits) {
    this.#raw = raw;
    this.#limits = limits;
    raw.writeHead(200, HEAD);
    raw.flushHeaders();
    this.#heartbeat = setInterval(() => {
      if (!raw.writableNeedDrain && !raw.writableEnded) raw.write(": ping\n\n");
    }, limits.heartbeatMs);
  }

  async send(value: unknown, signal: AbortSignal): Promise<void> {
    // Proxies count silence, so the next ping is due a full period from here.
    this.#heartbeat.refresh();
    if (this.#raw.write(`data: ${JSON.stringify(value)}\n\n`)) return;
    await drained(this.#raw, signal, this.#limits.stalledMs);
  }

  /** Ends the answer; `last` is sent whatever waits before it. */
  end(last: string): void {
    clearInterval(this.#heartbeat);
    if (!this.#raw.writableEnded && !this.#raw.destroyed) this.#raw.end(`data: ${last}\n\n`);
  }
}

function drained(raw: ServerResponse, signal: AbortSignal, most: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: unknown) => {
      clearTimeout(timer);
      raw.off("drain", drain);
      signal.removeEventListener("abort", aborted);
      if (error === undefined) resolve();
      else reject(error);
    };
    const drain = () => done();
    const aborted = () => done(signal.reason);
    const timer = setTimeout(() => {
      done(new WeftError("aborted", "the client stopped reading"));
      raw.destroy();
    }, most);
    raw.on("drain", drain);
    signal.addEventListener("abort", aborted);
    if (signal.aborted) aborted();
  });
}

/** The events of `source`, given up at once when `signal` is aborted, even if the source does not notice. */
export async function* until<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void> {
  const events = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await unlessAborted(events.next(), signal);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // Not awaited: a source that hangs must not hold the answer.
    Promise.resolve(events.return?.()).catch(() => {});
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason);
    signal.addEventListener("abort", aborted, { once: true });
    if (signal.aborted) aborted();
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", aborted));
  });
}

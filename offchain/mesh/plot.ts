import { type Bytes, Reader } from "../core/bytes.ts";
import type { Advance } from "../core/cut.ts";
import type { Crypto } from "../core/ports.ts";
import { HEADER_BYTES, type Header, headerHash, readHeader } from "../core/segment.ts";
import type { Flow } from "./flow.ts";
import { SegmentMessage } from "./generated/mesh.ts";
import { framed, hex } from "./wire.ts";

const LIMIT_QUEUE_BYTES = 4 * 1024 * 1024;
const BATCH_BYTES = 1024 * 1024;
const BATCH_SEGMENTS = 256;

export type PlotSource = {
  crypto: Crypto;
  separator: Bytes;
  ownSegments(since: readonly Advance[], to: Bytes): Iterable<Bytes>;
  failpoint(name: string): void;
  fault(error: unknown): void;
};

/** A segment that was just sealed, framed once for all subscribers. */
export type LiveSegment = { frame: Buffer; header: Header };

/** How far one track was queued for the subscriber. Its hash is only needed, and only made, when the store is asked. */
type Reached = { sequence: number; advance: () => Advance };

/**
 * Own tracks to one subscriber: from the store while it is behind, as they are sealed once it is not. When its queue is
 * full, nothing more is queued; what it missed comes from the store again, so memory is bounded and there is no gap.
 */
export class PlotStream {
  readonly #flow: Flow;
  readonly #to: Bytes;
  readonly #source: PlotSource;
  readonly #reached = new Map<string, Reached>();
  readonly #queue: Buffer[] = [];
  #queued = 0;
  #behind = true;
  #reading = false;

  constructor(flow: Flow, to: Bytes, heads: readonly Advance[], source: PlotSource) {
    this.#flow = flow;
    this.#to = to;
    this.#source = source;
    for (const head of heads)
      this.#reached.set(hex(head.incarnation), { sequence: head.sequence, advance: () => head });
    flow.onRoom = () => this.#pump();
    this.#pump();
  }

  publish({ frame, header }: LiveSegment): void {
    if (this.#behind) return; // it is in the store by now
    const last = this.#reached.get(hex(header.incarnation))?.sequence ?? 0;
    if (header.sequence <= last) return;
    if (header.sequence !== last + 1 || this.#queued + frame.length > LIMIT_QUEUE_BYTES) this.#behind = true;
    else this.#push(frame, header);
    this.#pump();
  }

  #push(frame: Buffer, header: Header): void {
    const { crypto, separator } = this.#source;
    const { operator, incarnation, sequence } = header;
    this.#queue.push(frame);
    this.#queued += frame.length;
    this.#reached.set(hex(incarnation), {
      sequence,
      advance: () => ({ operator, incarnation, sequence, head: headerHash(crypto, separator, header) }),
    });
  }

  #pump(): void {
    while (this.#flow.room && this.#queue.length > 0) {
      const frame = this.#queue.shift()!;
      this.#queued -= frame.length;
      this.#source.failpoint("mesh.before-send");
      this.#flow.send(frame);
      this.#source.failpoint("mesh.after-send");
    }
    if (!this.#behind || this.#reading || this.#queue.length > 0 || !this.#flow.room) return;
    this.#reading = true;
    // Never within publish: a writer does not wait for a read of the store.
    setImmediate(() => this.#read());
  }

  /** One bounded batch. An empty one, in the very tick in which it is found, is where live begins. */
  #read(): void {
    this.#reading = false;
    if (this.#flow.closed.aborted) return;
    try {
      const since = [...this.#reached.values()].map(({ advance }) => advance());
      let count = 0;
      for (const bytes of this.#source.ownSegments(since, this.#to)) {
        const header = headerOf(bytes);
        if (header.sequence <= (this.#reached.get(hex(header.incarnation))?.sequence ?? 0)) continue;
        this.#push(frameSegment(bytes), header);
        if (++count >= BATCH_SEGMENTS || this.#queued >= BATCH_BYTES) break;
      }
      if (count === 0) this.#behind = false;
    } catch (error) {
      this.#source.fault(error);
      this.#flow.fail(error);
      return;
    }
    this.#pump();
  }
}

export function headerOf(bytes: Bytes): Header {
  return readHeader(new Reader(bytes.subarray(0, HEADER_BYTES), "segment"));
}

export function frameSegment(segment: Bytes): Buffer {
  return framed(SegmentMessage, { segment });
}

import { type Bytes, Reader } from "../core/bytes.ts";
import type { Advance } from "../core/cut.ts";
import type { Crypto } from "../core/ports.ts";
import { HEADER_BYTES, type Header, headerHash, readHeader } from "../core/segment.ts";
import { framed, hex } from "./frames.ts";
import { SegmentMessage } from "./generated/mesh.ts";
import type { Clock, Outlet } from "./transport.ts";

/** Of one stream, shared out evenly among the operators whose tracks it carries. */
const LIMIT_QUEUE_BYTES = 4 * 1024 * 1024;
const BATCH_BYTES = 1024 * 1024;
const BATCH_SEGMENTS = 256;

export type PlotSource = {
  clock: Clock;
  crypto: Crypto;
  separator: Bytes;
  self: Bytes;
  segmentsSince(since: readonly Advance[], of: readonly Bytes[], to: Bytes): Iterable<Bytes>;
  failpoint(name: string): void;
  fault(error: unknown): void;
};

export type PlotRequest = { heads: readonly Advance[]; of: readonly Bytes[] };

/** A segment that was just stored, framed once for all subscribers. */
export type LiveSegment = { frame: Buffer; header: Header; author: string; incarnation: string };

/** How far one track was queued for the subscriber. Its hash is only needed, and only made, when the store is asked. */
type Reached = { sequence: number; advance: () => Advance };

/** The tracks of one operator. */
type Author = {
  operator: Bytes;
  reached: Map<string, Reached>;
  queue: Buffer[];
  queued: number;
  /** What it misses is in the store. */
  behind: boolean;
};

/**
 * The server's own tracks, and those it relays, to one subscriber: from the store while it is behind, as they are stored once
 * it is not. When a queue is full, nothing more is queued; what was missed comes from the store again, so memory is bounded
 * and there is no gap. Every author has a queue and a turn of its own: one that floods delays no other.
 */
export class PlotStream {
  readonly #out: Outlet;
  readonly #to: Bytes;
  readonly #source: PlotSource;
  readonly #authors = new Map<string, Author>();
  readonly #sending: Rota<Author>;
  readonly #reading: Rota<Author>;
  readonly #share: number;
  #queued = 0;
  #isReading = false;

  constructor(out: Outlet, to: Bytes, { heads, of }: PlotRequest, source: PlotSource) {
    this.#out = out;
    this.#to = to;
    this.#source = source;
    for (const operator of [source.self, ...of])
      this.#authors.set(hex(operator), { operator, reached: new Map(), queue: [], queued: 0, behind: true });
    for (const head of heads)
      this.#authors.get(hex(head.operator))?.reached.set(hex(head.incarnation), {
        sequence: head.sequence,
        advance: () => head,
      });
    const authors = [...this.#authors.values()];
    this.#sending = new Rota(authors);
    this.#reading = new Rota(authors);
    this.#share = Math.floor(LIMIT_QUEUE_BYTES / authors.length);
    out.onRoom = () => this.#pump();
    this.#pump();
  }

  publish(live: LiveSegment): void {
    const author = this.#authors.get(live.author);
    if (!author || author.behind) return; // not asked for, or in the store by now
    const { sequence } = live.header;
    const last = author.reached.get(live.incarnation)?.sequence ?? 0;
    if (sequence <= last) return;
    if (sequence !== last + 1 || !this.#fits(author, live.frame)) author.behind = true;
    else this.#push(author, live);
    this.#pump();
  }

  /** A share may be smaller than a segment: one may always wait while the whole is not full. */
  #fits({ queue, queued }: Author, { length }: Buffer): boolean {
    return queued + length <= this.#share || (queue.length === 0 && this.#queued + length <= LIMIT_QUEUE_BYTES);
  }

  #push(author: Author, { frame, header, incarnation }: LiveSegment): void {
    const { crypto, separator } = this.#source;
    author.queue.push(frame);
    author.queued += frame.length;
    this.#queued += frame.length;
    author.reached.set(incarnation, {
      sequence: header.sequence,
      advance: () => ({
        operator: header.operator,
        incarnation: header.incarnation,
        sequence: header.sequence,
        head: headerHash(crypto, separator, header),
      }),
    });
  }

  #pump(): void {
    while (this.#out.room) {
      const author = this.#sending.next(({ queue }) => queue.length > 0);
      if (!author) break;
      const frame = author.queue.shift()!;
      author.queued -= frame.length;
      this.#queued -= frame.length;
      this.#source.failpoint("mesh.before-send");
      this.#out.send(frame);
      this.#source.failpoint("mesh.after-send");
    }
    if (this.#isReading || this.#out.closed.aborted) return;
    // Also while another author's queue is full: a batch of its own is what everybody may have waiting.
    const author = this.#reading.next(({ behind, queue }) => behind && queue.length === 0);
    if (!author) return;
    this.#isReading = true;
    // Never within publish: a writer does not wait for a read of the store.
    this.#source.clock.after(0, () => this.#read(author));
  }

  /** One bounded batch. An empty one, in the very tick in which it is found, is where live begins. */
  #read(author: Author): void {
    this.#isReading = false;
    if (this.#out.closed.aborted) return;
    try {
      const since = [...author.reached.values()].map(({ advance }) => advance());
      const most = Math.min(BATCH_BYTES, this.#share);
      let count = 0;
      for (const bytes of this.#source.segmentsSince(since, [author.operator], this.#to)) {
        const live = liveSegment(bytes);
        if (live.header.sequence <= (author.reached.get(live.incarnation)?.sequence ?? 0)) continue;
        this.#push(author, live);
        if (++count >= BATCH_SEGMENTS || author.queued >= most) break;
      }
      if (count === 0) author.behind = false;
    } catch (error) {
      this.#source.fault(error);
      this.#out.fail(error);
      return;
    }
    this.#pump();
  }
}

/** Gives everybody a turn, beginning after who had the last one. */
class Rota<V> {
  readonly #all: readonly V[];
  #at = 0;

  constructor(all: readonly V[]) {
    this.#all = all;
  }

  next(wanted: (one: V) => boolean): V | undefined {
    for (let i = 0; i < this.#all.length; i++) {
      const at = (this.#at + i) % this.#all.length;
      if (!wanted(this.#all[at])) continue;
      this.#at = at + 1;
      return this.#all[at];
    }
    return undefined;
  }
}

/** @throws WeftError `malformed` */
export function liveSegment(bytes: Bytes): LiveSegment {
  const header = headerOf(bytes);
  return { frame: frameSegment(bytes), header, author: hex(header.operator), incarnation: hex(header.incarnation) };
}

/** @throws WeftError `malformed` */
export function headerOf(segment: Bytes): Header {
  return readHeader(new Reader(segment.subarray(0, HEADER_BYTES), "segment"));
}

export function frameSegment(segment: Bytes): Buffer {
  return framed(SegmentMessage, { segment });
}

import { type Bytes, Reader } from "../core/bytes.ts";
import { type Advance, readAdvance } from "../core/cut.ts";
import { WeftError } from "../core/errors.ts";
import { decodeCursor, encodePage } from "../core/memory-page.ts";
import { type AttestReply, decodeProposal, encodeAttestReply, LIMIT_ADVANCES } from "../core/proposal.ts";
import { encodeLeaves, STATED_TREES, type StatedTree, type TreeRequest as Wanted } from "../core/stated-tree.ts";
import { framed, LIMIT_FETCH, LIMIT_RELAYED, owned, parse, plain, WIRE_TREES } from "./frames.ts";
import {
  AttestRequest,
  AttestResponse,
  CutReply,
  CutRequest,
  FetchRequest,
  MemoryReply,
  MemoryRequest,
  PagerSubscribe,
  PlotSubscribe,
  RowsSubscribe,
  TreeReply,
  TreeRequest,
} from "./generated/mesh.ts";
import type { Pager } from "./pager.ts";
import { frameSegment, headerOf, type PlotRequest, type PlotSource, PlotStream } from "./plot.ts";
import { RowsStream } from "./rows.ts";
import type { Outlet, Service } from "./transport.ts";
import type { FaultKind, PeerHandlers } from "./types.ts";

const FETCH_BATCH_BYTES = 1024 * 1024;

export type Subscribers = { pager: Pager; plot: Set<PlotStream>; rows: Set<RowsStream> };

/** What a worker serves to its peers, in terms of its handlers and of those who are subscribed. */
export function serviceOf(
  handlers: PeerHandlers,
  subscribers: Subscribers,
  tickets: Tickets,
  source: PlotSource,
  rowsDropped: (operator: Bytes) => void,
): Service {
  const keep = <S>(all: Set<S>, one: S, out: Outlet) => {
    all.add(one);
    out.closed.addEventListener("abort", () => all.delete(one), { once: true });
  };
  return {
    pager: {
      subscription: true,
      serve(_from, request, out) {
        parse(PagerSubscribe, request);
        subscribers.pager.subscribe(out);
      },
    },
    plot: {
      subscription: true,
      serve: (from, request, out) =>
        keep(subscribers.plot, new PlotStream(out, from, plotRequest(request), source), out),
    },
    rows: {
      subscription: true,
      serve(from, request, out) {
        parse(RowsSubscribe, request);
        keep(subscribers.rows, new RowsStream(out, () => rowsDropped(from)), out);
      },
    },
    fetch: {
      subscription: false,
      serve(from, request, out) {
        const { track, from: first, to } = fetchRequest(request);
        let next = first;
        let batch: Bytes[] = [];
        const pump = () => {
          while (out.room) {
            // Read in batches, so that the store is not held open while a slow peer takes them.
            if (batch.length === 0 && next <= to) batch = take(handlers.fetch(track, next, to, from), to - next + 1);
            const bytes = batch.shift();
            if (!bytes) return out.end();
            out.send(frameSegment(bytes));
            next = headerOf(bytes).sequence + 1; // the beginning may not be held any more
          }
        };
        out.onRoom = () => {
          try {
            pump();
          } catch (error) {
            source.fault(error);
            out.fail(error);
          }
        };
        pump();
      },
    },
    cut: {
      subscription: false,
      serve(_from, request, out) {
        const cut = handlers.cut(parse(CutRequest, request).number);
        const empty = new Uint8Array(0);
        out.send(framed(CutReply, cut ? { found: true, ...cut } : { found: false, checkpoint: empty, entries: empty }));
        out.end();
      },
    },
    memory: {
      subscription: false,
      serve(_from, request, out) {
        const { number, from } = parse(MemoryRequest, request);
        const page = handlers.memory(number, decodeCursor(plain(from)));
        out.send(framed(MemoryReply, { found: page !== undefined, page: page ? encodePage(page) : new Uint8Array(0) }));
        out.end();
      },
    },
    tree: {
      subscription: false,
      serve(_from, request, out) {
        const page = handlers.tree(treeRequest(request));
        const leaves = page ? encodeLeaves(page) : new Uint8Array(0);
        out.send(framed(TreeReply, { found: page !== undefined, leaves, more: page?.more ?? false }));
        out.end();
      },
    },
    attest: {
      subscription: false,
      serve(from, request, out) {
        const proposal = decodeProposal(plain(parse(AttestRequest, request).proposal));
        handlers.attest(from, tickets.take(out), proposal);
      },
    },
  };
}

/** Who waits for our answer to a proposal. */
export class Tickets {
  readonly #waiting = new Map<number, Outlet>();
  #last = 0;

  take(out: Outlet): number {
    const ticket = ++this.#last;
    this.#waiting.set(ticket, out);
    out.closed.addEventListener("abort", () => this.#waiting.delete(ticket), { once: true });
    return ticket;
  }

  /** @throws WeftError `out_of_range` when the reply cannot be said. */
  reply(ticket: number, reply: AttestReply): void {
    const out = this.#waiting.get(ticket);
    if (!out) return;
    try {
      out.send(framed(AttestResponse, { reply: encodeAttestReply(reply) }));
      out.end();
    } catch (error) {
      out.fail(error);
      throw error;
    }
  }
}

/** What kind of fault it is that a call could not be served. */
export function faultOf(error: unknown): FaultKind {
  if (!(error instanceof WeftError)) return "handler";
  if (error.code === "no_session") return "unauthenticated";
  if (error.code === "bad_hello" || error.code === "unknown_operator") return "handshake";
  return ["malformed", "out_of_range", "too_large"].includes(error.code) ? "malformed" : "stream";
}

function plotRequest(request: Buffer): PlotRequest {
  const { heads, of } = parse(PlotSubscribe, request);
  if (heads.length > LIMIT_ADVANCES) throw new WeftError("out_of_range", "too many heads", { field: "heads" });
  if (of.length > LIMIT_RELAYED) throw new WeftError("out_of_range", "too many operators", { field: "of" });
  if (of.some(({ length }) => length !== 20))
    throw new WeftError("malformed", "an operator has 20 bytes", { field: "of" });
  return { heads: heads.map(decodeAdvance), of: of.map(owned) };
}

function fetchRequest(request: Buffer) {
  const { operator, incarnation, fromSequence: from, toSequence: to } = parse(FetchRequest, request);
  if (operator.length !== 20 || incarnation.length !== 16)
    throw new WeftError("malformed", "a track is 20 and 16 bytes", { field: "track" });
  if (from < 1 || to < from || to - from >= LIMIT_FETCH)
    throw new WeftError("out_of_range", `fetch 1..${LIMIT_FETCH} segments`, { field: "to_sequence" });
  return { track: { operator: owned(operator), incarnation: owned(incarnation) }, from, to };
}

function treeRequest(request: Buffer): Wanted {
  const { number, checkpoint, tree: named, first } = parse(TreeRequest, request);
  const tree = (Object.keys(WIRE_TREES) as StatedTree[]).find((name) => WIRE_TREES[name] === named);
  if (!tree || checkpoint.length !== 32)
    throw new WeftError("malformed", "not a tree of a checkpoint", { field: tree ? "checkpoint" : "tree" });
  if (first > STATED_TREES[tree].most)
    throw new WeftError("out_of_range", "the tree has fewer leaves", { field: "first" });
  return { number, hash: owned(checkpoint), tree, first };
}

function take(segments: Iterable<Bytes>, most: number): Bytes[] {
  const out: Bytes[] = [];
  let bytes = 0;
  for (const segment of segments) {
    out.push(segment);
    bytes += segment.length;
    if (out.length >= most || bytes >= FETCH_BATCH_BYTES) break;
  }
  return out;
}

function decodeAdvance(bytes: Bytes): Advance {
  const from = new Reader(plain(bytes), "head");
  const advance = readAdvance(from);
  from.end();
  return advance;
}

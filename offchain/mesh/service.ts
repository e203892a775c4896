import { type Bytes, Reader } from "../core/bytes.ts";
import { type Advance, readAdvance } from "../core/cut.ts";
import { WeftError } from "../core/errors.ts";
import { decodeOrder, encodeGenerateEvent } from "../core/generate.ts";
import { decodeProposal, encodeAttestReply, LIMIT_ADVANCES } from "../core/proposal.ts";
import type { Flow } from "./flow.ts";
import {
  AttestRequest,
  AttestResponse,
  CutReply,
  CutRequest,
  FetchRequest,
  GenerateMessage,
  GenerateRequest,
  PagerSubscribe,
  PlotSubscribe,
  RowsSubscribe,
} from "./generated/mesh.ts";
import type { Pager } from "./pager.ts";
import { frameSegment, type PlotSource, PlotStream } from "./plot.ts";
import { RowsStream } from "./rows.ts";
import type { Service } from "./server.ts";
import type { MeshHandlers } from "./types.ts";
import { framed, LIMIT_FETCH, owned, parse, plain } from "./wire.ts";

const FETCH_BATCH_BYTES = 1024 * 1024;

export type Subscribers = { pager: Pager; plot: Set<PlotStream>; rows: Set<RowsStream> };

/** What a worker serves to its peers, in terms of its handlers and of those who are subscribed. */
export function serviceOf(
  handlers: MeshHandlers,
  subscribers: Subscribers,
  source: PlotSource,
  rowsDropped: (operator: Bytes) => void,
): Service {
  const keep = <S>(all: Set<S>, one: S, flow: Flow) => {
    all.add(one);
    flow.closed.addEventListener("abort", () => all.delete(one), { once: true });
  };
  return {
    pager: {
      lane: "pager",
      subscription: true,
      serve(_from, request, flow) {
        parse(PagerSubscribe, request);
        subscribers.pager.subscribe(flow);
      },
    },
    plot: {
      lane: "plot",
      subscription: true,
      serve(from, request, flow) {
        const { heads } = parse(PlotSubscribe, request);
        if (heads.length > LIMIT_ADVANCES) throw new WeftError("out_of_range", "too many heads", { field: "heads" });
        keep(subscribers.plot, new PlotStream(flow, from, heads.map(decodeAdvance), source), flow);
      },
    },
    rows: {
      lane: "rows",
      subscription: true,
      serve(from, request, flow) {
        parse(RowsSubscribe, request);
        keep(subscribers.rows, new RowsStream(flow, () => rowsDropped(from)), flow);
      },
    },
    fetch: {
      lane: "plot",
      subscription: false,
      async serve(from, request, flow) {
        const asked = parse(FetchRequest, request);
        const { operator, incarnation, fromSequence, toSequence } = asked;
        if (operator.length !== 20 || incarnation.length !== 16)
          throw new WeftError("malformed", "a track is 20 and 16 bytes", { field: "track" });
        if (fromSequence < 1 || toSequence < fromSequence || toSequence - fromSequence >= LIMIT_FETCH)
          throw new WeftError("out_of_range", `fetch 1..${LIMIT_FETCH} segments`, { field: "to_sequence" });
        const track = { operator: owned(operator), incarnation: owned(incarnation) };
        for (let next = fromSequence; next <= toSequence; ) {
          // Read in batches, so that the store is not held open while a slow peer takes them.
          const batch = take(handlers.fetch(track, next, toSequence, from), toSequence - next + 1);
          if (batch.length === 0) break;
          for (const bytes of batch) if (await flow.ready()) flow.send(frameSegment(bytes));
          if (flow.closed.aborted) return;
          next += batch.length;
        }
        flow.end();
      },
    },
    cut: {
      lane: "pager",
      async answer(_from, request) {
        const cut = handlers.cut(parse(CutRequest, request).number);
        const empty = new Uint8Array(0);
        return framed(CutReply, cut ? { found: true, ...cut } : { found: false, checkpoint: empty, entries: empty });
      },
    },
    attest: {
      lane: "pager",
      async answer(from, request) {
        const proposal = decodeProposal(plain(parse(AttestRequest, request).proposal));
        return framed(AttestResponse, { reply: encodeAttestReply(await handlers.attest(from, proposal)) });
      },
    },
    generate: {
      lane: "plot",
      subscription: false,
      async serve(from, request, flow) {
        const order = decodeOrder(plain(parse(GenerateRequest, request).order));
        for await (const event of handlers.generate(from, order, flow.closed)) {
          if (!(await flow.ready())) return;
          flow.send(framed(GenerateMessage, { event: encodeGenerateEvent(event) }));
        }
        flow.end();
      },
    },
  };
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

import { decodeBeat } from "../core/beat.ts";
import { type Bytes, Writer } from "../core/bytes.ts";
import { writeAdvance } from "../core/cut.ts";
import { WeftError } from "../core/errors.ts";
import { decodeEvidence } from "../core/evidence.ts";
import { LIMIT_ADVANCES } from "../core/proposal.ts";
import { decodeRows } from "../core/rows.ts";
import { LIMIT_SEGMENT_BYTES } from "../core/segment.ts";
import { framed, hex, LIMIT_RELAYED, owned, parse, plain } from "./frames.ts";
import {
  PagerMessage,
  PagerSubscribe,
  PlotSubscribe,
  RowsMessage,
  RowsSubscribe,
  SegmentMessage,
} from "./generated/mesh.ts";
import type { Subscriptions } from "./transport.ts";
import type { FaultKind, Lane, PeerHandlers } from "./types.ts";

type Ports = {
  /** Whose tracks this peer shall relay to us. */
  relayed(): readonly Bytes[];
  count(lane: Lane, bytes: number): void;
  fault(kind: FaultKind, error: unknown): void;
};

/** What one peer streams to us: counted, parsed, handed over. Whatever cannot be parsed drops the stream. */
export function subscriptionsTo(peer: Bytes, handlers: PeerHandlers, { relayed, count, fault }: Ports): Subscriptions {
  const parsed = <V>(read: () => V): V | undefined => {
    try {
      return read();
    } catch (error) {
      fault("malformed", error);
      return undefined;
    }
  };
  const failed = (error: unknown): false => {
    fault("handler", error);
    return false;
  };
  const handled = (handle: () => void | Promise<void>): boolean | Promise<boolean> => {
    try {
      const handling = handle();
      return handling instanceof Promise ? handling.then(() => true, failed) : true;
    } catch (error) {
      return failed(error);
    }
  };
  /** What its handler throws on is lost, and the stream goes on. */
  const heard = (handle: () => void | Promise<void>): true | Promise<true> => {
    const taken = handled(handle);
    return taken instanceof Promise ? taken.then(() => true as const) : true;
  };
  return {
    pager: {
      request: () => framed(PagerSubscribe, {}),
      receive(frame) {
        count("pager", frame.length);
        const said = parsed(() => readPager(frame));
        if (!said) return false;
        return heard(() => (said.beat ? handlers.beat(peer, said.beat) : handlers.evidence(peer, said.evidence)));
      },
    },
    plot: {
      request() {
        const of = relayed().slice(0, LIMIT_RELAYED);
        return framed(PlotSubscribe, { heads: headsOf([peer, ...of], handlers, fault), of: [...of] });
      },
      receive(frame) {
        count("plot", frame.length);
        const bytes = parsed(() => readSegment(frame));
        // One that was not taken must come again before the next one: only a new subscription does that.
        return bytes !== undefined && handled(() => handlers.segment(peer, bytes));
      },
    },
    rows: {
      request: () => framed(RowsSubscribe, {}),
      receive(frame) {
        count("rows", frame.length);
        const shipment = parsed(() => decodeRows(plain(parse(RowsMessage, frame).rows)));
        return shipment !== undefined && heard(() => handlers.rows(peer, shipment));
      },
    },
  };
}

function readPager(frame: Buffer) {
  const { message } = parse(PagerMessage, frame);
  if (!message) throw new WeftError("malformed", "an empty pager message", { field: "pager" });
  const bytes = plain(message.value);
  if (message.$case === "beat") return { beat: decodeBeat(bytes) };
  return { evidence: decodeEvidence(bytes) };
}

/** Raw bytes of a segment, bounded. @throws WeftError `malformed` */
export function readSegment(frame: Buffer): Bytes {
  const { segment } = parse(SegmentMessage, frame);
  if (segment.length === 0 || segment.length > LIMIT_SEGMENT_BYTES)
    throw new WeftError("malformed", "not a segment", { field: "segment" });
  return owned(segment);
}

/** How far we hold what we ask for: what else we hold, the peer need not know. */
function headsOf(
  operators: readonly Bytes[],
  handlers: PeerHandlers,
  fault: (kind: FaultKind, error: unknown) => void,
): Bytes[] {
  const asked = new Set(operators.map(hex));
  try {
    return handlers
      .heads()
      .filter(({ operator }) => asked.has(hex(operator)))
      .slice(-LIMIT_ADVANCES)
      .map((head) => writeAdvance(new Writer(), head).done());
  } catch (error) {
    fault("handler", error);
    return [];
  }
}

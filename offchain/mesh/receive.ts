import { decodeBeat } from "../core/beat.ts";
import { type Bytes, Writer } from "../core/bytes.ts";
import { writeAdvance } from "../core/cut.ts";
import { WeftError } from "../core/errors.ts";
import { decodeEvidence } from "../core/evidence.ts";
import { LIMIT_ADVANCES } from "../core/proposal.ts";
import { decodeRows } from "../core/rows.ts";
import { LIMIT_SEGMENT_BYTES } from "../core/segment.ts";
import type { Subscriptions } from "./link.ts";
import type { FaultKind, Lane, MeshHandlers } from "./types.ts";
import { owned, plain } from "./wire.ts";

/** What one peer streams to us: counted, parsed, handed over. Whatever cannot be parsed drops the stream. */
export function subscriptionsTo(
  peer: Bytes,
  handlers: MeshHandlers,
  count: (lane: Lane, bytes: number) => void,
  fault: (kind: FaultKind, error: unknown) => void,
): Subscriptions {
  const parsed = <V>(read: () => V): V | undefined => {
    try {
      return read();
    } catch (error) {
      fault("malformed", error);
      return undefined;
    }
  };
  const handled = async (handle: () => void | Promise<void>): Promise<boolean> => {
    try {
      await handle();
      return true;
    } catch (error) {
      fault("handler", error);
      return false;
    }
  };
  const unreadable = (what: string): false => {
    fault("malformed", new WeftError("malformed", `not a ${what}`, { field: what }));
    return false;
  };
  return {
    pager: {
      open: (client, metadata) => client.pager({}, metadata),
      async receive({ message }) {
        if (!message) return unreadable("pager message");
        count("pager", message.value.length);
        const bytes = plain(message.value);
        if (message.$case === "beat") {
          const beat = parsed(() => decodeBeat(bytes));
          if (!beat) return false;
          await handled(() => handlers.beat(peer, beat));
        } else {
          const evidence = parsed(() => decodeEvidence(bytes));
          if (!evidence) return false;
          await handled(() => handlers.evidence(peer, evidence));
        }
        return true;
      },
    },
    plot: {
      open(client, metadata) {
        const heads = heldOf(peer, handlers, fault).slice(-LIMIT_ADVANCES);
        return client.plot({ heads: heads.map((head) => writeAdvance(new Writer(), head).done()) }, metadata);
      },
      async receive({ segment }) {
        count("plot", segment.length);
        if (segment.length === 0 || segment.length > LIMIT_SEGMENT_BYTES) return unreadable("segment");
        // One that was not taken must come again before the next one: only a new subscription does that.
        return handled(() => handlers.segment(peer, owned(segment)));
      },
    },
    rows: {
      open: (client, metadata) => client.rows({}, metadata),
      async receive({ rows }) {
        count("rows", rows.length);
        const shipment = parsed(() => decodeRows(plain(rows)));
        if (!shipment) return false;
        await handled(() => handlers.rows(peer, shipment));
        return true;
      },
    },
  };
}

function heldOf(peer: Bytes, handlers: MeshHandlers, fault: (kind: FaultKind, error: unknown) => void) {
  try {
    return handlers.heldOf(peer);
  } catch (error) {
    fault("handler", error);
    return [];
  }
}

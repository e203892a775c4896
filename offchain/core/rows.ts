import { type Bytes, Reader, Writer } from "./bytes.ts";
import type { TrackKey } from "./segment.ts";
import type { Place } from "./snapshot.ts";

/** The rows of one `Tokens` snapshot, named by its place. Believed only when they hash to the signed digest there. */
export type RowsShipment = TrackKey & { place: Place; rows: Bytes };

export const LIMIT_ROWS_BYTES = 4 * 1024 * 1024;

export function encodeRows({ operator, incarnation, place, rows }: RowsShipment): Bytes {
  return new Writer()
    .fixed(operator, 20)
    .fixed(incarnation, 16)
    .u64(place.sequence)
    .u32(place.index)
    .bytes(rows)
    .done();
}

export function decodeRows(bytes: Bytes): RowsShipment {
  const from = new Reader(bytes, "rows");
  const shipment = {
    operator: from.fixed(20),
    incarnation: from.fixed(16),
    place: { sequence: from.u64(), index: from.u32() },
    rows: from.bytes(LIMIT_ROWS_BYTES),
  };
  from.end();
  return shipment;
}

import { crc32 } from "node:zlib";
import { type Bytes, Writer } from "../core/bytes.ts";
import { LIMIT_ROWS_BYTES } from "../core/rows.ts";
import type { TrackKey } from "../core/segment.ts";
import type { Place } from "../core/snapshot.ts";

/** magic ‖ key ‖ length ‖ CRC of the rows ‖ CRC of all before; then the rows. */
export const MAGIC = Buffer.from("WeftRows", "latin1");
const KEY_BYTES = 20 + 16 + 8 + 4;
export const HEADER_BYTES = MAGIC.length + KEY_BYTES + 4 + 4 + 4;

/** A key as a string of one byte a character, which is what a map holds cheapest. */
export type RowKey = string;
export type RecordHeader = { key: RowKey; length: number; crc: number };

function keyBytes({ operator, incarnation }: TrackKey, place: Place): Bytes {
  return new Writer().fixed(operator, 20).fixed(incarnation, 16).u64(place.sequence).u32(place.index).done();
}

export function rowKey(track: TrackKey, place: Place): RowKey {
  return Buffer.from(keyBytes(track, place)).toString("latin1");
}

export function encodeRecordHeader({ key, length, crc }: RecordHeader): Buffer {
  const out = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(out);
  out.write(key, MAGIC.length, "latin1");
  out.writeUInt32BE(length, HEADER_BYTES - 12);
  out.writeUInt32BE(crc, HEADER_BYTES - 8);
  out.writeUInt32BE(crc32(out.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4);
  return out;
}

/** Undefined for anything but a whole, unharmed header. */
export function decodeRecordHeader(bytes: Buffer): RecordHeader | undefined {
  if (bytes.length < HEADER_BYTES || bytes.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) !== 0) return undefined;
  if (bytes.readUInt32BE(HEADER_BYTES - 4) !== crc32(bytes.subarray(0, HEADER_BYTES - 4))) return undefined;
  const length = bytes.readUInt32BE(HEADER_BYTES - 12);
  if (length > LIMIT_ROWS_BYTES) return undefined;
  const key = bytes.toString("latin1", MAGIC.length, MAGIC.length + KEY_BYTES);
  return { key, length, crc: bytes.readUInt32BE(HEADER_BYTES - 8) };
}

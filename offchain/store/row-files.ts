import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  unlinkSync,
  writevSync,
} from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Bytes } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import { LIMIT_ROWS_BYTES } from "../core/rows.ts";
import type { TrackKey } from "../core/segment.ts";
import type { Place } from "../core/snapshot.ts";
import { decodeRecordHeader, encodeRecordHeader, HEADER_BYTES, MAGIC, type RowKey, rowKey } from "./row-record.ts";

type RowFile = { name: string; number: number; handle: number; size: number; keys: Set<RowKey> };
type Found = { file: RowFile; at: number; length: number; crc: number };

export type RowStats = {
  files: number;
  bytes: number;
  records: number;
  /** Harmed records and tails that were passed over. */
  dropped: number;
  /** Records that the disk did not take. */
  failed: number;
};

const CHUNK = 1024 * 1024;
const FILES_PER_CAP = 16;

/**
 * A cache of rows in append-only files, within a cap. Nothing is synced and nothing here ever stops a worker: what is
 * torn, harmed or does not fit is dropped and counted, and rows are believed only when they hash to a signed digest.
 */
export class RowFiles {
  readonly #folder: string;
  readonly #cap: number;
  readonly #index = new Map<RowKey, Found>();
  #files: RowFile[] = [];
  #bytes = 0;
  #dropped = 0;
  #failed = 0;
  #closed = false;

  private constructor(folder: string, cap: number) {
    this.#folder = folder;
    this.#cap = cap;
  }

  static open(folder: string, cap: number): RowFiles {
    const rows = new RowFiles(folder, cap);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      for (const name of readdirSync(folder)
        .filter((file) => /^\d{10}\.rows$/.test(file))
        .sort())
        rows.#add(name);
    } catch (cause) {
      rows.close();
      throw new WeftError("store_readonly", `cannot open the row files in ${folder}`, {
        cause,
        field: "rows",
        remedy: "make the folder writable for this user, or delete it: rows are a cache",
      });
    }
    rows.#shrink(0);
    return rows;
  }

  #add(name: string): RowFile {
    const handle = openSync(join(this.#folder, name), constants.O_RDWR | constants.O_CREAT, 0o600);
    const file: RowFile = { name, number: Number.parseInt(name, 10), handle, size: 0, keys: new Set() };
    this.#files.push(file);
    this.#scan(file, fstatSync(handle).size);
    this.#bytes += file.size;
    return file;
  }

  /** Reads headers only; rows are checked when they are read. A torn tail is cut off. */
  #scan(file: RowFile, size: number): void {
    const header = Buffer.alloc(HEADER_BYTES);
    let at = 0;
    while (at < size) {
      const got = readSync(file.handle, header, 0, HEADER_BYTES, at);
      const record = decodeRecordHeader(header.subarray(0, got));
      if (record && at + HEADER_BYTES + record.length <= size) {
        this.#put(record.key, { file, at: at + HEADER_BYTES, length: record.length, crc: record.crc });
        at += HEADER_BYTES + record.length;
        file.size = at;
      } else {
        this.#dropped += 1;
        at = this.#resume(file, at + 1, size);
      }
    }
    if (file.size < size) ftruncateSync(file.handle, file.size);
  }

  /** The next place after harm where a whole record stands. */
  #resume(file: RowFile, from: number, size: number): number {
    const chunk = Buffer.alloc(CHUNK);
    const header = Buffer.alloc(HEADER_BYTES);
    let at = from;
    while (at < size) {
      const got = readSync(file.handle, chunk, 0, CHUNK, at);
      if (got === 0) break;
      const bytes = chunk.subarray(0, got);
      for (let i = bytes.indexOf(MAGIC); i >= 0; i = bytes.indexOf(MAGIC, i + 1)) {
        const candidate = header.subarray(0, readSync(file.handle, header, 0, HEADER_BYTES, at + i));
        const record = decodeRecordHeader(candidate);
        if (record && at + i + HEADER_BYTES + record.length <= size) return at + i;
      }
      // A magic may lie across the border of two chunks.
      at += got < CHUNK ? got : CHUNK - MAGIC.length + 1;
    }
    return size;
  }

  #put(key: RowKey, found: Found): void {
    this.#index.get(key)?.file.keys.delete(key);
    this.#index.set(key, found);
    found.file.keys.add(key);
  }

  #forget(key: RowKey): void {
    this.#index.get(key)?.file.keys.delete(key);
    this.#index.delete(key);
  }

  /** Deletes the oldest files until `more` bytes fit. */
  #shrink(more: number): void {
    while (this.#files.length > 0 && this.#bytes + more > this.#cap) {
      const oldest = this.#files.shift() as RowFile;
      for (const key of oldest.keys) this.#index.delete(key);
      this.#bytes -= oldest.size;
      try {
        closeSync(oldest.handle);
        unlinkSync(join(this.#folder, oldest.name));
      } catch {
        this.#failed += 1;
      }
    }
  }

  #writable(): RowFile {
    const last = this.#files.at(-1);
    if (last && last.size < this.#cap / FILES_PER_CAP) return last;
    return this.#add(`${String((last?.number ?? 0) + 1).padStart(10, "0")}.rows`);
  }

  /** The last rows of a place are the ones that are read. */
  append(track: TrackKey, place: Place, rows: Bytes): void {
    if (rows.length > LIMIT_ROWS_BYTES)
      throw new WeftError("too_large", `rows of ${rows.length} bytes are more than ${LIMIT_ROWS_BYTES}`, {
        field: "rows",
      });
    const key = rowKey(track, place);
    const crc = crc32(rows);
    const held = this.#index.get(key);
    if (held && held.length === rows.length && held.crc === crc) return;
    const size = HEADER_BYTES + rows.length;
    if (this.#closed || size > this.#cap) {
      this.#failed += 1;
      return;
    }
    this.#shrink(size);
    try {
      const file = this.#writable();
      // At a position of our own: what a failed write left there is overwritten by the next.
      const header = encodeRecordHeader({ key, length: rows.length, crc });
      if (writevSync(file.handle, [header, rows], file.size) !== size) {
        this.#failed += 1;
        return;
      }
      this.#put(key, { file, at: file.size + HEADER_BYTES, length: rows.length, crc });
      file.size += size;
      this.#bytes += size;
    } catch {
      this.#failed += 1;
    }
  }

  has(track: TrackKey, place: Place): boolean {
    return this.#index.has(rowKey(track, place));
  }

  read(track: TrackKey, place: Place): Bytes | undefined {
    const key = rowKey(track, place);
    const found = this.#index.get(key);
    if (!found) return undefined;
    const rows = new Uint8Array(found.length);
    try {
      const got = readSync(found.file.handle, rows, 0, found.length, found.at);
      if (got === found.length && crc32(rows) === found.crc) return rows;
    } catch {
      // Counted below: rows that cannot be read are rows that are not there.
    }
    this.#forget(key);
    this.#dropped += 1;
    return undefined;
  }

  stats(): RowStats {
    return {
      files: this.#files.length,
      bytes: this.#bytes,
      records: this.#index.size,
      dropped: this.#dropped,
      failed: this.#failed,
    };
  }

  close(): void {
    this.#closed = true;
    for (const file of this.#files) closeSync(file.handle);
    this.#files = [];
    this.#index.clear();
    this.#bytes = 0;
  }
}

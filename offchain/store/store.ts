import { join } from "node:path";
import type { Bytes } from "../core/bytes.ts";
import type { ChainLog } from "../core/chain.ts";
import { encodeCheckpoint } from "../core/checkpoint.ts";
import { encodeEntries } from "../core/cut.ts";
import type { Disk, StoreRecord } from "../core/events.ts";
import { decodeEvidence, encodeEvidence } from "../core/evidence.ts";
import { decodeSegment, encodeSegment, type TrackKey } from "../core/segment.ts";
import { sqliteChainLog } from "./chain-log.ts";
import { CheckpointTable, type KeptCheckpoint } from "./checkpoints.ts";
import { CheckTable } from "./checks.ts";
import { guarded, openDatabase } from "./database.ts";
import { MemoryTable } from "./memories.ts";
import { MemoryNameTable } from "./memory-names.ts";
import { RowFiles } from "./row-files.ts";
import type { Identity } from "./schema.ts";
import { Sql } from "./sql.ts";
import { TaughtTable } from "./taught.ts";
import { type StoredHead, type StoredSegment, TrackTable } from "./tracks.ts";

export type { StoredHead, StoredSegment };
/** `entries` as `encodeEntries` makes them; undefined once they are forgotten. */
export type StoredCheckpoint = { number: number; hash: Bytes; checkpoint: Bytes; entries: Bytes | undefined };
export type Report = { kind: string; author: Bytes; details: Json };
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export type StoreOptions = {
  identity: Identity;
  /** Called at named points around each fsync, so that tests can kill the process there. */
  failpoint?(name: string): void;
  /** Most bytes of row files on disk. */
  rowsBytes?: number;
  /** Most bytes of everything else; writes beyond it throw `disk_full`. Without it the disk is the limit. */
  databaseBytes?: number;
};

/** Reports are for people; the oldest go. */
export const KEPT_REPORTS = 10_000;
/** Checkpoints that a worker reads when it starts. */
const RECALLED_CHECKPOINTS = 64;
const DEFAULT_ROWS_BYTES = 256 * 1024 * 1024;

/** Where a write of these can be cut short by a test, beside `store`, where every write can be. */
const POINTS: Record<StoreRecord["type"], string> = {
  segment: "store",
  evidence: "store.evidence",
  attested: "store.attested",
  checkpoint: "store.checkpoint",
  memory: "store.memory",
  "drop-checkpoints": "store.drop",
  "prune-checkpoints": "store.drop",
  rewind: "store.drop",
  base: "store.drop",
};

/**
 * Everything that a worker must not forget. What a method returned from is on disk; what one threw from left no trace.
 */
export class Store {
  readonly chainLog: ChainLog;
  readonly rows: RowFiles;
  readonly memoryNames: MemoryNameTable;
  readonly checks: CheckTable;
  readonly taught: TaughtTable;
  readonly #sql: Sql;
  readonly #tracks: TrackTable;
  readonly #checkpoints: CheckpointTable;
  readonly #memories: MemoryTable;
  readonly #close: () => void;

  private constructor(folder: string, options: StoreOptions) {
    const { db, close } = openDatabase(folder, options.identity, options.databaseBytes);
    try {
      this.#close = close;
      this.#sql = new Sql(db, options.failpoint ?? (() => {}));
      this.#tracks = new TrackTable(this.#sql);
      this.#checkpoints = new CheckpointTable(this.#sql);
      this.#memories = new MemoryTable(this.#sql);
      this.memoryNames = new MemoryNameTable(this.#sql);
      this.checks = new CheckTable(this.#sql);
      this.taught = new TaughtTable(this.#sql);
      this.chainLog = sqliteChainLog(db, (what, work) => this.#sql.durably([`store.${what}`], work));
      this.rows = RowFiles.open(join(folder, "rows"), options.rowsBytes ?? DEFAULT_ROWS_BYTES);
    } catch (error) {
      close();
      throw error;
    }
  }

  /** @throws WeftError `store_in_use`, `store_of_another`, `store_too_new`, `store_corrupt`, `store_readonly` */
  static open(folder: string, options: StoreOptions): Store {
    return new Store(folder, options);
  }

  #durably(points: Iterable<string>, work: () => void): void {
    try {
      this.#sql.durably(points, work);
    } catch (error) {
      this.#tracks.forget();
      this.#checkpoints.forget();
      throw error;
    }
  }

  /**
   * All of them, in their order, in one transaction and with one fsync. What is held already is held once.
   * @throws WeftError `conflict` when another segment or checkpoint stands at a place; `disk_full`, `disk_error`
   */
  write(records: readonly StoreRecord[]): void {
    if (records.length === 0) return;
    const points = new Set(["store", ...records.map(({ type }) => POINTS[type])]);
    this.#durably(points, () => {
      for (const record of records) this.#put(record);
    });
  }

  #put(record: StoreRecord): void {
    switch (record.type) {
      case "segment": {
        const { operator, incarnation, sequence } = record.segment.header;
        const bytes = encodeSegment(record.segment);
        this.#tracks.put({ operator, incarnation, sequence, hash: record.hash, bytes });
        break;
      }
      case "evidence": {
        // The first against an operator stays: more evidence changes nothing.
        const put = "INSERT INTO evidence (operator, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING";
        this.#sql.run(put, record.operator, encodeEvidence(record.evidence));
        break;
      }
      case "attested":
        this.#sql.run("INSERT INTO attested VALUES (?, ?) ON CONFLICT DO NOTHING", record.number, record.hash);
        break;
      case "checkpoint": {
        const { number, hash, checkpoint, cut } = record;
        this.#checkpoints.put(number, hash, encodeCheckpoint(checkpoint), cut.entries);
        break;
      }
      case "memory":
        this.#memories.put(record);
        break;
      case "drop-checkpoints":
        this.#checkpoints.dropFrom(record.from);
        break;
      case "prune-checkpoints":
        this.#checkpoints.prune(record.before);
        // Nobody may ask for these any more, nor accuse who attested to them.
        this.#sql.run("DELETE FROM attested WHERE number < ?", record.before);
        break;
      case "rewind":
        this.#tracks.dropAfter(record.track, record.to);
        break;
      case "base":
        this.#tracks.begin(record.base);
    }
  }

  /** What a worker that starts reads; each part anew whenever it is asked for. */
  disk(): Disk {
    const [tracks, checkpoints, memories, chainLog] = [this.#tracks, this.#checkpoints, this.#memories, this.chainLog];
    return {
      *checkpoints() {
        for (const { number, hash, entries } of checkpoints.since(checkpoints.late(RECALLED_CHECKPOINTS)))
          if (entries) yield { number, hash, entries };
      },
      cut(number) {
        const { hash, entries } = checkpoints.at(number) ?? {};
        return hash && entries && { hash, entries };
      },
      memory: () => memories.base(),
      chain: () => ({ events: chainLog.events(), time: chainLog.blocks().at(-1)?.timestamp ?? 0 }),
      bases: () => tracks.bases(),
      *segments() {
        for (const { hash, bytes } of tracks.all()) yield { segment: decodeSegment(bytes), hash };
      },
      evidence: () => this.evidence().map(({ bytes }) => decodeEvidence(bytes)),
    };
  }

  segment(track: TrackKey, sequence: number): StoredSegment | undefined {
    return this.#tracks.segment(track, sequence);
  }

  /** From `from` to `to`, both included, ascending; what is not held is left out. */
  segments(track: TrackKey, from: number, to: number): Generator<StoredSegment> {
    return this.#tracks.segments(track, from, to);
  }

  /** Track after track, each ascending. */
  allSegments(): Generator<StoredSegment> {
    return this.#tracks.all();
  }

  heads(): StoredHead[] {
    return this.#tracks.heads();
  }

  evidence(): { operator: Bytes; bytes: Bytes }[] {
    return this.#sql.all("SELECT operator, bytes FROM evidence ORDER BY id");
  }

  checkpoint(number: number): StoredCheckpoint | undefined {
    const kept = this.#checkpoints.at(number);
    return kept && encoded(kept);
  }

  /** Ascending by number. */
  *checkpoints(): Generator<StoredCheckpoint> {
    for (const kept of this.#checkpoints.since(0)) yield encoded(kept);
  }

  /** The checkpoints that we attested to, of one number. */
  attested(number: number): Bytes[] {
    return this.#sql.all<{ hash: Bytes }>("SELECT hash FROM attested WHERE number = ?", number).map(({ hash }) => hash);
  }

  putReport({ kind, author, details }: Report): void {
    this.#durably(["store.report"], () => {
      const put = "INSERT INTO reports (kind, author, details) VALUES (?, ?, ?)";
      const { rowid } = this.#sql.run(put, kind, author, JSON.stringify(details));
      this.#sql.run("DELETE FROM reports WHERE id <= ?", rowid - KEPT_REPORTS);
    });
  }

  reports(): Report[] {
    return this.#sql
      .all<Report & { details: string }>("SELECT kind, author, details FROM reports ORDER BY id")
      .map((report) => ({ ...report, details: JSON.parse(report.details) }));
  }

  close(): void {
    this.rows.close();
    guarded(this.#close);
  }
}

function encoded({ entries, ...kept }: KeptCheckpoint): StoredCheckpoint {
  return { ...kept, entries: entries && encodeEntries(entries) };
}

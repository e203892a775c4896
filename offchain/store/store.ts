import { join } from "node:path";
import type { Statement } from "better-sqlite3";
import { type Bytes, equal, toHex } from "../core/bytes.ts";
import type { ChainLog } from "../core/chain.ts";
import { WeftError } from "../core/errors.ts";
import type { TrackKey } from "../core/segment.ts";
import { sqliteChainLog } from "./chain-log.ts";
import { type Db, guarded, type Identity, openDatabase } from "./database.ts";
import { RowFiles } from "./row-files.ts";

export type StoredSegment = TrackKey & { sequence: number; hash: Bytes; bytes: Bytes };
export type StoredHead = TrackKey & { sequence: number; hash: Bytes };
export type StoredCheckpoint = { number: number; hash: Bytes; checkpoint: Bytes; entries: Bytes };
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
const DEFAULT_ROWS_BYTES = 256 * 1024 * 1024;
/** Segments read at a time: iterators hold no cursor, so writes go on between two steps. */
const PAGE = 32;

type Row = Record<string, unknown>;

/** Callers compare and slice bytes, and Node's Buffer does the latter differently. */
function unbuffered<T>(row: unknown): T {
  const out: Row = {};
  for (const [key, value] of Object.entries(row as Row))
    out[key] = Buffer.isBuffer(value) ? new Uint8Array(value.buffer, value.byteOffset, value.length) : value;
  return out as T;
}

const SEGMENT = "operator, incarnation, sequence, hash, bytes FROM segments JOIN tracks ON tracks.id = track";

/**
 * Everything that a worker must not forget. What a method returned from is on disk; what one threw from left no trace.
 */
export class Store {
  readonly chainLog: ChainLog;
  readonly rows: RowFiles;
  readonly #db: Db;
  readonly #close: () => void;
  readonly #failpoint: (name: string) => void;
  readonly #statements = new Map<string, Statement>();
  readonly #tracks = new Map<string, number>();

  private constructor(folder: string, options: StoreOptions) {
    const { db, close } = openDatabase(folder, options.identity, options.databaseBytes);
    try {
      this.#db = db;
      this.#close = close;
      this.#failpoint = options.failpoint ?? (() => {});
      this.chainLog = sqliteChainLog(db, (what, work) => this.#durably(`store.${what}`, work));
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

  #sql(text: string): Statement {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /** One transaction, one fsync: when this returns, `work` is on disk; when it throws, nothing of it is. */
  #durably(point: string, work: () => void): void {
    guarded(() => {
      this.#db
        .transaction(() => {
          work();
          this.#failpoint(`${point}.before-fsync`);
        })
        .immediate();
    });
    this.#failpoint(`${point}.after-fsync`);
  }

  #all<T>(sql: string, ...values: unknown[]): T[] {
    return guarded(() =>
      this.#sql(sql)
        .all(...values)
        .map((row) => unbuffered<T>(row)),
    );
  }

  #one<T>(sql: string, ...values: unknown[]): T | undefined {
    return this.#all<T>(sql, ...values)[0];
  }

  #track({ operator, incarnation }: TrackKey): number | undefined {
    const name = toHex(operator) + toHex(incarnation);
    const known = this.#tracks.get(name);
    if (known !== undefined) return known;
    const found = this.#one<{ id: number }>(
      "SELECT id FROM tracks WHERE operator = ? AND incarnation = ?",
      operator,
      incarnation,
    );
    if (found) this.#tracks.set(name, found.id);
    return found?.id;
  }

  /** @throws WeftError `conflict` when another segment stands at one of the places; then none is kept. */
  appendSegments(segments: readonly StoredSegment[]): void {
    if (segments.length === 0) return;
    // A track that is new in a transaction that fails has no id, so ids are remembered only after it.
    const fresh = new Map<string, number>();
    this.#durably("store", () => {
      for (const segment of segments) {
        const { operator, incarnation, sequence, hash, bytes } = segment;
        const name = toHex(operator) + toHex(incarnation);
        let track = fresh.get(name) ?? this.#track(segment);
        if (track === undefined) {
          const added = this.#sql("INSERT INTO tracks (operator, incarnation) VALUES (?, ?)").run(
            operator,
            incarnation,
          );
          track = Number(added.lastInsertRowid);
          fresh.set(name, track);
        }
        const put = this.#sql("INSERT INTO segments VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
        if (put.run(track, sequence, hash, bytes).changes === 1) continue;
        // The signature is not part of the hash: the same header signed again is the same segment.
        const held = this.#segment(track, sequence);
        if (!held || !equal(held.hash, hash))
          throw new WeftError("conflict", `another segment stands at ${sequence} of a track of ${toHex(operator)}`, {
            field: "sequence",
            remedy: "keep both headers as evidence",
          });
      }
    });
    for (const [name, track] of fresh) this.#tracks.set(name, track);
  }

  /** Forgets a track from `sequence` on: the chain took the other fork. */
  dropTrackFrom(track: TrackKey, sequence: number): void {
    const id = this.#track(track);
    if (id === undefined) return;
    this.#durably("store.drop", () => {
      this.#sql("DELETE FROM segments WHERE track = ? AND sequence >= ?").run(id, sequence);
    });
  }

  #segment(track: number, sequence: number): StoredSegment | undefined {
    return this.#one(`SELECT ${SEGMENT} WHERE track = ? AND sequence = ?`, track, sequence);
  }

  segment(track: TrackKey, sequence: number): StoredSegment | undefined {
    const id = this.#track(track);
    return id === undefined ? undefined : this.#segment(id, sequence);
  }

  /** From `from` to `to`, both included, ascending; what is not held is left out. */
  *segments(track: TrackKey, from: number, to: number): Generator<StoredSegment> {
    const id = this.#track(track);
    if (id === undefined) return;
    let next = from;
    while (next <= to) {
      const sql = `SELECT ${SEGMENT} WHERE track = ? AND sequence BETWEEN ? AND ? ORDER BY sequence LIMIT ${PAGE}`;
      const page = this.#all<StoredSegment>(sql, id, next, to);
      if (page.length === 0) return;
      yield* page;
      next = page[page.length - 1].sequence + 1;
    }
  }

  /** Track after track, each ascending. */
  *allSegments(): Generator<StoredSegment> {
    for (const { operator, incarnation } of this.#all<TrackKey>("SELECT operator, incarnation FROM tracks ORDER BY id"))
      yield* this.segments({ operator, incarnation }, 0, Number.MAX_SAFE_INTEGER);
  }

  heads(): StoredHead[] {
    return this.#all(
      `SELECT operator, incarnation, sequence, hash FROM tracks JOIN segments ON segments.track = tracks.id
       AND sequence = (SELECT max(sequence) FROM segments WHERE track = tracks.id) ORDER BY tracks.id`,
    );
  }

  /** The first against an operator stays: more evidence changes nothing. */
  putEvidence(operator: Bytes, bytes: Bytes): void {
    this.#durably("store.evidence", () => {
      this.#sql("INSERT INTO evidence (operator, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING").run(operator, bytes);
    });
  }

  evidence(): { operator: Bytes; bytes: Bytes }[] {
    return this.#all("SELECT operator, bytes FROM evidence ORDER BY id");
  }

  /** @throws WeftError `conflict` when another checkpoint has this number; drop it first. */
  putCheckpoint({ number, hash, checkpoint, entries }: StoredCheckpoint): void {
    this.#durably("store.checkpoint", () => {
      const put = this.#sql("INSERT INTO checkpoints VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
      if (put.run(number, hash, checkpoint, entries).changes === 1) return;
      const held = this.checkpoint(number);
      if (!held || !equal(held.hash, hash))
        throw new WeftError("conflict", `another checkpoint has number ${number}`, {
          field: "number",
          remedy: "drop the checkpoints from this number on first",
        });
    });
  }

  checkpoint(number: number): StoredCheckpoint | undefined {
    return this.#one("SELECT number, hash, checkpoint, entries FROM checkpoints WHERE number = ?", number);
  }

  /** Ascending by number. */
  *checkpoints(): Generator<StoredCheckpoint> {
    const sql = "SELECT number, hash, checkpoint, entries FROM checkpoints WHERE number > ? ORDER BY number LIMIT 1";
    let next = this.#one<StoredCheckpoint>(sql, -1);
    while (next) {
      yield next;
      next = this.#one<StoredCheckpoint>(sql, next.number);
    }
  }

  dropCheckpointsFrom(number: number): void {
    this.#durably("store.drop", () => {
      this.#sql("DELETE FROM checkpoints WHERE number >= ?").run(number);
    });
  }

  /** To be called before the signature leaves. A node may attest to several true proposals for one number. */
  putAttested(number: number, hash: Bytes): void {
    this.#durably("store.attested", () => {
      this.#sql("INSERT INTO attested VALUES (?, ?) ON CONFLICT DO NOTHING").run(number, hash);
    });
  }

  attested(number: number): Bytes[] {
    return this.#all<{ hash: Bytes }>("SELECT hash FROM attested WHERE number = ?", number).map(({ hash }) => hash);
  }

  putReport({ kind, author, details }: Report): void {
    this.#durably("store.report", () => {
      const put = this.#sql("INSERT INTO reports (kind, author, details) VALUES (?, ?, ?)");
      const { lastInsertRowid } = put.run(kind, author, JSON.stringify(details));
      this.#sql("DELETE FROM reports WHERE id <= ?").run(Number(lastInsertRowid) - KEPT_REPORTS);
    });
  }

  reports(): Report[] {
    return this.#all<Report & { details: string }>("SELECT kind, author, details FROM reports ORDER BY id").map(
      (report) => ({ ...report, details: JSON.parse(report.details) }),
    );
  }

  close(): void {
    this.rows.close();
    guarded(this.#close);
  }
}

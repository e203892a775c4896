import { type Bytes, concat, fromHex, toHex } from "../../core/bytes.ts";
import type { Hashing } from "../../core/ports.ts";
import { type Segment, trackId, turnId } from "../../core/segment.ts";
import { decodeSnapshot, type SaltedSnapshot, type Snapshot } from "../../core/snapshot.ts";
import type { Sql } from "../sql.ts";
import { CONTENT_SCHEMA } from "./tables.ts";
import type { Advanced, CheckedHeader, Roots } from "./verify.ts";

type Row = Record<string, string | number | null>;

const KEEP_SEGMENTS = `
  WITH segments AS (
    INSERT INTO ${CONTENT_SCHEMA}.segment
    SELECT $1, x.* FROM json_to_recordset($2::json) AS x(
      segment_index integer, hash text, operator text, incarnation text, sequence bigint, previous text,
      snapshots_root text, snapshot_count integer, signature text, siblings text)
    ON CONFLICT DO NOTHING
  ), snapshots AS (
    INSERT INTO ${CONTENT_SCHEMA}.snapshot
    SELECT $1, segment_index, snapshot_index, kind, turn, first, count, request_id, length, reason,
      decode(salt, 'hex'), decode(body, 'hex')
    FROM json_to_recordset($3::json) AS x(
      segment_index integer, snapshot_index integer, kind text, turn text, first integer, count integer,
      request_id text, length integer, reason text, salt text, body text)
    ON CONFLICT DO NOTHING
  ), entries AS (
    INSERT INTO ${CONTENT_SCHEMA}.cut_entry
    SELECT $1, x.* FROM json_to_recordset($4::json) AS x(
      slot integer, operator text, incarnation text, sequence bigint, head text, first integer, count integer)
    ON CONFLICT DO NOTHING
  )
  INSERT INTO ${CONTENT_SCHEMA}.collected VALUES ($1, $5, $6)
  ON CONFLICT (checkpoint_hash) DO UPDATE
    SET segments = greatest(collected.segments, excluded.segments), whole = collected.whole OR excluded.whole`;

/** Keeps what was verified. One statement for each step, so that a step is there or is not. */
export class ContentStore {
  readonly #sql: Sql;
  readonly #h: Hashing;
  readonly #checkpoints: string;

  constructor(sql: Sql, hashing: Hashing, databaseSchema: string) {
    this.#sql = sql;
    this.#h = hashing;
    this.#checkpoints = `"${databaseSchema}".checkpoint`;
  }

  /**
   * Checkpoints from number `since` on that are committed, and not whole here, but for `deferred`; the lowest first.
   * `done` is the number of segments that are here already.
   */
  async missing(since: number, deferred: readonly string[], limit: number): Promise<(Roots & { done: number })[]> {
    const rows = await this.#sql.query<Record<string, string> & { number: number; done: number }>(
      `SELECT c.hash, c.number, c.cut_root, c.entry_count, c.segments_root, c.segment_count, coalesce(p.segments, 0) AS done
       FROM ${this.#checkpoints} c LEFT JOIN ${CONTENT_SCHEMA}.collected p ON p.checkpoint_hash = c.hash
       WHERE c.number >= $1 AND p.whole IS NOT TRUE
         AND c.hash NOT IN (SELECT json_array_elements_text($2::json))
       ORDER BY c.number LIMIT $3`,
      [since, JSON.stringify(deferred), limit],
    );
    return rows.map((row) => ({
      hash: row["hash"],
      number: row.number,
      cutRoot: fromHex(row["cut_root"], 32),
      entryCount: Number(row["entry_count"]),
      segmentsRoot: fromHex(row["segments_root"], 32),
      segmentCount: Number(row["segment_count"]),
      done: row.done,
    }));
  }

  async counts(): Promise<{ committed: number; collected: number }> {
    const [row] = await this.#sql.query<{ committed: string; collected: string }>(
      `SELECT count(*) AS committed, count(p.checkpoint_hash) AS collected FROM ${this.#checkpoints} c
       LEFT JOIN ${CONTENT_SCHEMA}.collected p ON p.checkpoint_hash = c.hash AND p.whole`,
    );
    return { committed: Number(row.committed), collected: Number(row.collected) };
  }

  /** The next segments of a checkpoint, the first of which has index `from`. With the last of them it is whole. */
  async keep(
    roots: Roots,
    advanced: readonly Advanced[],
    headers: readonly CheckedHeader[],
    from: number,
    segments: readonly Segment[],
  ): Promise<void> {
    const done = from + segments.length;
    const segmentRows = segments.map((_, i) => segmentRow(from + i, headers[from + i]));
    const snapshotRows = segments.flatMap((segment, i) =>
      segment.snapshots.map((snapshot, index) => this.#snapshotRow(segment, from + i, snapshot, index)),
    );
    const entryRows = advanced.map((entry) => ({
      slot: entry.slot,
      ...hexed({ operator: entry.operator, incarnation: entry.incarnation, head: entry.head }),
      sequence: entry.sequence,
      first: entry.first,
      count: entry.count,
    }));
    const json = [segmentRows, snapshotRows, entryRows].map((rows) => JSON.stringify(rows));
    await this.#sql.query(KEEP_SEGMENTS, [roots.hash, ...json, done, done === roots.segmentCount]);
  }

  #snapshotRow({ header }: Segment, segmentIndex: number, { salt, body }: SaltedSnapshot, index: number): Row {
    const row: Row = {
      segment_index: segmentIndex,
      snapshot_index: index,
      salt: toHex(salt).slice(2),
      body: toHex(body).slice(2),
    };
    let snapshot: Snapshot;
    try {
      snapshot = decodeSnapshot(body);
    } catch {
      // Committed all the same: its attesters answer for it, and the bytes are what a court wants to see.
      return { ...row, kind: "invalid", turn: "" };
    }
    row["kind"] = snapshot.type;
    if (snapshot.type === "open") {
      const place = { sequence: header.sequence, index };
      row["turn"] = toHex(turnId(this.#h, trackId(this.#h, header), place));
      row["request_id"] = toHex(snapshot.requestId);
      row["first"] = snapshot.start.length;
      return row;
    }
    row["turn"] = toHex(snapshot.turn);
    if (snapshot.type === "tokens") {
      row["first"] = snapshot.first;
      row["count"] = snapshot.ids.length;
    } else if (snapshot.type === "learn") {
      row["first"] = snapshot.first;
      row["count"] = snapshot.count;
    } else {
      row["request_id"] = toHex(snapshot.requestId);
      row["length"] = snapshot.length;
      row["reason"] = snapshot.reason;
    }
    return row;
  }
}

function segmentRow(index: number, { header, hash, signature, siblings }: CheckedHeader): Row {
  return {
    segment_index: index,
    ...hexed({
      hash,
      operator: header.operator,
      incarnation: header.incarnation,
      previous: header.previous,
      snapshots_root: header.snapshotsRoot,
      signature,
      siblings: concat(...siblings),
    }),
    sequence: header.sequence,
    snapshot_count: header.snapshotCount,
  };
}

function hexed(fields: Record<string, Bytes>): Row {
  return Object.fromEntries(Object.entries(fields).map(([name, bytes]) => [name, toHex(bytes)]));
}

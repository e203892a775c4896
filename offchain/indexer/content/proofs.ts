import { type Bytes, fromHex, toHex } from "../../core/bytes.ts";
import type { CourtSays } from "../../core/dispute.ts";
import { WeftError } from "../../core/errors.ts";
import { listHeight } from "../../core/list-tree.ts";
import type { Hashing } from "../../core/ports.ts";
import { snapshotTree } from "../../core/segment.ts";
import { decodeSnapshot } from "../../core/snapshot.ts";
import { emptyRoots, TREE } from "../../core/tree.ts";
import type { Sql } from "../sql.ts";
import { CONTENT_SCHEMA } from "./tables.ts";

/**
 * As a worker's receipt has it, `court` too; `position` and `token` are there where a token was asked for.
 */
export type Proof = {
  number: number;
  segmentIndex: number;
  header: {
    operator: string;
    incarnation: string;
    sequence: number;
    previous: string;
    snapshotsRoot: string;
    snapshotCount: number;
  };
  signature: string;
  segmentProof: string[];
  snapshotIndex: number;
  salt: string;
  body: string;
  snapshotProof: string[];
  turn: string;
  requestId: string | null;
  court: CourtSays;
  position?: number;
  token?: number;
};

type SegmentRow = {
  checkpoint_hash: string;
  segment_count: number;
  operator: string;
  incarnation: string;
  sequence: string | number;
  previous: string;
  snapshots_root: string;
  snapshot_count: number;
  signature: string;
  siblings: string;
};
type SnapshotRow = { turn: string; salt: Bytes; body: Bytes };
type PlaceRow = { number: number; segment_index: number; snapshot_index: number; turn: string };

const HASH_BYTES = 32;

/** Proofs of what was collected. Fallen checkpoints prove nothing, so there are none of them. */
export class Proofs {
  readonly #sql: Sql;
  readonly #h: Hashing;
  readonly #checkpoints: string;
  /** What the inference court says of the turn `s.turn`. */
  readonly #court: string;

  constructor(sql: Sql, hashing: Hashing, databaseSchema: string) {
    this.#sql = sql;
    this.#h = hashing;
    this.#checkpoints = `"${databaseSchema}".checkpoint`;
    this.#court = `CASE WHEN EXISTS (SELECT 1 FROM "${databaseSchema}".void_turn v WHERE v.turn = s.turn) THEN 'void'
      WHEN EXISTS (SELECT 1 FROM "${databaseSchema}".accusation a WHERE a.turn = s.turn AND a.status = 'open')
      THEN 'accused' ELSE 'silent' END`;
  }

  /** @throws WeftError `not_found`; `not_ready` while the checkpoint's content is being collected */
  async at(number: number, segmentIndex: number, snapshotIndex: number): Promise<Proof> {
    const [checkpoint] = await this.#sql.query<{ hash: string; segment_count: number; whole: boolean | null }>(
      `SELECT c.hash, c.segment_count, p.whole FROM ${this.#checkpoints} c
       LEFT JOIN ${CONTENT_SCHEMA}.collected p ON p.checkpoint_hash = c.hash
       WHERE c.number = $1 AND c.fallen_at IS NULL`,
      [number],
    );
    if (!checkpoint) throw missing("no such checkpoint is committed", "checkpoint");
    if (segmentIndex >= checkpoint.segment_count) throw missing("the checkpoint has not so many segments", "segment");
    const [segment] = await this.#sql.query<SegmentRow>(
      `SELECT * FROM ${CONTENT_SCHEMA}.segment WHERE checkpoint_hash = $1 AND segment_index = $2`,
      [checkpoint.hash, segmentIndex],
    );
    if (!segment) throw notCollected();
    if (snapshotIndex >= segment.snapshot_count) throw missing("the segment has not so many snapshots", "snapshot");
    const snapshots = await this.#sql.query<SnapshotRow>(
      `SELECT turn, salt, body FROM ${CONTENT_SCHEMA}.snapshot
       WHERE checkpoint_hash = $1 AND segment_index = $2 ORDER BY snapshot_index`,
      [checkpoint.hash, segmentIndex],
    );
    const { turn, salt, body } = snapshots[snapshotIndex];
    return {
      number,
      segmentIndex,
      header: {
        operator: segment.operator,
        incarnation: segment.incarnation,
        sequence: Number(segment.sequence),
        previous: segment.previous,
        snapshotsRoot: segment.snapshots_root,
        snapshotCount: segment.snapshot_count,
      },
      signature: segment.signature,
      segmentProof: this.#path(segment.siblings, checkpoint.segment_count),
      snapshotIndex,
      salt: toHex(salt),
      body: toHex(body),
      snapshotProof: snapshotTree(this.#h, snapshots).proof(snapshotIndex).map(toHex),
      turn,
      ...(await this.#turn(turn)),
    };
  }

  /** Proof of one token. @throws WeftError `not_found`, `not_covered_yet` */
  async ofToken(turn: string, position: number): Promise<Proof & { position: number; token: number }> {
    const [place] = await this.#places("s.turn = $1 AND s.first <= $2 AND s.first + s.count > $2", [turn, position]);
    if (place) return this.#tokenAt(place, position);
    const known = await this.#sql.query<{ kind: string }>(
      `SELECT s.kind FROM ${CONTENT_SCHEMA}.snapshot s JOIN ${this.#checkpoints} c ON c.hash = s.checkpoint_hash
       WHERE s.turn = $1 AND s.kind IN ('open', 'close') AND c.fallen_at IS NULL`,
      [turn],
    );
    if (known.length === 0) throw missing("no collected checkpoint has this turn", "turn");
    if (known.some(({ kind }) => kind === "close")) throw missing("the turn has no token of its own there", "position");
    throw new WeftError("not_covered_yet", "no committed checkpoint covers this token yet", {
      field: "position",
      remedy: "ask again after the next checkpoint",
    });
  }

  /**
   * Proof of a token of an answer, as workers give it: from the first turn in the order of checkpoints that has it. One that
   * is void comes after all others.
   * @param position the answer's first token when absent
   * @throws WeftError `not_found`
   */
  async ofAnswer(requestId: string, position?: number): Promise<Proof & { position: number; token: number }> {
    const opens = await this.#sql.query<PlaceRow & { body: Bytes }>(
      `SELECT c.number, s.segment_index, s.snapshot_index, s.turn, s.body
       FROM ${CONTENT_SCHEMA}.snapshot s JOIN ${this.#checkpoints} c ON c.hash = s.checkpoint_hash
       WHERE s.request_id = $1 AND s.kind = 'open' AND c.fallen_at IS NULL
       ORDER BY ${this.#court} = 'void', c.number, s.segment_index, s.snapshot_index`,
      [requestId],
    );
    for (const { turn, body } of opens) {
      const open = decodeSnapshot(new Uint8Array(body));
      const at = position ?? (open.type === "open" ? open.request.after.length : 0);
      const [place] = await this.#places("s.turn = $1 AND s.first <= $2 AND s.first + s.count > $2", [turn, at]);
      if (place) return this.#tokenAt(place, at);
    }
    if (opens.length > 0) throw missing("no collected turn has a token at this position", "position");
    throw missing("no collected turn answers this request", "requestId");
  }

  async #tokenAt(place: PlaceRow, position: number): Promise<Proof & { position: number; token: number }> {
    const proof = await this.at(place.number, place.segment_index, place.snapshot_index);
    const snapshot = decodeSnapshot(fromHex(proof.body));
    if (snapshot.type !== "tokens") throw new WeftError("internal", "a snapshot is not what its row says");
    return { ...proof, position, token: snapshot.ids[position - snapshot.first] };
  }

  #places(where: string, values: readonly unknown[]): Promise<PlaceRow[]> {
    return this.#sql.query<PlaceRow>(
      `SELECT c.number, s.segment_index, s.snapshot_index, s.turn
       FROM ${CONTENT_SCHEMA}.snapshot s JOIN ${this.#checkpoints} c ON c.hash = s.checkpoint_hash
       WHERE ${where} AND s.kind = 'tokens' AND c.fallen_at IS NULL
       ORDER BY c.number, s.segment_index, s.snapshot_index LIMIT 1`,
      values,
    );
  }

  async #turn(turn: string): Promise<Pick<Proof, "requestId" | "court">> {
    const [{ request_id: requestId, court }] = await this.#sql.query<{ request_id: string | null; court: CourtSays }>(
      `SELECT ${this.#court} AS court,
         (SELECT o.request_id FROM ${CONTENT_SCHEMA}.snapshot o JOIN ${this.#checkpoints} c ON c.hash = o.checkpoint_hash
          WHERE o.turn = s.turn AND o.kind = 'open' LIMIT 1) AS request_id
       FROM (SELECT $1::text AS turn) s`,
      [turn],
    );
    return { requestId, court };
  }

  /** The stored siblings, and the empty subtrees above them. */
  #path(siblings: string, count: number): string[] {
    const bytes = fromHex(siblings, HASH_BYTES * listHeight(count));
    const path: string[] = [];
    for (let at = 0; at < bytes.length; at += HASH_BYTES) path.push(toHex(bytes.subarray(at, at + HASH_BYTES)));
    const empty = emptyRoots(this.#h, TREE.segments);
    for (let level = path.length; level < TREE.segments.depth; level++) path.push(toHex(empty[level]));
    return path;
  }
}

function missing(why: string, field: string): WeftError {
  return new WeftError("not_found", why, { field });
}

function notCollected(): WeftError {
  return new WeftError("not_ready", "what the checkpoint contains is not collected yet", {
    remedy: "ask again soon, or a worker",
  });
}

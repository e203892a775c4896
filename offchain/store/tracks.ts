import { type Bytes, equal, toHex } from "../core/bytes.ts";
import { type Advance, trackName } from "../core/cut.ts";
import { WeftError } from "../core/errors.ts";
import type { TrackKey } from "../core/segment.ts";
import type { Sql } from "./sql.ts";

export type StoredSegment = TrackKey & { sequence: number; hash: Bytes; bytes: Bytes };
export type StoredHead = TrackKey & { sequence: number; hash: Bytes };

/** Segments read at a time: iterators hold no cursor, so writes go on between two steps. */
const PAGE = 32;

const SEGMENT = "operator, incarnation, sequence, hash, bytes FROM segments JOIN tracks ON tracks.id = track";

/** Tracks and their segments. What writes is called within a transaction; when that fails, `forget`. */
export class TrackTable {
  readonly #sql: Sql;
  readonly #known = new Map<string, { id: number; base: number }>();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** A transaction was undone: what is remembered of the tables may never have been. */
  forget(): void {
    this.#known.clear();
  }

  #find(track: TrackKey): { id: number; base: number } | undefined {
    const name = trackName(track);
    const known = this.#known.get(name);
    if (known) return known;
    const found = this.#sql.one<{ id: number; base: number }>(
      "SELECT id, base_sequence AS base FROM tracks WHERE operator = ? AND incarnation = ?",
      track.operator,
      track.incarnation,
    );
    if (found) this.#known.set(name, found);
    return found;
  }

  #findOrMake(track: TrackKey): { id: number; base: number } {
    const found = this.#find(track);
    if (found) return found;
    const { operator, incarnation } = track;
    const { rowid } = this.#sql.run("INSERT INTO tracks (operator, incarnation) VALUES (?, ?)", operator, incarnation);
    const made = { id: rowid, base: 0 };
    this.#known.set(trackName(track), made);
    return made;
  }

  /** What is not after the track's base is let go. @throws WeftError `conflict` when another stands at its place. */
  put(segment: StoredSegment): void {
    const { sequence, hash, bytes } = segment;
    const { id, base } = this.#findOrMake(segment);
    if (sequence <= base) return;
    const put = "INSERT INTO segments VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
    if (this.#sql.run(put, id, sequence, hash, bytes).changes === 1) return;
    // The signature is not part of the hash: the same header signed again is the same segment.
    const held = this.#segment(id, sequence);
    if (held && equal(held.hash, hash)) return;
    throw new WeftError("conflict", `another segment stands at ${sequence} of a track of ${toHex(segment.operator)}`, {
      field: "sequence",
      remedy: "keep both headers as evidence",
    });
  }

  dropAfter(track: TrackKey, sequence: number): void {
    const found = this.#find(track);
    if (found) this.#sql.run("DELETE FROM segments WHERE track = ? AND sequence > ?", found.id, sequence);
  }

  /** The track begins after `base` from now on. One that goes back leaves a gap up to what is held. */
  begin(base: Advance): void {
    const track = this.#findOrMake(base);
    const { sequence, head } = base;
    const set = "UPDATE tracks SET base_sequence = ?, base_head = ? WHERE id = ?";
    this.#sql.run(set, sequence, sequence === 0 ? null : head, track.id);
    this.#sql.run("DELETE FROM segments WHERE track = ? AND sequence <= ?", track.id, sequence);
    track.base = sequence;
  }

  /** Of the tracks that do not begin with their first segment. */
  bases(): Advance[] {
    return this.#sql.all(
      `SELECT operator, incarnation, base_sequence AS sequence, base_head AS head FROM tracks
       WHERE base_sequence > 0 ORDER BY id`,
    );
  }

  #segment(id: number, sequence: number): StoredSegment | undefined {
    return this.#sql.one(`SELECT ${SEGMENT} WHERE track = ? AND sequence = ?`, id, sequence);
  }

  segment(track: TrackKey, sequence: number): StoredSegment | undefined {
    const found = this.#find(track);
    return found && this.#segment(found.id, sequence);
  }

  *segments(track: TrackKey, from: number, to: number): Generator<StoredSegment> {
    const found = this.#find(track);
    if (!found) return;
    let next = from;
    while (next <= to) {
      const sql = `SELECT ${SEGMENT} WHERE track = ? AND sequence BETWEEN ? AND ? ORDER BY sequence LIMIT ${PAGE}`;
      const page = this.#sql.all<StoredSegment>(sql, found.id, next, to);
      if (page.length === 0) return;
      yield* page;
      next = page[page.length - 1].sequence + 1;
    }
  }

  *all(): Generator<StoredSegment> {
    for (const track of this.#sql.all<TrackKey>("SELECT operator, incarnation FROM tracks ORDER BY id"))
      yield* this.segments(track, 0, Number.MAX_SAFE_INTEGER);
  }

  /** A track of which nothing is held but its base has that as its head. */
  heads(): StoredHead[] {
    return this.#sql.all(
      `SELECT operator, incarnation, coalesce(sequence, base_sequence) AS sequence, coalesce(hash, base_head) AS hash
       FROM tracks LEFT JOIN segments ON segments.track = tracks.id
       AND sequence = (SELECT max(sequence) FROM segments WHERE track = tracks.id)
       WHERE coalesce(hash, base_head) IS NOT NULL ORDER BY tracks.id`,
    );
  }
}

import { type Bytes, equal, toHex } from "../../offchain/core/bytes.ts";
import type { ChainBlock, ChainEvent } from "../../offchain/core/chain.ts";
import type { Checkpoint } from "../../offchain/core/checkpoint.ts";
import { type Advance, type CutEntry, trackName } from "../../offchain/core/cut.ts";
import { WeftError } from "../../offchain/core/errors.ts";
import type { StoreRecord } from "../../offchain/core/events.ts";
import type { Evidence } from "../../offchain/core/evidence.ts";
import type { Segment, TrackKey } from "../../offchain/core/segment.ts";

/** What is on a simulated disk, and what a record does to it: as the store does (offchain/store). */

export type StoredSegment = { segment: Segment; hash: Bytes };
export type StoredTrack = { key: TrackKey; base?: Advance; segments: Map<number, StoredSegment> };
export type StoredCheckpoint = {
  number: number;
  hash: Bytes;
  checkpoint: Checkpoint;
  entries: readonly CutEntry[];
};
export type Log = { blocks: readonly ChainBlock[]; events: readonly ChainEvent[] };

export type Tables = {
  tracks: Map<string, StoredTrack>;
  evidence: Map<string, Evidence>;
  attested: Map<number, readonly Bytes[]>;
  checkpoints: Map<number, StoredCheckpoint>;
  log: Log;
  memory?: Extract<StoreRecord, { type: "memory" }>;
};

export function empty(): Tables {
  const log = { blocks: [], events: [] };
  return { tracks: new Map(), evidence: new Map(), attested: new Map(), checkpoints: new Map(), log };
}

/** Records never change, so they are shared. */
export function copyOf(tables: Tables): Tables {
  const tracks = [...tables.tracks].map(([name, track]): [string, StoredTrack] => [
    name,
    { ...track, segments: new Map(track.segments) },
  ]);
  return {
    tracks: new Map(tracks),
    evidence: new Map(tables.evidence),
    attested: new Map(tables.attested),
    checkpoints: new Map(tables.checkpoints),
    log: tables.log,
    memory: tables.memory,
  };
}

/** Sets or, without a value, deletes; and says how to take that back. */
function change<K, V>(map: Map<K, V>, key: K, value: V | undefined, undo: (() => void)[]): void {
  const before = map.get(key);
  undo.push(() => (before === undefined ? map.delete(key) : map.set(key, before)));
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

function remove<K, V>(map: Map<K, V>, isOver: (key: K) => boolean, undo: (() => void)[]): void {
  for (const key of [...map.keys()]) if (isOver(key)) change(map, key, undefined, undo);
}

function trackOf({ tracks }: Tables, { operator, incarnation }: TrackKey, undo: (() => void)[]): StoredTrack {
  const name = trackName({ operator, incarnation });
  let track = tracks.get(name);
  if (!track) {
    track = { key: { operator, incarnation }, segments: new Map() };
    change(tracks, name, track, undo);
  }
  return track;
}

/** Carries a record out; `undo` gets what takes it back. @throws WeftError `conflict` */
export function put(tables: Tables, record: StoreRecord, undo: (() => void)[]): void {
  switch (record.type) {
    case "segment": {
      const { header } = record.segment;
      const { base, segments } = trackOf(tables, header, undo);
      if (header.sequence <= (base?.sequence ?? 0)) return;
      const held = segments.get(header.sequence);
      if (!held) change(segments, header.sequence, { segment: record.segment, hash: record.hash }, undo);
      else if (!equal(held.hash, record.hash)) throw conflict(`another segment stands at ${header.sequence}`);
      return;
    }
    case "evidence":
      if (!tables.evidence.has(toHex(record.operator)))
        change(tables.evidence, toHex(record.operator), record.evidence, undo);
      return;
    case "attested": {
      const before = tables.attested.get(record.number) ?? [];
      if (!before.some((hash) => equal(hash, record.hash)))
        change(tables.attested, record.number, [...before, record.hash], undo);
      return;
    }
    case "checkpoint": {
      const { number, hash, checkpoint, cut } = record;
      const held = tables.checkpoints.get(number);
      if (!held) change(tables.checkpoints, number, { number, hash, checkpoint, entries: cut.entries }, undo);
      else if (!equal(held.hash, hash)) throw conflict(`another checkpoint has number ${number}`);
      return;
    }
    case "memory": {
      const before = tables.memory;
      undo.push(() => {
        tables.memory = before;
      });
      tables.memory = record;
      return;
    }
    case "drop-checkpoints":
      remove(tables.checkpoints, (number) => number >= record.from, undo);
      return;
    case "prune-checkpoints":
      remove(tables.checkpoints, (number) => number < record.before, undo);
      remove(tables.attested, (number) => number < record.before, undo);
      return;
    case "rewind": {
      const track = tables.tracks.get(trackName(record.track));
      if (track) remove(track.segments, (sequence) => sequence > record.to, undo);
      return;
    }
    case "base": {
      const track = trackOf(tables, record.base, undo);
      const before = track.base;
      undo.push(() => {
        track.base = before;
      });
      track.base = record.base.sequence > 0 ? record.base : undefined;
      remove(track.segments, (sequence) => sequence <= record.base.sequence, undo);
    }
  }
}

function conflict(why: string): WeftError {
  return new WeftError("conflict", why, { field: "sequence", remedy: "keep both headers as evidence" });
}

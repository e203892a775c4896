import { type Bytes, equal, toHex } from "../../offchain/core/bytes.ts";
import { type ChainBlock, type ChainEvent, type ChainLog, KEPT_BLOCKS } from "../../offchain/core/chain.ts";
import type { Checkpoint } from "../../offchain/core/checkpoint.ts";
import { type Advance, type CutEntry, trackName } from "../../offchain/core/cut.ts";
import { WeftError } from "../../offchain/core/errors.ts";
import type { Disk, StoreRecord } from "../../offchain/core/events.ts";
import type { Evidence } from "../../offchain/core/evidence.ts";
import { FIRST_CELL, pageOf } from "../../offchain/core/memory-page.ts";
import type { Segment, TrackKey } from "../../offchain/core/segment.ts";
import { Crash } from "./process.ts";
import type { Random } from "./random.ts";

/** A worker's disk, with the store's semantics (offchain/store) and a disk's faults. */

export type StoredSegment = { segment: Segment; hash: Bytes };
type StoredTrack = { key: TrackKey; base?: Advance; segments: Map<number, StoredSegment> };
export type StoredCheckpoint = {
  number: number;
  hash: Bytes;
  checkpoint: Checkpoint;
  entries: readonly CutEntry[];
};
type Log = { blocks: readonly ChainBlock[]; events: readonly ChainEvent[] };

type Tables = {
  tracks: Map<string, StoredTrack>;
  evidence: Map<string, Evidence>;
  attested: Map<number, readonly Bytes[]>;
  checkpoints: Map<number, StoredCheckpoint>;
  log: Log;
  memory?: Extract<StoreRecord, { type: "memory" }>;
};

/** The state of a disk at some moment. */
export type Backup = Tables;

/** Chances per write, and how long a slow fsync takes at most. */
export type DiskFaults = { crashBefore: number; crashAfter: number; slow: number; slowMs: number };

export const SOUND: DiskFaults = { crashBefore: 0, crashAfter: 0, slow: 0, slowMs: 0 };
/** How many checkpoints a starting worker reads. */
const RECALLED = 64;

export class SimDisk implements Disk {
  readonly #random: Random;
  /** A slow fsync holds its process up. */
  readonly #onSlow: (ms: number) => void;
  #tables: Tables = empty();
  /** What the log was at each append since the last fsync: a crash leaves any of these. */
  #unsynced: Log[] = [];
  faults: DiskFaults = SOUND;
  /** Writes are refused as long as it is. */
  full = false;
  /** Told of every write that became durable, and of the last place of each track that is held no more for it. */
  onWritten: (records: readonly StoreRecord[], forgotten: readonly (TrackKey & { sequence: number })[]) => void =
    () => {};
  /** An older state came back once: what this worker had said of itself before was not true any more. */
  restored = false;
  /** Writes that became durable. */
  writes = 0;

  constructor(random: Random, onSlow: (ms: number) => void = () => {}) {
    this.#random = random;
    this.#onSlow = onSlow;
  }

  /**
   * All of them in one transaction: durable when this returns, without a trace when it throws.
   * @throws WeftError `conflict` when another segment or checkpoint stands at a place; `disk_full`
   * @throws Crash before or after the commit
   */
  write(records: readonly StoreRecord[]): void {
    if (records.length === 0) return;
    const { crashBefore, crashAfter, slow, slowMs } = this.faults;
    if (this.full) throw new WeftError("disk_full", "no space is left", { remedy: "free some" });
    if (this.#random.chance(crashBefore)) throw new Crash("before a commit to disk");
    const forgotten = records.flatMap((record) => (record.type === "base" ? this.#upTo(record.base) : []));
    const undo: (() => void)[] = [];
    try {
      for (const record of records) put(this.#tables, record, undo);
    } catch (error) {
      for (const one of undo.reverse()) one();
      throw error;
    }
    this.writes += 1;
    this.sync();
    this.onWritten(records, forgotten);
    if (this.#random.chance(crashAfter)) throw new Crash("after a commit to disk");
    if (this.#random.chance(slow)) this.#onSlow(this.#random.float() * slowMs);
  }

  /** The last of the segments that a new base leaves behind. */
  #upTo({ operator, incarnation, sequence }: Advance): (TrackKey & { sequence: number })[] {
    const held = this.#tables.tracks.get(trackName({ operator, incarnation }))?.segments.keys() ?? [];
    const last = Math.max(0, ...[...held].filter((one) => one <= sequence));
    return last > 0 ? [{ operator, incarnation, sequence: last }] : [];
  }

  /** Everything so far is durable. */
  sync(): void {
    this.#unsynced = [];
  }

  /** The process died: of what was appended to the log without an fsync, some of the latest is gone. */
  crashed(): void {
    if (this.#unsynced.length > 0) this.#tables.log = this.#random.pick([...this.#unsynced, this.#tables.log]);
    this.sync();
  }

  /** What the chain's follower keeps; its appends are durable with the next write. */
  readonly chainLog: ChainLog = {
    blocks: () => [...this.#tables.log.blocks],
    events: () => [...this.#tables.log.events],
    append: (blocks, events) => {
      const { log } = this.#tables;
      this.#setLog({
        blocks: [...log.blocks, ...blocks].slice(-KEPT_BLOCKS),
        events: events.length > 0 ? [...log.events, ...events] : log.events,
      });
    },
    truncate: (fromBlock) => {
      const { blocks, events } = this.#tables.log;
      this.#setLog({
        blocks: blocks.filter(({ number }) => number < fromBlock),
        events: events.filter(({ block }) => block < fromBlock),
      });
    },
  };

  #setLog(log: Log): void {
    if (this.full) throw new WeftError("disk_full", "no space is left", { remedy: "free some" });
    this.#unsynced.push(this.#tables.log);
    this.#tables.log = log;
  }

  backup(): Backup {
    return copyOf(this.#tables);
  }

  /** An older state comes back: what was written since is forgotten. */
  restore(backup: Backup): void {
    this.#tables = copyOf(backup);
    this.restored = true;
    this.sync();
  }

  chain(): { events: readonly ChainEvent[]; time: number } {
    const { blocks, events } = this.#tables.log;
    return { events, time: blocks.at(-1)?.timestamp ?? 0 };
  }

  memory(): ReturnType<Disk["memory"]> {
    const { memory } = this.#tables;
    return memory && { ...memory, parts: pageOf(memory.memories, FIRST_CELL, Number.POSITIVE_INFINITY).parts };
  }

  checkpoints(): StoredCheckpoint[] {
    return [...this.#tables.checkpoints.values()].sort((a, b) => a.number - b.number).slice(-RECALLED);
  }

  bases(): Advance[] {
    return [...this.#tables.tracks.values()].flatMap(({ base }) => base ?? []);
  }

  *segments(): Generator<StoredSegment> {
    for (const { key } of this.#tables.tracks.values()) yield* this.range(key, 1, Number.MAX_SAFE_INTEGER);
  }

  evidence(): Evidence[] {
    return [...this.#tables.evidence.values()];
  }

  /** Up to where a track was forgotten, or never held. */
  base(track: TrackKey): number {
    return this.#tables.tracks.get(trackName(track))?.base?.sequence ?? 0;
  }

  segment(track: TrackKey, sequence: number): StoredSegment | undefined {
    return this.#tables.tracks.get(trackName(track))?.segments.get(sequence);
  }

  /** From `from` to `to`, both included, ascending; what is not held is left out. */
  *range(track: TrackKey, from: number, to: number): Generator<StoredSegment> {
    const held = this.#tables.tracks.get(trackName(track))?.segments ?? new Map<number, StoredSegment>();
    const sequences = [...held.keys()].filter((sequence) => sequence >= from && sequence <= to);
    for (const sequence of sequences.sort((a, b) => a - b)) yield held.get(sequence) as StoredSegment;
  }

  /** Of every track of which anything is held, in the order in which they came. */
  tracks(): TrackKey[] {
    return [...this.#tables.tracks.values()].map(({ key }) => key);
  }

  cut(number: number): StoredCheckpoint | undefined {
    return this.#tables.checkpoints.get(number);
  }

  attested(number: number): readonly Bytes[] {
    return this.#tables.attested.get(number) ?? [];
  }
}

function empty(): Tables {
  const log = { blocks: [], events: [] };
  return { tracks: new Map(), evidence: new Map(), attested: new Map(), checkpoints: new Map(), log };
}

/** Records never change, so they are shared. */
function copyOf(tables: Tables): Tables {
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

function put(tables: Tables, record: StoreRecord, undo: (() => void)[]): void {
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

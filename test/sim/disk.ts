import type { Bytes } from "../../offchain/core/bytes.ts";
import { type ChainEvent, type ChainLog, KEPT_BLOCKS } from "../../offchain/core/chain.ts";
import { type Advance, trackName } from "../../offchain/core/cut.ts";
import { WeftError } from "../../offchain/core/errors.ts";
import type { Disk, StoreRecord } from "../../offchain/core/events.ts";
import type { Evidence } from "../../offchain/core/evidence.ts";
import { FIRST_CELL, pageOf } from "../../offchain/core/memory-page.ts";
import type { TrackKey } from "../../offchain/core/segment.ts";
import { copyOf, empty, type Log, put, type StoredCheckpoint, type StoredSegment, type Tables } from "./disk-tables.ts";
import { Crash } from "./process.ts";
import type { Random } from "./random.ts";

/** A worker's disk, with the store's semantics (offchain/store) and a disk's faults. */

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

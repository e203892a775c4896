import { type Bytes, equal, toHex } from "./bytes.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { CheckpointRecord } from "./checkpoint-record.ts";
import { Cut, type CutEntry } from "./cut.ts";
import { WeftError } from "./errors.ts";
import type { Memories } from "./memories.ts";
import type { Hashing } from "./ports.ts";

/**
 * A checkpoint that the chain took. `parent` is the number of the one that it extends: not always the number before, since
 * numbers of fallen ones are not used again. `cut` is absent as long as nobody has shown it to us, and again when `KEPT_CUTS`
 * newer ones stand, unless it is an anchor. `memories`, as they are after it, where they are known.
 */
export type Committed = { checkpoint: Checkpoint; hash: Bytes; parent: number; cut?: Cut; memories?: Memories };

/** A checkpoint that the chain took, and whose cut is known. */
export type CommittedCut = Committed & { cut: Cut };

/** Something in a tree of a committed checkpoint, by its index. */
export type CommittedPlace = { number: number; hash: Bytes; checkpoint: Checkpoint; index: number };

/** Checkpoints whose cuts are in memory, so that a reorganisation of the chain needs nobody to show them again. */
export const KEPT_CUTS = 64;

/** The checkpoints as the chain has them: those on record, and of these the ones that stand. */
export class Checkpoints {
  readonly #hashing: Hashing;
  readonly #genesis: () => Committed;
  /** Cuts that we made, verified or were shown, by the hash of their checkpoint: also of ones that are not committed now. */
  readonly #cuts = new Map<string, { number: number; cut: Cut; memories?: Memories }>();
  /** The last of them: cuts come one after the other, and most of each is in the one before, or after. */
  #last: Cut;
  /** The highest number ever committed: a reorganisation does not lower it, since what it took back may come again. */
  #highest = 0;
  /** By number, fallen ones too. */
  #record = new CheckpointRecord();
  #standing: number[] = [0];
  /** Index among those that stand of the earliest whose cut may be kept beyond `KEPT_CUTS`. */
  #anchor = 0;

  constructor(hashing: Hashing, genesis: () => Committed) {
    this.#hashing = hashing;
    this.#genesis = genesis;
    this.#last = Cut.empty(hashing);
    this.#record.push(genesis());
  }

  /** The latest that stands: the parent of the next. */
  get latest(): Committed {
    return this.#at(this.#standing.length - 1);
  }

  /** The number that the next one will have. */
  get next(): number {
    return this.#record.length;
  }

  /** One on record, which may have fallen. */
  committed(number: number): Committed | undefined {
    return this.#record.at(number);
  }

  /** @param index among those that stand */
  #at(index: number): Committed {
    return this.#record.at(this.#standing[index]) as Committed;
  }

  /** Numbers of those that stand, ascending, from 0 on. */
  get standing(): readonly number[] {
    return this.#standing;
  }

  /** Forgets what was committed, after a reorganisation; cuts are kept, since their hashes name them. */
  reset(): void {
    this.#record = new CheckpointRecord();
    this.#record.push(this.#genesis());
    this.#standing = [0];
    this.#anchor = 0;
  }

  /** The chain took a checkpoint. @throws WeftError `checkpoint_gap` unless it is the next. */
  commit(checkpoint: Checkpoint, hash: Bytes): void {
    const { number } = checkpoint;
    if (number !== this.next || !equal(checkpoint.parent, this.latest.hash))
      throw new WeftError("checkpoint_gap", `checkpoint ${number} does not follow the latest`);
    const parent = this.latest.checkpoint.number;
    const { cut, memories } = this.#cuts.get(toHex(hash)) ?? {};
    this.#record.push({ checkpoint, hash, parent, cut, memories });
    this.#standing.push(number);
    this.#letGo(this.#standing.length - 1 - KEPT_CUTS);
    if (number <= this.#highest) return;
    this.#highest = number;
    for (const [name, known] of this.#cuts) if (known.number + KEPT_CUTS < number) this.#cuts.delete(name);
  }

  /** Of the cut of one that stands, unless it may be an anchor, and of those that fell between it and the one before. */
  #letGo(index: number): void {
    if (index <= 0) return;
    const number = this.#standing[index];
    for (let fell = this.#standing[index - 1] + 1; fell < number; fell++) this.#record.close(fell);
    if (index % KEPT_CUTS !== 0) this.#record.close(number);
  }

  /** Those that stand from `from` on fell: `standing` is the latest now. @throws WeftError `checkpoint_gap` unless it is. */
  fell(from: number, standing: number): void {
    const kept = this.#standing.findLastIndex((number) => number < from) + 1;
    if (this.#standing[kept - 1] !== standing)
      throw new WeftError(
        "checkpoint_gap",
        `checkpoint ${from} and what extends it fell, but ${standing} is not below`,
      );
    this.#standing.length = kept;
  }

  /**
   * The latest final checkpoint whose cut everybody keeps: the very latest, or, where windows are longer than `KEPT_CUTS`
   * checkpoints, one of every so many. Cuts of earlier ones are let go.
   * @param final index among those that stand
   */
  anchor(final: number): Committed {
    return this.#at(this.#anchorAt(final));
  }

  /** The anchor, or the latest before it whose cut we have: of later ones nobody may have shown it to us yet. */
  shownAnchor(final: number): Committed | undefined {
    const at = this.#anchorAt(final);
    for (let i = at; i > Math.max(0, at - KEPT_CUTS); i--) {
      const committed = this.#at(i);
      if (committed.cut) return committed;
    }
    return undefined;
  }

  #anchorAt(final: number): number {
    const isLate = this.#standing.length - 1 - final < KEPT_CUTS;
    const at = isLate ? final : final - (final % KEPT_CUTS);
    for (; this.#anchor < at - (at % KEPT_CUTS); this.#anchor += KEPT_CUTS)
      if (this.#standing.length - 1 - this.#anchor >= KEPT_CUTS && this.#anchor > 0)
        this.#record.close(this.#standing[this.#anchor]);
    return at;
  }

  /** A cut from our own disk, or of our own making, before the chain tells of its checkpoint. */
  remember(number: number, hash: Bytes, cut: Cut, memories?: Memories): void {
    const name = toHex(hash);
    this.#cuts.set(name, { number, cut, memories: memories ?? this.#cuts.get(name)?.memories });
    this.#last = cut;
  }

  /** Somebody showed the cut of a committed checkpoint. @throws WeftError `bad_root` unless it is that one. */
  learnCut(number: number, entries: readonly CutEntry[]): void {
    const committed = this.#record.at(number);
    if (!committed) throw new WeftError("unknown_checkpoint", `checkpoint ${number} is not committed`);
    const cut = Cut.of(this.#hashing, entries, this.#last);
    if (!equal(cut.root, committed.checkpoint.cutRoot))
      throw new WeftError("bad_root", "the entries are not the committed cut", { field: "entries" });
    this.remember(number, committed.hash, cut);
    (this.#record.open(number) as Committed).cut = cut;
  }
  /**
   * Somebody, or our disk, has the memories as they were after a committed checkpoint.
   * @throws WeftError `bad_root` unless they are those, `unknown_checkpoint`
   */
  learnMemories(number: number, cut: Cut, memories: Memories): void {
    const committed = this.#record.open(number);
    if (!committed) throw new WeftError("unknown_checkpoint", `checkpoint ${number} is not committed`);
    if (!equal(memories.root, committed.checkpoint.memoryRoot))
      throw new WeftError("bad_root", "these are not the committed memories", { field: "memories" });
    this.remember(number, committed.hash, cut, memories);
    committed.cut = cut;
    committed.memories = memories;
  }
}

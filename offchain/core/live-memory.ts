import { type Bytes, equal } from "./bytes.ts";
import { Cut } from "./cut.ts";
import { type Lesson, taughtBy } from "./fold.ts";
import { type Increment, Memories } from "./memories.ts";
import { type MemoryDefinition, memoryId, memoryName, ROWS_PER_ORDER } from "./memory-definition.ts";
import type { Replica } from "./replica.ts";
import { COSINE_ONE, Sketch, sketchKey } from "./sketch.ts";
import { type Survey, surveyOf } from "./survey.ts";
import type { Track } from "./track.ts";

/** A committed checkpoint with the memories as they are after it. */
export type Base = { cut: Cut; memories: Memories };

/** Of a track, what is learnt in the segments after `from` and up to `to`, whose header hash is `head`. */
type Part = { from: number; to: number; head: Bytes };
/** What is added to one memory: cells by row and column, none of them zero. */
type Heard = { definition: MemoryDefinition; cells: Map<number, number> };

/** Memories and cells that the latest checkpoint has, and what is heard after it. */
export type LiveFigures = {
  memories: number;
  cells: number;
  /** Sightings of tokens that no checkpoint has, once for each order, and the cells that they are in. */
  liveIncrements: number;
  liveCells: number;
  /** Of the whole with the checkpoint's, 0 to 2^16. */
  cosine: number;
};

/**
 * The long-term memories as they will be once all is committed that is heard and may be: the latest checkpoint's, and what
 * the segments after it teach, in whatever order they come. Only the latter is held here: a track's next segment costs its
 * lesson, and a checkpoint what it commits. A function of the replica and the base alone.
 */
export class LiveMemory {
  readonly #replica: Replica;
  #base: Base;
  #survey: Survey;
  #isKnown = true;
  /** Tracks that go on after the base. */
  readonly #parts = new Map<string, Part>();
  /** Tracks that may have changed. */
  readonly #touched = new Set<string>();
  readonly #heard = new Map<string, Heard>();
  #sketch = new Sketch();
  #increments = 0;
  #cosine?: number;

  constructor(replica: Replica) {
    this.#replica = replica;
    this.#base = { cut: Cut.empty(replica.crypto), memories: Memories.empty(replica.crypto) };
    this.#survey = surveyOf(this.#base.memories);
  }
  /** A track has changed. */
  touch(name: string): void {
    this.#touched.add(name);
  }

  /** Something that concerns all tracks has changed. */
  touchAll(): void {
    for (const names of [this.#parts, this.#replica.tracks]) for (const name of names.keys()) this.touch(name);
  }

  /** Beyond the latest checkpoint, from now on: of one whose memories are not known nothing is said. */
  on({ cut, memories }: Partial<Base>): this {
    const base = cut && memories && { cut, memories };
    this.#isKnown = base !== undefined;
    if (!base || (base.cut === this.#base.cut && base.memories === this.#base.memories)) return this;
    this.#survey = surveyOf(base.memories, { memories: this.#base.memories, survey: this.#survey });
    this.#base = base;
    this.#cosine = undefined;
    this.touchAll();
    return this;
  }

  /**
   * Whole, at the price of all cells that are heard; undefined while the base is not known. Of two new memories with one
   * place the first by id is there: which of them will be is the order's to say.
   */
  get memories(): Memories | undefined {
    this.#refresh();
    if (!this.#isKnown) return undefined;
    let { memories } = this.#base;
    for (const [, { definition, cells }] of [...this.#heard].sort(([a], [b]) => (a < b ? -1 : 1)))
      memories = memories.add(
        definition,
        [...cells].map(([cell, count]) => incrementOf(definition, cell, count)),
      );
    return memories;
  }

  /** How much there is, and how far the whole points where the base does; undefined while the base is not known. */
  get figures(): LiveFigures | undefined {
    this.#refresh();
    if (!this.#isKnown) return undefined;
    const { memories, cells, sketch } = this.#survey;
    this.#cosine ??= sketch.plus(this.#sketch).cosine(sketch);
    let liveCells = 0;
    for (const heard of this.#heard.values()) liveCells += heard.cells.size;
    return { memories, cells, liveIncrements: this.#increments, liveCells, cosine: this.#cosine };
  }

  /** How far the whole has turned away from the base, from 0 to 2^16; 0 while the base is not known. */
  get moved(): number {
    return COSINE_ONE - (this.figures?.cosine ?? COSINE_ONE);
  }

  #refresh(): void {
    if (![...this.#touched].every((name) => this.#follow(name))) {
      this.#parts.clear();
      this.#heard.clear();
      this.#sketch = new Sketch();
      this.#increments = 0;
      this.#cosine = undefined;
      for (const name of this.#replica.tracks.keys()) this.#follow(name);
    }
    this.#touched.clear();
  }

  /** Takes in what a track says now. False when what it said before is not to be had any more, so that all begins anew. */
  #follow(name: string): boolean {
    const track = this.#replica.tracks.get(name);
    const part = this.#parts.get(name);
    const head = part && track?.hashAt(part.to);
    if (part && !(track && head && equal(head, part.head) && track.base.sequence <= part.from)) return false;
    if (!track) return true;
    const from = this.#base.cut.named(name)?.sequence ?? 0;
    const to = this.#mayBeCommitted(track) ? Math.max(from, track.sequence) : from;
    this.#move(track, part?.from ?? from, from, -1);
    this.#move(track, part?.to ?? from, to, 1);
    if (to > from) this.#parts.set(name, { from, to, head: track.head });
    else this.#parts.delete(name);
    return true;
  }

  #mayBeCommitted(track: Track): boolean {
    const { evidence, registry } = this.#replica;
    return !evidence.has(track.owner) && !registry.isEnded(track.key.operator) && this.#base.cut.agrees(track);
  }

  /** Adds what is learnt after `from` and up to `to`, or takes it away when `to` is before. */
  #move(track: Track, from: number, to: number, sign: 1 | -1): void {
    // A committed cut may be false, and go beyond anything that could be walked.
    const last = Math.min(Math.max(from, to), track.sequence);
    for (let sequence = Math.min(from, to) + 1; sequence <= last; sequence++) {
      const lesson = track.lessonAt(sequence);
      if (lesson) this.#add(lesson, from < to ? sign : -sign);
    }
  }

  #add(lesson: Lesson, sign: number): void {
    const { memory: definition } = lesson;
    const id = memoryId(this.#replica.crypto, definition);
    const key = sketchKey(id);
    const { cells } = this.#heard.get(memoryName(id)) ?? { cells: new Map<number, number>() };
    for (const { order, row, column, count } of taughtBy(lesson)) {
      const at = order * ROWS_PER_ORDER + row;
      this.#sketch.add(key, at, column, sign * count);
      this.#increments += sign * count;
      const cell = at * definition.columns + column;
      const sum = (cells.get(cell) ?? 0) + sign * count;
      if (sum === 0) cells.delete(cell);
      else cells.set(cell, sum);
    }
    if (cells.size > 0) this.#heard.set(memoryName(id), { definition, cells });
    else this.#heard.delete(memoryName(id));
    this.#cosine = undefined;
  }
}

function incrementOf({ columns }: MemoryDefinition, cell: number, count: number): Increment {
  const [at, column] = [Math.floor(cell / columns), cell % columns];
  return { order: Math.floor(at / ROWS_PER_ORDER), row: at % ROWS_PER_ORDER, column, count };
}

import type { Bytes } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import type { Hashing, Signer } from "./ports.ts";
import {
  LIMIT_SEGMENT_BYTES,
  LIMIT_SNAPSHOTS,
  type Segment,
  sealSegment,
  type TrackKey,
  trackId,
  turnId,
} from "./segment.ts";
import { encodeSnapshot, type Place, SALT_BYTES, type Snapshot, type TurnOpen } from "./snapshot.ts";

/** A snapshot without its place in the turn's chain, which only sealing knows. */
export type Draft = {
  of: (turn: Bytes, previous: Place) => Exclude<Snapshot, TurnOpen>;
  /** Of its positions. */
  rows?: Bytes;
  /** It is the last of its segment. */
  isLast?: boolean;
};

/** A turn that is being written: asked at every flush what there is to say. */
export type Source = { readonly turn: Bytes; take(): Draft[] };

export type Sealed = { segment: Segment & { hash: Bytes }; rows: { place: Place; rows: Bytes }[] };

export type PenOptions = {
  hashing: Hashing;
  separator: Bytes;
  signer: Signer;
  track: TrackKey;
  random(bytes: number): Bytes;
  /** Makes it durable, then tells others. Throwing means that nothing was said. */
  commit(sealed: Sealed): void;
  onFailure(error: unknown): void;
};

/** Writes this process's own track. Sealing is synchronous from the drafts to the disk: nothing in it waits for anybody. */
export class Pen {
  readonly #options: PenOptions;
  readonly #latest = new Map<Source, Place>();
  #sequence = 0;
  #head: Bytes;
  #failed: unknown;

  constructor(options: PenOptions) {
    this.#options = options;
    this.#head = trackId(options.hashing, options.track);
  }

  get track(): TrackKey {
    return this.#options.track;
  }

  /** Segments sealed so far. */
  get sequence(): number {
    return this.#sequence;
  }

  /** No turn is being written. */
  get isIdle(): boolean {
    return this.#latest.size === 0;
  }

  /** Opens a turn: durable and sealed when this returns, before the first token is shown. */
  open(open: TurnOpen): { turn: Bytes; place: Place } {
    const place = this.#seal([{ body: encodeSnapshot(open) }])[0];
    return { turn: turnId(this.#options.hashing, trackId(this.#options.hashing, this.track), place), place };
  }

  add(source: Source, opened: Place): void {
    this.#latest.set(source, opened);
  }

  remove(source: Source): void {
    this.#latest.delete(source);
  }

  /** To be called every flush interval, and at the end. What cannot be stored is told to `onFailure`. */
  tryFlush(): void {
    try {
      this.flush();
    } catch (error) {
      this.#options.onFailure(error);
    }
  }

  /** Seals what every source has to say, in as many segments as it takes. */
  flush(): void {
    let batch: { source: Source; body: Bytes; rows?: Bytes }[] = [];
    let bytes = 0;
    let next = this.#sequence + 1;
    const latest = new Map(this.#latest);
    const seal = () => {
      if (batch.length === 0) return;
      this.#seal(batch);
      for (const [source, place] of latest) if (this.#latest.has(source)) this.#latest.set(source, place);
      batch = [];
      bytes = 0;
      next = this.#sequence + 1;
    };
    for (const source of [...this.#latest.keys()])
      for (const draft of source.take()) {
        const overhead = SALT_BYTES + 4;
        const build = () => encodeSnapshot(draft.of(source.turn, latest.get(source) as Place));
        let body = build();
        if (batch.length === LIMIT_SNAPSHOTS || bytes + body.length + overhead > LIMIT_SEGMENT_BYTES - 1024) {
          seal();
          body = build();
        }
        latest.set(source, { sequence: next, index: batch.length });
        batch.push({ source, body, rows: draft.rows });
        bytes += body.length + overhead;
        if (draft.isLast) seal();
      }
    seal();
  }

  #seal(drafts: readonly { body: Bytes; rows?: Bytes }[]): Place[] {
    if (this.#failed)
      throw new WeftError("writer_failed", "an earlier segment could not be stored", { cause: this.#failed });
    const { hashing, separator, signer, track, random, commit } = this.#options;
    const at = { sequence: this.#sequence + 1, previous: this.#head };
    const snapshots = drafts.map(({ body }) => ({ salt: random(SALT_BYTES), body }));
    const segment = sealSegment(hashing, separator, signer, track, at, snapshots);
    const places = drafts.map((_, index) => ({ sequence: at.sequence, index }));
    const rows = drafts.flatMap(({ rows }, index) => (rows ? [{ place: places[index], rows }] : []));
    try {
      commit({ segment, rows });
    } catch (error) {
      // It may or may not be on disk: signing another segment for this place could contradict it.
      this.#failed = error;
      this.#options.onFailure(error);
      throw error;
    }
    this.#sequence = at.sequence;
    this.#head = segment.hash;
    return places;
  }
}

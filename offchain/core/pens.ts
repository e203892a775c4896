import { trackName } from "./cut.ts";
import type { Pen } from "./pen.ts";
import type { TrackKey } from "./segment.ts";

/** Segments of one track, after which new turns begin another: only where no turn is open can a track be forgotten. */
const LIMIT_SEGMENTS = 16_384;

/** This process's pens: the one that new turns are written with, and those whose last turns are still being written. */
export class Pens {
  readonly #make: () => Pen;
  readonly #most: number;
  #current: Pen;
  #older: Pen[] = [];

  /** @param make a pen with a new incarnation */
  constructor(make: () => Pen, most = LIMIT_SEGMENTS) {
    this.#make = make;
    this.#most = most;
    this.#current = make();
  }

  /** For a new turn, which is written with it to its end. */
  get current(): Pen {
    if (this.#current.sequence >= this.#most) {
      this.#older.push(this.#current);
      this.#current = this.#make();
    }
    return this.#current;
  }

  /** Is this one of the tracks that are being written? */
  has(track: TrackKey): boolean {
    return [this.#current, ...this.#older].some((pen) => trackName(pen.track) === trackName(track));
  }

  /** To be called every flush interval, and at the end. */
  tryFlush(): void {
    for (const pen of [...this.#older, this.#current]) pen.tryFlush();
    this.#older = this.#older.filter((pen) => !pen.isIdle);
  }
}

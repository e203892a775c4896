import { type Bytes, concat, toHex } from "../../../offchain/core/bytes.ts";
import { Context } from "../../../offchain/core/context.ts";
import type { Hashing } from "../../../offchain/core/ports.ts";
import { type Segment, sealSegment, type TrackKey, trackId, turnId } from "../../../offchain/core/segment.ts";
import { decodeSnapshot, encodeSnapshot, SALT_BYTES, type Snapshot } from "../../../offchain/core/snapshot.ts";
import { VOCAB } from "../model.ts";
import type { Ink, Sealed } from "./scribe.ts";

/**
 * How another story differs: in the salts alone, so that two headers say the same of two roots; in what the author wrote,
 * with everything that follows from it; or by breaking a rule where it begins.
 */
export const TONES = ["salted", "retold", "broken"] as const;
export type Tone = (typeof TONES)[number];

/** Another story of a track from one place on, told along with the true one: segment for segment, as well signed. */
export class Story {
  readonly from: number;
  readonly #ink: Ink;
  readonly #track: TrackKey;
  readonly #tone: Tone;
  readonly #contexts: Contexts;
  readonly #told: Sealed[] = [];
  #previous: Bytes;

  /** @param before the true segments so far, which the story shares up to the place before `from` */
  constructor(ink: Ink, track: TrackKey, before: readonly Segment[], from: number, tone: Tone) {
    this.from = from;
    this.#ink = ink;
    this.#track = track;
    this.#tone = tone;
    this.#contexts = new Contexts(ink.hashing, trackId(ink.hashing, track));
    this.#previous = trackId(ink.hashing, track);
    for (const segment of before) this.follow(segment);
  }

  /** The segment that this story has at a place; none before it begins, and none that the true one has not reached. */
  at(sequence: number): Sealed | undefined {
    return this.#told[sequence - this.from];
  }

  get last(): Sealed | undefined {
    return this.#told.at(-1);
  }

  /** The true story's next segment. */
  follow(segment: Segment): void {
    const { sequence, previous } = segment.header;
    if (sequence < this.from) this.#contexts.follow(segment);
    if (sequence !== this.from + this.#told.length) return;
    if (sequence === this.from) this.#previous = previous;
    const { hashing, separator, signer, random } = this.#ink;
    const isBroken = this.#tone === "broken" && sequence === this.from;
    const snapshots = segment.snapshots.map(({ body }, index) => ({
      salt: random.bytes(SALT_BYTES),
      body: this.#tone === "retold" ? this.#retell(body, sequence, index) : body,
    }));
    if (isBroken) snapshots[0] = { ...snapshots[0], body: concat(snapshots[0].body, Uint8Array.of(0)) };
    const told = sealSegment(
      hashing,
      separator,
      signer,
      this.#track,
      { sequence, previous: this.#previous },
      snapshots,
    );
    this.#told.push(told);
    this.#previous = told.hash;
  }

  #retell(body: Bytes, sequence: number, index: number): Bytes {
    const snapshot = decodeSnapshot(body);
    if (snapshot.type === "tokens" && snapshot.kind === "written")
      snapshot.ids = snapshot.ids.map((id) => (id + 1) % VOCAB);
    const context = this.#contexts.take(snapshot, { sequence, index });
    if (!context) return body;
    const { root } = context;
    return encodeSnapshot(snapshot.type === "open" ? snapshot : { ...snapshot, root });
  }
}

/** The contexts of the turns of one track. */
class Contexts {
  readonly #h: Hashing;
  readonly #id: Bytes;
  readonly #of = new Map<string, Context>();

  constructor(h: Hashing, id: Bytes) {
    this.#h = h;
    this.#id = id;
  }

  follow({ header, snapshots }: Segment): void {
    for (const [index, { body }] of snapshots.entries())
      this.take(decodeSnapshot(body), { sequence: header.sequence, index });
  }

  /** The turn's context after a snapshot. */
  take(snapshot: Snapshot, place: { sequence: number; index: number }): Context | undefined {
    if (snapshot.type === "open") {
      const context = Context.fromPeaks(this.#h, snapshot.start.length, snapshot.start.peaks);
      this.#of.set(toHex(turnId(this.#h, this.#id, place)), context);
      return context;
    }
    const context = this.#of.get(toHex(snapshot.turn));
    return snapshot.type === "tokens" ? context?.append(snapshot.ids) : context;
  }
}

import { type Bytes, equal } from "./bytes.ts";
import { trackName } from "./cut.ts";
import type { Errand, Errands } from "./errands.ts";
import { WeftError } from "./errors.ts";
import type { Effect } from "./events.ts";
import { areSigned, isChain } from "./range.ts";
import type { Replica } from "./replica.ts";
import type { TrackKey } from "./segment.ts";
import { Track } from "./track.ts";

/** Segments before a base that are asked for when a turn was opened there; doubled until it is found. */
const HISTORY_SPAN = 64;
const HISTORY_LATEST_MS = 60_000;
const RETRY_MS = 400;

type Wanted = { key: TrackKey; span: number; notBefore: number; failures: number };

/** Fetches what stands before a track's base here, where a turn that goes on after the base was opened before it. */
export class History {
  readonly #replica: Replica;
  readonly #errands: Errands;
  readonly #wanted = new Map<string, Wanted>();

  constructor(replica: Replica, errands: Errands) {
    this.#replica = replica;
    this.#errands = errands;
  }

  /** A segment is of a turn that was opened before our base. */
  needed(key: TrackKey, now: number): Effect[] {
    const name = trackName(key);
    if (!this.#wanted.has(name)) this.#wanted.set(name, { key, span: HISTORY_SPAN, notBefore: now, failures: 0 });
    return this.#fetch(name, now);
  }

  tick(now: number): Effect[] {
    return [...this.#wanted.keys()].flatMap((name) => this.#fetch(name, now));
  }

  #fetch(name: string, now: number): Effect[] {
    const wanted = this.#wanted.get(name);
    const track = this.#replica.tracks.get(name);
    if (!wanted || !track || track.base.sequence === 0) {
      this.#wanted.delete(name);
      return [];
    }
    if (this.#errands.isBusy(name) || now < wanted.notBefore) return [];
    const [peer] = this.#errands.holders(name, track.sequence);
    if (!peer) return [];
    // A turn that never was is looked for ever more rarely.
    wanted.failures += 1;
    wanted.notBefore = now + Math.min(HISTORY_LATEST_MS, RETRY_MS * 2 ** wanted.failures);
    const from = Math.max(1, track.base.sequence - wanted.span + 1);
    const { key, sequence } = track;
    return this.#errands.send({ kind: "history", peer, track: key, from, to: sequence, got: [] }, name, now);
  }

  /** What came of a question that is answered: a longer track in the place of ours, or a reason to ask again. */
  take({ track: key, from, to, got, peer }: Errand & { kind: "history" }, now: number): Effect[] {
    const replica = this.#replica;
    const name = trackName(key);
    const track = replica.tracks.get(name);
    const wanted = this.#wanted.get(name);
    if (!track || !wanted || track.sequence < to || track.base.sequence === 0) return [];
    const last = got.at(-1);
    const leads =
      last && isChain(got) && last.segment.header.sequence === to && equal(last.hash, track.hashAt(to) as Bytes);
    if (!leads || !areSigned(replica, got)) {
      const error = new WeftError("bad_root", "the segments do not lead to our head, or are not signed");
      return [{ type: "fault", kind: "history", operator: peer, error }];
    }
    const first = got[0].segment.header;
    if (first.sequence > track.base.sequence) return []; // this peer has no more than we
    const longer = new Track(replica.crypto, key, { sequence: first.sequence - 1, head: first.previous });
    try {
      for (const { segment, hash } of got) longer.apply(longer.examine(segment, hash));
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      if (error.code !== "needs_history") {
        this.#wanted.delete(name);
        return [{ type: "fault", kind: "history", operator: peer, error }];
      }
      // Begins in the middle of another turn still: farther back, as far as it takes.
      if (first.sequence === from) wanted.span *= 2;
      wanted.notBefore = now;
      return this.#fetch(name, now);
    }
    const before = track.base.sequence;
    replica.replace(longer);
    this.#wanted.delete(name);
    const { operator, incarnation } = key;
    return [
      { type: "store", record: { type: "base", base: { operator, incarnation, ...longer.base } } },
      ...got
        .filter(({ segment }) => segment.header.sequence <= before)
        .map(({ segment, hash }): Effect => ({ type: "store", record: { type: "segment", segment, hash } })),
      { type: "announce" },
    ];
  }
}

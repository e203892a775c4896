import type { Bytes } from "./bytes.ts";
import type { Consensus } from "./consensus.ts";
import type { Conversations } from "./conversations.ts";
import type { CourtSays } from "./dispute.ts";
import type { Following } from "./following.ts";
import { type Cuts, References } from "./references.ts";
import type { Replica } from "./replica.ts";
import type { Turn } from "./turn.ts";

/** The place of a turn is that of its close: in which checkpoint, which of its segments, which snapshot of that. */
export type AnswerPlace = { checkpoint: number; segment: number; snapshot: number };

/**
 * Which of the turns that answer a request counts. `none` when no closed one is committed that may count; `unknown` when
 * too little is held here to say. Payers wait for more: until the checkpoint is final, and no accusation is open.
 */
export type Canonical = { type: "answer"; turn: Turn; place: AnswerPlace } | { type: "none" | "unknown" };

export type CanonicalOptions = {
  replica: Replica;
  consensus: Consensus;
  following: Following;
  conversations: Conversations;
  cuts: Cuts & { covering(track: Turn["track"], sequence: number): number | undefined };
  /** How many numbers a named checkpoint may be behind the one that includes the turn. */
  referenceSpan: number;
  /** What the inference court says of a turn. */
  says(turn: Bytes): CourtSays;
};

const UNKNOWN = { type: "unknown" } as const;

/** The canonical answers of exact models: of the valid ones, that with the lowest place. */
export class CanonicalAnswers {
  readonly #o: CanonicalOptions;
  readonly #references: References;

  constructor(options: CanonicalOptions) {
    this.#o = options;
    const { replica, consensus, cuts, referenceSpan } = options;
    this.#references = new References(replica, consensus, cuts, referenceSpan);
  }

  of(requestId: Bytes): Canonical {
    const placed: { turn: Turn; place: AnswerPlace }[] = [];
    for (const turn of this.#o.conversations.answersTo(requestId)) {
      const number = turn.close && this.#o.cuts.covering(turn.track, turn.latest.sequence);
      if (number === undefined) continue;
      const place = this.#placeIn(turn, number);
      if (!place) return UNKNOWN;
      placed.push({ turn, place });
    }
    placed.sort(
      ({ place: a }, { place: b }) => a.checkpoint - b.checkpoint || a.segment - b.segment || a.snapshot - b.snapshot,
    );
    for (const { turn, place } of placed) {
      const standing = this.#standing(turn, place.checkpoint);
      if (standing === "unknown") return UNKNOWN;
      if (standing === "stands") return this.#holds(place.checkpoint) ? { type: "answer", turn, place } : UNKNOWN;
    }
    return this.#holds(this.#o.consensus.latest.checkpoint.number) ? { type: "none" } : UNKNOWN;
  }

  /** Undefined while a cut that it takes is not known here. */
  #placeIn(turn: Turn, number: number): AnswerPlace | undefined {
    const before = this.#o.consensus.committed(number)?.parent;
    const parent = before === undefined ? undefined : this.#o.cuts.cutAt(before);
    const cut = this.#o.cuts.cutAt(number);
    const track = this.#o.replica.track(turn.track);
    if (!parent || !cut?.entry(turn.track) || !track || !cut.agrees(track)) return undefined;
    const { sequence, index } = turn.latest;
    return { checkpoint: number, segment: cut.segmentIndex(parent, turn.track, sequence), snapshot: index };
  }

  /** Is everything up to this checkpoint held here, as far as it is retained? An answer may be in what is missing. */
  #holds(number: number): boolean {
    const { cuts, replica } = this.#o;
    const cut = cuts.cutAt(number);
    return (
      cut?.entries.every((entry) => {
        const track = replica.track(entry);
        return track && cut.agrees(track);
      }) ?? false
    );
  }

  #standing(turn: Turn, number: number): "stands" | "falls" | "unknown" {
    // Whenever a token of it was proven wrong.
    if (this.#o.says(turn.id) === "void") return "falls";
    const referring = this.#references.of(turn, number);
    if (referring !== "held") return referring === "orphan" ? "falls" : "unknown";
    return this.#isVoid(turn, number);
  }

  /**
   * A turn is void when its author was convicted before its checkpoint was final. When that was is known as far as the
   * active times of commits tell: after the last one that names an earlier registry position, and before the next.
   */
  #isVoid({ track: { operator } }: Turn, number: number): "stands" | "falls" | "unknown" {
    const { consensus, following, replica } = this.#o;
    if (replica.registry.operator(operator)?.standing !== "convicted") return "stands";
    const finalAt = following.finalAt(number) ?? Number.POSITIVE_INFINITY;
    const knows = (at: number) => {
      const position = consensus.committed(at)?.checkpoint.registryPosition ?? 0;
      return replica.registryAt(position)?.operator(operator)?.standing === "convicted";
    };
    const latest = consensus.latest.checkpoint.number;
    let first = number;
    while (first <= latest && !knows(first)) first += 1;
    const before = following.active(following.committedAt(first - 1) ?? 0);
    const after = following.active(first <= latest ? following.committedAt(first) : following.time);
    if (before >= finalAt) return "stands";
    return after < finalAt ? "falls" : "unknown";
  }
}

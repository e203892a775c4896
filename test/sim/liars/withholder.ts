import { type Bytes, equal, toHex } from "../../../offchain/core/bytes.ts";
import { decodeEntries, encodeEntries } from "../../../offchain/core/cut.ts";
import { decodeSegment } from "../../../offchain/core/segment.ts";
import { TREE } from "../../../offchain/core/tree.ts";
import type { Method } from "../../../offchain/mesh/frames.ts";
import type { CutAnswer, PeerHandlers } from "../../../offchain/mesh/types.ts";
import { Liar } from "./liar.ts";

const STREAMS = ["all", "none", "drip", "holes"] as const;
const ANSWERS = ["all", "nothing", "part", "hole", "another", "flipped"] as const;
const SLOWEST_MS = 4_000;

/** How it treats one peer, for a while. */
type Mood = { stream: (typeof STREAMS)[number]; answer: (typeof ANSWERS)[number]; until: number };

/**
 * Writes, and gives its segments, and others' when asked, only to some, late, in part, or spoilt; answers neither cuts nor
 * proposals. Attacks L2 and L7: what anybody honest holds all must come to hold, from one another; questions end, and others
 * are asked.
 */
export class Withholder extends Liar {
  readonly #moods = new Map<string, Mood>();
  #closed = false;

  override start(): void {
    // Sometimes nobody gets anything, so that nobody can help anybody.
    this.often(3_000, () => {
      this.#closed = this.random.chance(0.2);
      this.#moods.clear();
    });
  }

  #moodTo(peer: Bytes): Mood {
    const name = toHex(peer);
    let mood = this.#moods.get(name);
    if (!mood) {
      const stream = this.#closed ? "none" : this.random.pick(STREAMS);
      mood = { stream, answer: this.#closed ? "nothing" : this.random.pick(ANSWERS), until: 0 };
      this.#moods.set(name, mood);
    }
    return mood;
  }

  protected override tamper(to: Bytes, method: Method, frame: Buffer): readonly Buffer[] {
    if (method !== "plot") return [frame];
    const mood = this.#moodTo(to);
    const { process } = this.life;
    if (mood.stream === "none" || (mood.stream === "holes" && this.random.chance(0.3))) {
      this.note(mood.stream === "none" ? "not shown" : "left out");
      return [];
    }
    // What is held back is said later, in its order, and so is what comes after it.
    if (mood.stream !== "drip" && mood.until <= process.now) return [frame];
    mood.until = Math.max(process.now, mood.until) + (mood.stream === "drip" ? this.random.float() * SLOWEST_MS : 1);
    this.note("shown late");
    process.after(mood.until - process.now, () => this.wire.inject(to, "plot", frame), "lie");
    return [];
  }

  override handlers(honest: PeerHandlers): PeerHandlers {
    return {
      ...super.handlers(honest),
      fetch: (track, from, to, peer) => {
        const segments = honest.fetch(track, from, to, peer);
        const { answer } = this.#moodTo(peer);
        if (this.hushed || answer === "all") return segments;
        this.note(`answered with ${answer}`);
        return this.#spoilt(segments, answer, () => this.#elsewhere(honest, track.incarnation));
      },
      cut: (number) => {
        const cut = honest.cut(number);
        if (this.hushed || this.random.chance(0.3)) return cut;
        return this.#spoiltCut(cut, () => honest.cut(number - 1));
      },
      attest: (from, ticket, proposal) => {
        if (this.hushed || this.random.chance(0.5)) honest.attest(from, ticket, proposal);
        else this.note("no answer to a proposal");
      },
    };
  }

  *#spoilt(segments: Iterable<Bytes>, how: Mood["answer"], another: () => Bytes | undefined): Generator<Bytes> {
    let at = 0;
    const spoilt = this.random.int(0, 3);
    for (const bytes of segments) {
      const isIt = at++ === spoilt;
      if (how === "nothing" || (how === "part" && at > spoilt)) return;
      if (how === "hole" && isIt) continue;
      if (how === "another" && isIt) yield another() ?? bytes;
      else if (how === "flipped" && isIt) yield this.#flipped(bytes);
      else yield bytes;
    }
  }

  #flipped(bytes: Bytes): Bytes {
    const copy = new Uint8Array(bytes);
    copy[this.random.int(0, copy.length - 1)] ^= 1 << this.random.int(0, 7);
    return copy;
  }

  /** Some segment of another track. */
  #elsewhere(honest: PeerHandlers, incarnation: Bytes): Bytes | undefined {
    const { operator } = this.random.pick(this.life.protocol.following.reachable());
    for (const bytes of honest.segmentsSince([], [operator], this.self))
      if (!equal(decodeSegment(bytes).header.incarnation, incarnation)) return bytes;
    return undefined;
  }

  #spoiltCut(cut: CutAnswer | undefined, earlier: () => CutAnswer | undefined): CutAnswer | undefined {
    if (!cut || this.random.chance(0.4)) {
      this.note("no cut");
      return undefined;
    }
    this.note("another cut");
    if (this.random.chance(0.3)) return earlier();
    const entries = decodeEntries(cut.entries, 2 ** TREE.cut.depth);
    const said = this.random.chance(0.5)
      ? entries.slice(1)
      : entries.map((entry) => ({ ...entry, sequence: entry.sequence + this.random.int(0, 1) }));
    return { ...cut, entries: encodeEntries(said) };
  }
}

import { decodeBeat, encodeBeat } from "../../../offchain/core/beat.ts";
import { type Bytes, equal } from "../../../offchain/core/bytes.ts";
import {
  decodeSegment,
  encodeSegment,
  headerHash,
  type Segment,
  type TrackKey,
  trackId,
} from "../../../offchain/core/segment.ts";
import { framed, type Method, parse, plain } from "../../../offchain/mesh/frames.ts";
import { PagerMessage } from "../../../offchain/mesh/generated/mesh.ts";
import type { PeerHandlers } from "../../../offchain/mesh/types.ts";
import { Liar, reading } from "./liar.ts";
import { Scribe } from "./scribe.ts";

const ANSWERS = ["true", "signed anew", "made up"] as const;

/**
 * Speaks in the name of others: tracks that they never began, next segments of tracks that they write, and their own words under
 * a signature that is not theirs. Its beats know of more than there is, so that it is asked, and from some place on answers with
 * what it made up. Attacks S3 and S4: only a signature says who spoke, and only the committed head what a quorum attested to.
 */
export class Impostor extends Liar {
  /** How it answers questions, for a while. */
  #answer: (typeof ANSWERS)[number] = "true";

  override start(): void {
    this.often(1_500, () => this.#begin());
    this.often(1_000, () => this.#goOn());
    this.often(2_000, () => {
      this.#answer = this.random.pick(ANSWERS);
    });
  }

  override handlers(honest: PeerHandlers): PeerHandlers {
    const seen = super.handlers(honest);
    return {
      ...seen,
      segment: (from, bytes) => {
        if (!this.hushed && this.random.chance(0.3)) this.#tell(this.#signedAnew(bytes), "another's word, signed anew");
        return seen.segment(from, bytes);
      },
      fetch: (track, from, to, peer) => {
        const segments = honest.fetch(track, from, to, peer);
        if (this.hushed || this.#answer === "true" || equal(track.operator, this.self)) return segments;
        this.note(`answered with what is ${this.#answer}`);
        return this.#forged(segments, track, from, to, this.#answer);
      },
    };
  }

  /** It claims to hold more than there is, so that it is asked. */
  protected override tamper(_to: Bytes, method: Method, frame: Buffer): readonly Buffer[] {
    if (method !== "pager" || !this.random.chance(0.3)) return [frame];
    return reading(frame, () => {
      const { message } = parse(PagerMessage, frame);
      if (message?.$case !== "beat") return [frame];
      const beat = decodeBeat(plain(message.value));
      const heads = beat.heads.map((head) =>
        equal(head.operator, this.self) ? head : { ...head, sequence: head.sequence + this.random.int(1, 3) },
      );
      return [framed(PagerMessage, { message: { $case: "beat", value: encodeBeat({ ...beat, heads }) } })];
    });
  }

  #begin(): void {
    const victim = this.#someone();
    if (!victim) return;
    const scribe = this.#scribeOf({ operator: victim, incarnation: this.random.bytes(16) });
    scribe.turn().close();
    this.#tell(scribe.seal(), "a track that another began");
  }

  #goOn(): void {
    const tracks = [...this.life.protocol.replica.tracks.values()];
    const others = tracks.filter(({ key }) => !equal(key.operator, this.self));
    if (others.length === 0) return;
    const { key, sequence, head } = this.random.pick(others);
    this.#tell(this.#next(key, sequence + 1, head), "what another said next");
  }

  #tell(segment: Segment, lie: string): void {
    for (const peer of this.someone()) if (this.say(peer, segment)) this.note(lie);
  }

  #someone(): Bytes | undefined {
    const others = this.life.protocol.following.reachable().filter(({ operator }) => !equal(operator, this.self));
    return others.length > 0 ? this.random.pick(others).operator : undefined;
  }

  #scribeOf(track: TrackKey): Scribe {
    const { options, signer } = this.life.spec;
    return new Scribe({ hashing: options.crypto, separator: options.separator, signer, random: this.random }, track);
  }

  /** A turn that is opened there: a segment that keeps every rule wherever it stands. */
  #next(track: TrackKey, sequence: number, previous: Bytes) {
    const scribe = this.#scribeOf(track);
    scribe.open(scribe.request(scribe.tokens(2)));
    return scribe.seal({ sequence, previous });
  }

  #signedAnew(bytes: Bytes): Segment {
    const { header, snapshots } = decodeSegment(bytes);
    const { options, signer } = this.life.spec;
    return { header, snapshots, signature: signer.sign(headerHash(options.crypto, options.separator, header)) };
  }

  /** From some place on: the same in its own hand, or another story that follows what came before. */
  *#forged(
    segments: Iterable<Bytes>,
    track: TrackKey,
    from: number,
    to: number,
    how: "signed anew" | "made up",
  ): Generator<Bytes> {
    const { crypto, separator } = this.life.spec.options;
    const held = this.life.protocol.replica.track(track);
    let next = { sequence: Math.max(from, (held?.sequence ?? 0) + 1), previous: held?.head ?? trackId(crypto, track) };
    let left = this.random.int(0, 3);
    for (const bytes of segments) {
      if (left-- > 0) yield bytes;
      else if (how === "signed anew") yield encodeSegment(this.#signedAnew(bytes));
      else {
        next = decodeSegment(bytes).header;
        break;
      }
    }
    for (let { sequence, previous } = next; how === "made up" && sequence <= to; sequence++) {
      const made = this.#next(track, sequence, previous);
      yield encodeSegment(made);
      previous = headerHash(crypto, separator, made.header);
    }
  }
}

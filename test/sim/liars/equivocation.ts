import { decodeBeat, encodeBeat } from "../../../offchain/core/beat.ts";
import { type Bytes, equal, toHex } from "../../../offchain/core/bytes.ts";
import { decodeSegment, encodeSegment, type Segment } from "../../../offchain/core/segment.ts";
import { framed, type Method, parse, plain } from "../../../offchain/mesh/frames.ts";
import { PagerMessage } from "../../../offchain/mesh/generated/mesh.ts";
import { frameSegment } from "../../../offchain/mesh/plot.ts";
import { readSegment } from "../../../offchain/mesh/receive.ts";
import type { MeshPort, PeerHandlers } from "../../../offchain/mesh/types.ts";
import { Liar, reading } from "./liar.ts";
import { Story, TONES, type Tone } from "./story.ts";

/** What a peer is shown of the own track: one story, the other, both, or the other once the true one is committed. */
const VIEWS = ["true", "other", "both", "late"] as const;
type View = (typeof VIEWS)[number];

/** Has two stories of its own track, and decides who is shown which. */
abstract class TwoFaced extends Liar {
  readonly #told: Segment[] = [];
  readonly #views = new Map<string, View>();
  protected story?: Story;

  override mesh(honest: MeshPort): MeshPort {
    return {
      ...super.mesh(honest),
      publishSegment: (bytes) => {
        const segment = decodeSegment(bytes);
        if (this.#isOurs(segment)) {
          this.#told.push(segment);
          this.story?.follow(segment);
        }
        honest.publishSegment(bytes);
      },
    };
  }

  /** As far as the true story goes. */
  protected get told(): number {
    return this.#told.length;
  }

  protected begin(from: number, tone: Tone): void {
    const { options, signer } = this.life.spec;
    const ink = { hashing: options.crypto, separator: options.separator, signer, random: this.random };
    this.story = new Story(ink, this.life.pen.track, this.#told, from, tone);
    this.note(`story ${tone}`);
  }

  protected show(peer: Bytes, view: View): void {
    this.#views.set(toHex(peer), view);
  }

  protected viewOf(peer: Bytes): View {
    return this.#views.get(toHex(peer)) ?? "true";
  }

  /** What stands at a place of the own track, as a story has it. */
  protected segmentAt(sequence: number, other: boolean): Segment | undefined {
    return (other ? this.story?.at(sequence) : undefined) ?? this.#told[sequence - 1];
  }

  #isOurs({ header }: Segment): boolean {
    return equal(header.incarnation, this.life.pen.track.incarnation);
  }

  protected override tamper(to: Bytes, method: Method, frame: Buffer): readonly Buffer[] {
    const view = this.viewOf(to);
    if (!this.story || method !== "plot" || (view !== "other" && view !== "both")) return [frame];
    return reading(frame, () => {
      const segment = decodeSegment(readSegment(frame));
      const other = this.#isOurs(segment) && this.story?.at(segment.header.sequence);
      if (!other) return [frame];
      this.note(`shown ${view}`);
      const told = frameSegment(encodeSegment(other));
      return view === "both" ? this.random.shuffle([frame, told]) : [told];
    });
  }
}

/**
 * Signs two different segments for one place of its track and shows one story to some, the other to others, both at once, or
 * the second when the first is committed, also far behind what everybody holds. Attacks S1 and S4; whoever sees both must have
 * evidence that convicts it, and its tracks must be held at their last committed entries (L6).
 */
export class Equivocator extends TwoFaced {
  override start(): void {
    this.often(this.random.int(3_000, 12_000), () => this.#tellOther());
    this.often(700, () => this.#remind());
    this.often(2_000, () => {
      // Somebody's story changes in the middle.
      for (const peer of this.story && this.random.chance(0.3) ? this.someone() : [])
        this.show(peer, this.random.pick(VIEWS));
    });
  }

  #tellOther(): void {
    if (this.told === 0 || (this.story && this.random.chance(0.7))) return;
    const near = Math.max(1, this.told - 3);
    const from = this.random.pick([
      this.told + 1,
      this.told,
      this.random.int(near, this.told),
      this.random.int(1, this.told),
    ]);
    this.begin(from, this.random.pick(TONES));
    for (const peer of this.peers()) this.show(peer, this.random.pick(VIEWS));
  }

  /** Shows what is held by everybody already in another way: where the fork is, or only what comes long after it. */
  #remind(): void {
    const { story } = this;
    if (!story || this.peers().length === 0) return;
    const peer = this.random.pick(this.peers());
    const view = this.viewOf(peer);
    if (view === "true") return;
    const { cut } = this.life.protocol.consensus.latest;
    const committed = cut?.entry(this.life.pen.track)?.sequence ?? 0;
    if (view === "late" && committed < story.from) return;
    const said = this.random.chance(0.5) ? story.at(story.from) : story.last;
    if (said && this.say(peer, said)) this.note(view === "late" ? "told after the commit" : "told behind the head");
  }
}

/**
 * Two long stories of one track, each going on for those that were shown it, with beats that name the head that each peer
 * knows and either story in answer to questions. Attacks the search for where forks part; peers must find it from one
 * another's beats, have evidence, and agree again on everything else.
 */
export class Forker extends TwoFaced {
  override start(): void {
    this.often(this.random.int(2_000, 10_000), () => {
      const peers = this.random.shuffle(this.peers());
      if (this.story || peers.length < 2) return;
      this.begin(this.told + 1, this.random.pick(["salted", "retold"] as const));
      for (const peer of peers.slice(0, this.random.int(1, peers.length - 1))) this.show(peer, "other");
    });
  }

  override handlers(honest: PeerHandlers): PeerHandlers {
    return {
      ...super.handlers(honest),
      fetch: (track, from, to, peer) => {
        const isOwn = equal(track.incarnation, this.life.pen.track.incarnation);
        if (this.hushed || !this.story || !isOwn) return honest.fetch(track, from, to, peer);
        this.note("answered with either");
        const other = this.random.chance(0.5);
        return this.#either(from, to, other);
      },
    };
  }

  *#either(from: number, to: number, other: boolean): Generator<Bytes> {
    for (let at = from; at <= to; at++) {
      const segment = this.segmentAt(at, other);
      if (!segment) return;
      yield encodeSegment(segment);
    }
  }

  protected override tamper(to: Bytes, method: Method, frame: Buffer): readonly Buffer[] {
    if (method !== "pager" || this.viewOf(to) !== "other") return super.tamper(to, method, frame);
    return reading(frame, () => {
      const { message } = parse(PagerMessage, frame);
      if (message?.$case !== "beat") return [frame];
      const beat = decodeBeat(plain(message.value));
      const heads = beat.heads.map((head) => {
        if (!equal(head.incarnation, this.life.pen.track.incarnation)) return head;
        const other = this.story?.at(head.sequence);
        if (other) this.note("beat of the other head");
        return other ? { ...head, head: other.hash } : head;
      });
      return [framed(PagerMessage, { message: { $case: "beat", value: encodeBeat({ ...beat, heads }) } })];
    });
  }
}

import { type Beat, decodeBeat, encodeBeat } from "../../../offchain/core/beat.ts";
import type { Bytes } from "../../../offchain/core/bytes.ts";
import type { Advance } from "../../../offchain/core/cut.ts";
import { framed, type Method, parse, plain } from "../../../offchain/mesh/frames.ts";
import { PagerMessage } from "../../../offchain/mesh/generated/mesh.ts";
import { Liar, reading } from "./liar.ts";

/** What a beat becomes; the same when there is nothing in it to lie about. */
const LIES = [
  "ahead",
  "another",
  "behind",
  "unknown",
  "digest",
  "mark",
  "position",
  "checkpoint",
  "evidence",
  "load",
] as const;
type Lie = (typeof LIES)[number];

/**
 * Its beats say what is not so: heads that it does not hold, others than it has, too low ones, tracks that do not exist, a
 * digest that does not follow, another registry or checkpoint, evidence that nobody has, more work than there is. Attacks
 * quorum counting, fetching and the finding of drift; nobody honest may be suspected of anything, what is missing must come
 * from those who have it, and a wrong digest while all else is equal must be reported (S10).
 */
export class FalseBeats extends Liar {
  #lie?: Lie;

  override start(): void {
    // Lies last for a while, so that they meet what others do about them.
    this.often(1_500, () => {
      this.#lie = this.random.chance(0.6) ? this.random.pick(LIES) : undefined;
      this.life.mesh.changed();
    });
  }

  protected override tamper(_to: Bytes, method: Method, frame: Buffer): readonly Buffer[] {
    const lie = this.#lie;
    if (method !== "pager" || !lie || this.random.chance(0.3)) return [frame];
    return reading(frame, () => {
      const { message } = parse(PagerMessage, frame);
      if (message?.$case !== "beat") return [frame];
      const beat = decodeBeat(plain(message.value));
      this.note(lie);
      const value = encodeBeat({ ...beat, ...this.#changes(lie, beat) });
      return [framed(PagerMessage, { message: { $case: "beat", value } })];
    });
  }

  #changes(lie: Lie, beat: Beat): Partial<Beat> {
    const { random } = this;
    switch (lie) {
      case "ahead":
        return this.#heads(beat, (head) => ({
          ...head,
          sequence: head.sequence + random.pick([1, 2, 1_000, 2 ** 40]),
        }));
      case "another":
        return this.#heads(beat, (head) => ({ ...head, head: random.bytes(32) }));
      case "behind":
        return this.#heads(beat, (head) => ({ ...head, sequence: random.int(0, head.sequence) }));
      case "unknown": {
        const operator = random.pick([
          this.self,
          random.bytes(20),
          random.pick([...beat.heads, this.#someHead()]).operator,
        ]);
        const made = { operator, incarnation: random.bytes(16), sequence: random.int(1, 50), head: random.bytes(32) };
        return { heads: [...beat.heads, made] };
      }
      case "digest":
        return { digest: random.bytes(32) };
      case "mark":
        return { registryMark: random.bytes(8) };
      case "position":
        return { registryPosition: random.pick([0, beat.registryPosition + 1, Number.MAX_SAFE_INTEGER]) };
      case "checkpoint":
        return { checkpoint: random.pick([0, beat.checkpoint + 1, Number.MAX_SAFE_INTEGER]) };
      case "evidence":
        return { evidence: [...beat.evidence, this.#someHead().operator, random.bytes(20)] };
      case "load":
        return { load: 0xffff };
    }
  }

  /** Some of the heads of a beat, or of all that there are, said otherwise. */
  #heads({ heads }: Beat, other: (head: Advance) => Advance): Partial<Beat> {
    const all = heads.length > 0 ? heads : [this.#someHead()];
    return { heads: all.map((head) => (this.random.chance(0.5) ? other(head) : head)) };
  }

  #someHead(): Advance {
    const heads = this.life.protocol.replica.heads.all();
    const nothing = { operator: this.self, incarnation: new Uint8Array(16), sequence: 0, head: new Uint8Array(32) };
    return heads.length > 0 ? this.random.pick(heads) : nothing;
  }
}

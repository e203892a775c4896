import type { Bytes } from "../../../offchain/core/bytes.ts";
import { LANE_OF, type Method } from "../../../offchain/mesh/frames.ts";
import { LANES } from "../../../offchain/mesh/types.ts";
import { Liar } from "./liar.ts";

const METHODS = Object.keys(LANE_OF) as Method[];
const KEPT = 200;

/**
 * Bytes that mean nothing, and real messages cut short or with bits flipped: on every lane, as answers to every question, and
 * as questions. Attacks whatever reads; nothing may be believed before it is read, and nobody may fall over.
 */
export class Garbage extends Liar {
  readonly #heard: Buffer[] = [];
  /** How often a frame is spoilt, at the moment. */
  #rate = 0;

  override start(): void {
    this.often(2_000, () => {
      this.#rate = this.random.pick([0, 0, 0.02, 0.2, 0.9]);
    });
    this.often(300, () => this.#inject());
    this.often(1_000, () => this.#ask());
  }

  protected override tamper(_to: Bytes, method: Method, frame: Buffer): readonly Buffer[] {
    if (this.random.chance(0.05)) this.#keep(frame);
    if (!this.random.chance(this.#rate)) return [frame];
    this.note(`spoilt ${method}`);
    return this.random.chance(0.2) ? [frame, this.#spoilt(frame)] : [this.#spoilt(frame)];
  }

  #keep(frame: Buffer): void {
    if (this.#heard.length < KEPT) this.#heard.push(frame);
    else this.#heard[this.random.int(0, KEPT - 1)] = frame;
  }

  #spoilt(frame: Buffer): Buffer {
    const { random } = this;
    if (frame.length === 0 || random.chance(0.1)) return Buffer.from(random.bytes(random.int(0, 300)));
    const copy = Buffer.from(frame);
    switch (random.int(0, 3)) {
      case 0:
        return copy.subarray(0, random.int(0, copy.length - 1));
      case 1:
        return Buffer.concat([copy, random.bytes(random.int(1, 40))]);
      case 2:
        for (let flips = random.int(1, 20); flips > 0; flips--)
          copy[random.int(0, copy.length - 1)] ^= 1 << random.int(0, 7);
        return copy;
      default:
        // Where lengths and counts are.
        copy[random.int(0, Math.min(8, copy.length - 1))] = random.int(0, 255);
        return copy;
    }
  }

  #inject(): void {
    const { random } = this;
    const known = this.#heard.length > 0 ? random.pick(this.#heard) : Buffer.alloc(0);
    for (const peer of this.someone())
      if (this.wire.inject(peer, random.pick(LANES), this.#spoilt(known))) this.note("said unasked");
  }

  #ask(): void {
    const { random } = this;
    if (this.peers().length === 0) return;
    const method = random.pick(METHODS.filter((one) => one !== "generate"));
    const request = Buffer.from(random.bytes(random.pick([0, 10, 100, 5_000])));
    const cancel = this.wire.raw(random.pick(this.peers()), method, request, { frame: () => {}, over: () => {} });
    this.note(`asked ${method}`);
    // A subscription that is no subscription of ours would take its place.
    this.life.process.after(500, cancel, "lie");
  }
}

/** Where all chance in a simulation comes from: named streams under one seed. Drawing from one never moves another. */

/** 128 bits of a text, well mixed, so that "1" and "2" begin unrelated streams. */
function mix(text: string): [number, number, number, number] {
  let [a, b, c, d] = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x9e3779b1) ^ (b >>> 15);
    b = Math.imul(b ^ code, 0x85ebca6b) ^ (c >>> 13);
    c = Math.imul(c ^ code, 0xc2b2ae35) ^ (d >>> 16);
    d = Math.imul(d ^ code, 0x27d4eb2f) ^ (a >>> 14);
  }
  return [a, b, c, d];
}

const WARM_UP = 16;

/** A stream of pseudo-random numbers (sfc32). The same name always gives the same stream. */
export class Random {
  readonly name: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(name: string | number) {
    this.name = String(name);
    const [a, b, c, d] = mix(this.name);
    this.#a = a;
    this.#b = b ^ d;
    this.#c = c;
    for (let i = 0; i < WARM_UP; i++) this.u32();
  }

  /** A stream of its own. What was drawn here before changes nothing about it. */
  fork(label: string | number): Random {
    return new Random(`${this.name}/${label}`);
  }

  u32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** In [0, 1). */
  float(): number {
    return this.u32() / 2 ** 32;
  }

  chance(probability: number): boolean {
    return this.float() < probability;
  }

  /** An integer from `least` to `most`, both included. */
  int(least: number, most: number): number {
    return least + Math.floor(this.float() * (most - least + 1));
  }

  pick<T>(of: readonly T[]): T {
    if (of.length === 0) throw new RangeError("nothing to pick from");
    return of[this.int(0, of.length - 1)];
  }

  /** Waiting times of events that come independently of one another. */
  exponential(mean: number): number {
    return -Math.log(1 - this.float()) * mean;
  }

  shuffle<T>(of: readonly T[]): T[] {
    const out = [...of];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.int(0, i);
      [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.u32() & 0xff);
  }
}

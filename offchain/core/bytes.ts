import { WeftError } from "./errors.ts";

export type Bytes = Uint8Array;

const DIGITS = Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));
/** Far fewer than a call may have arguments. */
const CODES_AT_ONCE = 4_096;

/** In one piece: a string added to byte by byte keeps every step on the way, and names are kept by the thousand. */
export function toHex(bytes: Bytes): `0x${string}` {
  let out = "";
  let codes = [DIGITS[0], "x".charCodeAt(0)];
  for (const byte of bytes) {
    codes.push(DIGITS[byte >> 4], DIGITS[byte & 15]);
    if (codes.length < CODES_AT_ONCE) continue;
    out += String.fromCharCode(...codes);
    codes = [];
  }
  return (out + String.fromCharCode(...codes)) as `0x${string}`;
}

/** @throws WeftError `malformed` unless `text` is 0x and whole bytes (exactly `length` of them when given). */
export function fromHex(text: string, length?: number): Bytes {
  if (!/^0x(?:[0-9a-fA-F]{2})*$/.test(text))
    throw new WeftError("malformed", "not hexadecimal bytes", { field: "hex" });
  const out = new Uint8Array(text.length / 2 - 1);
  if (length !== undefined && out.length !== length)
    throw new WeftError("malformed", `expected ${length} bytes, got ${out.length}`, { field: "hex" });
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 + 2 * i, 4 + 2 * i), 16);
  return out;
}

export function concat(...parts: readonly Bytes[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function equal(a: Bytes, b: Bytes): boolean {
  return a === b || (a.length === b.length && compare(a, b) === 0);
}

/** Lexicographic order, the shorter first. */
export function compare(a: Bytes, b: Bytes): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  return a.length - b.length;
}

export function isZero(bytes: Bytes): boolean {
  return bytes.every((byte) => byte === 0);
}

export function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

/** Buffers that no `Writer` uses: messages are many and small, and most of what making one costs would be its buffer. */
const spare: Bytes[] = [];
const NONE: Bytes = new Uint8Array();
const SPARES = 8;
const SPARE_BYTES = 1024;

/** Appends big-endian, fixed-width fields: two equal values have one encoding. */
export class Writer {
  #bytes = spare.pop() ?? new Uint8Array(SPARE_BYTES);
  #length = 0;

  /** Where `more` bytes go. */
  #room(more: number): number {
    const at = this.#length;
    this.#length += more;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    return at;
  }

  u8(value: number) {
    checked(value, 0xff);
    this.#bytes[this.#room(1)] = value;
    return this;
  }

  u16(value: number) {
    checked(value, 0xffff);
    const at = this.#room(2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
    return this;
  }

  u32(value: number) {
    checked(value, 0xffffffff);
    const at = this.#room(4);
    this.#bytes[at] = value >>> 24;
    this.#bytes[at + 1] = value >>> 16;
    this.#bytes[at + 2] = value >>> 8;
    this.#bytes[at + 3] = value;
    return this;
  }

  /** A counter: 64 bits on the wire, at most 2^53 − 1 in memory. */
  u64(value: number) {
    checked(value, Number.MAX_SAFE_INTEGER);
    return this.u32(Math.floor(value / 2 ** 32)).u32(value >>> 0);
  }

  fixed(bytes: Bytes, length: number) {
    if (bytes.length !== length) throw new WeftError("out_of_range", `expected ${length} bytes, got ${bytes.length}`);
    return this.raw(bytes);
  }

  /** Length-prefixed bytes (u32). */
  bytes(bytes: Bytes) {
    return this.u32(bytes.length).raw(bytes);
  }

  /** Length-prefixed UTF-8, cut so that it has at most `most` bytes: a message too long is better read in part. */
  text(text: string, most: number) {
    const whole = utf8(text);
    return this.bytes(whole.length <= most ? whole : utf8(text.slice(0, Math.floor(most / 3))));
  }

  raw(bytes: Bytes) {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** What was written. The writer is empty again. */
  done(): Bytes {
    const bytes = this.#bytes.slice(0, this.#length);
    if (spare.length < SPARES && this.#bytes.length === SPARE_BYTES) spare.push(this.#bytes);
    this.#bytes = NONE;
    this.#length = 0;
    return bytes;
  }
}

function checked(value: number, most: number): number {
  if (!Number.isInteger(value) || value < 0 || value > most)
    throw new WeftError("out_of_range", `${value} is not an integer in 0..${most}`);
  return value;
}

/** Reads what `Writer` wrote. Every read is bounded; `end` refuses what is left over. */
export class Reader {
  readonly #bytes: Bytes;
  readonly #view: DataView;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Bytes, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  #take(count: number): number {
    if (count > this.left) throw this.malformed(`ends ${count - this.left} bytes too early`);
    this.#at += count;
    return this.#at - count;
  }

  malformed(why: string): WeftError {
    return new WeftError("malformed", `${this.#what} ${why}`, {
      field: this.#what,
      remedy: "send the canonical encoding",
    });
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): number {
    const value = this.#view.getBigUint64(this.#take(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.malformed("has a counter beyond 2^53 - 1");
    return Number(value);
  }

  bool(): boolean {
    const value = this.u8();
    if (value > 1) throw this.malformed("has a flag that is neither 0 nor 1");
    return value === 1;
  }

  fixed(length: number): Bytes {
    const at = this.#take(length);
    return this.#bytes.slice(at, at + length);
  }

  /** 32 bytes that are not all zero: a hash, a root, a digest, a name. */
  hash(): Bytes {
    const hash = this.fixed(32);
    if (isZero(hash)) throw this.malformed("has a zero hash");
    return hash;
  }

  bytes(most: number): Bytes {
    return this.fixed(this.count(most));
  }

  /** Length-prefixed UTF-8. Anything else is refused: replaced characters would not encode to the same bytes. */
  text(most: number): string {
    const bytes = this.bytes(most);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.malformed("has text that is not UTF-8");
    }
  }

  /** A u32 count that the caller bounds before anything is allocated for it. */
  count(most: number): number {
    const count = this.u32();
    if (count > most) throw this.malformed(`counts ${count}, more than ${most}`);
    return count;
  }

  end(): void {
    if (this.left !== 0) throw this.malformed(`has ${this.left} bytes too many`);
  }
}

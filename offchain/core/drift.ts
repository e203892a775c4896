import type { Beat } from "./beat.ts";
import { type Bytes, equal, fromHex, isZero, toHex, Writer } from "./bytes.ts";
import type { Cut } from "./cut.ts";
import type { Replica } from "./replica.ts";
import type { TrackKey } from "./segment.ts";
import type { Track } from "./track.ts";

/** A checkpoint with its cut: everybody holds what came after it. */
export type Anchor = { number: number; hash: Bytes; cut: Cut };

const NO_DIGEST = new Uint8Array(32);
const NOTHING = { known: 0n, derived: 0n };
const first64 = (bytes: Bytes): bigint => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);

function word64(value: bigint): Bytes {
  return new Writer()
    .u32(Number(value >> 32n))
    .u32(Number(value & 0xffffffffn))
    .done();
}

/** What a track adds: to what is known, and to what is derived from it. */
type Part = { known: bigint; derived: bigint };

/**
 * A digest of what a replica has derived, beside one of what it knows: who knows the same derives the same, or is broken
 * (S10). Both are sums over tracks, so that a segment changes them in one step.
 */
export class Drift {
  readonly #replica: Replica;
  #anchor?: Anchor;
  readonly #parts = new Map<string, Part>();
  #sum: Part | undefined;
  #said?: { known: Bytes; digest: Bytes };

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  /** Number of the checkpoint from which on it counts. */
  get anchor(): number {
    return this.#anchor?.number ?? 0;
  }

  setAnchor(anchor: Anchor | undefined): void {
    if (this.#anchor?.cut === anchor?.cut) return;
    this.#anchor = anchor;
    this.forget();
  }

  /** A track has changed. */
  touch(name: string): void {
    this.#said = undefined;
    if (!this.#sum) return;
    const before = this.#parts.get(name);
    const track = this.#replica.tracks.get(name);
    const after = track ? this.#part(track) : NOTHING;
    if (!after) {
      this.#sum = undefined;
      return;
    }
    this.#parts.set(name, after);
    this.#sum = {
      known: this.#sum.known + after.known - (before?.known ?? 0n),
      derived: this.#sum.derived + after.derived - (before?.derived ?? 0n),
    };
  }

  /** Something that concerns all tracks has changed. */
  forget(): void {
    this.#said = undefined;
    this.#sum = undefined;
  }

  /** 8 bytes of what is known, and 32 of what is derived; zero when, of some track, too little is held to say. */
  say(): { known: Bytes; digest: Bytes } {
    this.#said ??= this.#make();
    return this.#said;
  }

  #make(): { known: Bytes; digest: Bytes } {
    const { crypto, registry, evidence } = this.#replica;
    this.#sum ??= this.#total();
    if (!this.#sum) return { known: NO_DIGEST.subarray(0, 8), digest: NO_DIGEST };
    const accused = [...evidence.keys()].sort().map((operator) => fromHex(operator));
    const heads = word64(BigInt.asUintN(64, this.#sum.known));
    const known = crypto.keccak256(registry.hash, this.#anchor?.hash ?? NO_DIGEST, heads, ...accused);
    const digest = crypto.keccak256(known, word64(BigInt.asUintN(64, this.#sum.derived)));
    return { known: known.slice(0, 8), digest };
  }

  #total(): Part | undefined {
    this.#parts.clear();
    const sum = { known: 0n, derived: 0n };
    for (const track of this.#replica.tracks.values()) {
      const part = this.#part(track);
      if (!part) return undefined;
      this.#parts.set(track.name, part);
      sum.known += part.known;
      sum.derived += part.derived;
    }
    return sum;
  }

  /** Undefined when the track begins, here, only after the anchor. */
  #part(track: Track): Part | undefined {
    if (track.sequence === 0 || !this.#counts(track.key)) return NOTHING;
    const drift = track.drift(this.#anchor?.cut.named(track.name)?.sequence ?? 0);
    if (drift === undefined) return undefined;
    const { operator, incarnation } = track.key;
    const head = this.#replica.crypto.keccak256(operator, incarnation, word64(BigInt(track.sequence)), track.head);
    return { known: first64(head), derived: first64(this.#replica.crypto.keccak256(head, word64(drift))) };
  }

  /** Of tracks whose operator is accused or out, each holds what it heard before it knew: they are in neither. */
  #counts({ operator }: TrackKey): boolean {
    return !this.#replica.evidence.has(toHex(operator)) && !this.#replica.registry.isEnded(operator);
  }

  /** Does a peer that knows the same as we derive something else from it? */
  differs({ known, digest }: Beat): boolean {
    const ours = this.say();
    return equal(known, ours.known) && !isZero(digest) && !isZero(ours.digest) && !equal(digest, ours.digest);
  }
}

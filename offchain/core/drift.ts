import { type Beat, LIMIT_BEAT_HEADS } from "./beat.ts";
import { type Bytes, equal, fromHex, isZero, toHex, Writer } from "./bytes.ts";
import type { Advance, Cut } from "./cut.ts";
import type { PeerView, Replica } from "./replica.ts";
import type { TrackKey } from "./segment.ts";
import type { Track } from "./track.ts";

/** A checkpoint with its cut: everybody holds what came after it. */
export type Anchor = { number: number; hash: Bytes; cut: Cut };

const NO_DIGEST = new Uint8Array(32);
const first64 = (bytes: Bytes): bigint => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);

function word64(value: bigint): Bytes {
  return new Writer()
    .u32(Number(value >> 32n))
    .u32(Number(value & 0xffffffffn))
    .done();
}

/**
 * A digest of what a replica has derived: those that agree on heads, evidence, registry position and checkpoint agree on it,
 * or one of them is broken (S10). A sum over tracks, so that a segment changes it in one step.
 */
export class Drift {
  readonly #replica: Replica;
  #anchor?: Anchor;
  /** What each track adds. */
  readonly #parts = new Map<string, bigint>();
  #sum: bigint | undefined;
  #digest?: Bytes;

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
    this.#digest = undefined;
    if (this.#sum === undefined) return;
    this.#sum -= this.#parts.get(name) ?? 0n;
    this.#parts.delete(name);
    const track = this.#replica.tracks.get(name);
    if (!track) return;
    const part = this.#part(track);
    if (part === undefined) this.#sum = undefined;
    else {
      this.#parts.set(name, part);
      this.#sum += part;
    }
  }

  /** Something that concerns all tracks has changed. */
  forget(): void {
    this.#digest = undefined;
    this.#sum = undefined;
  }

  /** Zero when, of some track, too little is held to say. */
  digest(): Bytes {
    this.#digest ??= this.#derive();
    return this.#digest;
  }

  #derive(): Bytes {
    const { crypto, registry, evidence } = this.#replica;
    this.#sum ??= this.#total();
    if (this.#sum === undefined) return NO_DIGEST;
    const accused = [...evidence.keys()].sort();
    return crypto.keccak256(
      registry.hash,
      this.#anchor?.hash ?? NO_DIGEST,
      word64(BigInt.asUintN(64, this.#sum)),
      ...accused.map((operator) => fromHex(operator)),
    );
  }

  #total(): bigint | undefined {
    this.#parts.clear();
    let sum = 0n;
    for (const track of this.#replica.tracks.values()) {
      const part = this.#part(track);
      if (part === undefined) return undefined;
      this.#parts.set(track.name, part);
      sum += part;
    }
    return sum;
  }

  /** Undefined when the track begins, here, only after the anchor. */
  #part(track: Track): bigint | undefined {
    if (track.sequence === 0 || !this.#counts(track.key)) return 0n;
    const drift = track.drift(this.#anchor?.cut.entry(track.key)?.sequence ?? 0);
    if (drift === undefined) return undefined;
    const { operator, incarnation } = track.key;
    const said = new Writer().raw(operator).raw(incarnation).u64(track.sequence).raw(track.head).raw(word64(drift));
    return first64(this.#replica.crypto.keccak256(said.done()));
  }

  /** Of tracks whose operator is accused or out, each holds what it heard before it knew: they are in no digest. */
  #counts({ operator }: TrackKey): boolean {
    return !this.#replica.evidence.has(toHex(operator)) && !this.#replica.registry.isEnded(operator);
  }

  /** Does a peer that knows the same as we derive something else from it? */
  differs(view: PeerView, beat: Beat): boolean {
    const ours = this.digest();
    if (equal(beat.digest, ours) || isZero(beat.digest) || isZero(ours)) return false;
    if (beat.heads.length === LIMIT_BEAT_HEADS) return false; // it is ahead of what it could name
    return this.#knowsTheSame(view, beat);
  }

  #knowsTheSame(view: PeerView, beat: Beat): boolean {
    const { registry, evidence, tracks, checkpoint } = this.#replica;
    if (beat.registryPosition !== registry.position) return false;
    if (!equal(beat.registryMark, registry.hash.subarray(0, 8))) return false;
    if (beat.checkpoint !== checkpoint || beat.anchor !== this.anchor) return false;
    if (view.evidence.size !== evidence.size) return false;
    for (const operator of evidence.keys()) if (!view.evidence.has(operator)) return false;
    // The one that differed last differs most often still.
    if (view.differs !== undefined && !this.#holdsTheSame(view, view.differs)) return false;
    for (const names of [tracks.keys(), view.heads.keys()])
      for (const name of names) {
        if (this.#holdsTheSame(view, name)) continue;
        view.differs = name;
        return false;
      }
    return true;
  }

  #holdsTheSame(view: PeerView, name: string): boolean {
    const track = this.#replica.tracks.get(name);
    const theirs: Advance | undefined = view.heads.get(name);
    const key = track?.key ?? theirs;
    if (!key || !this.#counts(key)) return true;
    if ((track?.sequence ?? 0) !== (theirs?.sequence ?? 0)) return false;
    return !track || !theirs || track.sequence === 0 || equal(theirs.head, track.head);
  }
}

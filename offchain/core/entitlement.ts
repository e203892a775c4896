import { type Bytes, equal, toHex } from "./bytes.ts";
import { type Advance, type Cut, trackName } from "./cut.ts";
import type { Registry } from "./registry.ts";
import type { Replica } from "./replica.ts";

/** Who may advance which tracks, at a registry position, from the latest checkpoint on. */
export class Entitlement {
  readonly #replica: Replica;
  readonly #latest: () => Cut | undefined;
  readonly #newTracks: number;

  /**
   * @param latest the cut of the latest checkpoint, if it is known
   * @param newTracks of one operator that a checkpoint admits
   */
  constructor(replica: Replica, latest: () => Cut | undefined, newTracks: number) {
    this.#replica = replica;
    this.#latest = latest;
    this.#newTracks = newTracks;
  }

  /** Was every new segment signed by a key that its operator had had at this position, which may be older than ours? */
  holds(advance: Advance, registry: Registry): boolean {
    const track = this.#replica.track(advance);
    const from = this.#latest()?.entry(advance)?.sequence ?? 0;
    for (let sequence = from + 1; sequence <= advance.sequence; sequence++) {
      const signed = track?.signedAt(sequence);
      if (!signed) return false;
      const signer = this.#replica.signers.of(signed, track?.hashAt(sequence) as Bytes);
      const owner = signer && registry.operatorOf(signer);
      if (!owner || !equal(owner, advance.operator)) return false;
    }
    return true;
  }

  /** Why no checkpoint advances these tracks at once, if so. */
  faultOf(advances: readonly Advance[], registry: Registry): string | undefined {
    const seen = new Set<string>();
    const fresh = new Map<string, number>();
    for (const advance of advances) {
      const name = trackName(advance);
      if (seen.has(name)) return "a track advances twice";
      seen.add(name);
      if (!registry.operator(advance.operator)) return "an operator is not registered at the position";
      const entry = this.#latest()?.entry(advance);
      if (entry?.ended || registry.isEnded(advance.operator)) return "an ended track advances";
      if (!this.holds(advance, registry)) return "a segment is signed by a key that came later";
      const from = entry?.sequence;
      if (advance.sequence <= (from ?? 0)) return "an advance does not advance";
      if (from === undefined) {
        const owner = toHex(advance.operator);
        fresh.set(owner, (fresh.get(owner) ?? 0) + 1);
        if ((fresh.get(owner) as number) > this.#newTracks) return "too many new tracks of one operator";
      }
    }
    return undefined;
  }
}

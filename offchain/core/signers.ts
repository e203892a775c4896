import type { Bytes } from "./bytes.ts";
import type { Crypto } from "./ports.ts";
import type { SignedHeader } from "./segment.ts";

/** Whose key signed the headers that are held here: recovered once each, so that judging the same segments again costs nothing. */
export class Signers {
  readonly #crypto: Crypto;
  readonly #known = new WeakMap<SignedHeader, Bytes>();

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  /** The signer was recovered when the segment came in. */
  note(signed: SignedHeader, signer: Bytes): void {
    this.#known.set(signed, signer);
  }

  /** @param hash the header's */
  of(signed: SignedHeader, hash: Bytes): Bytes | undefined {
    const known = this.#known.get(signed);
    if (known) return known;
    const signer = this.#crypto.recover(hash, signed.signature);
    if (signer) this.#known.set(signed, signer);
    return signer;
  }
}

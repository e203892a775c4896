import type { Bytes } from "./bytes.ts";

/** What core needs from cryptography. It is handed in, so that a simulator may replace it. */
export type Hashing = {
  /** keccak256 of the concatenation: whatever a contract reads. */
  keccak256(...parts: readonly Bytes[]): Bytes;
  /** SHA-256: bulk content that no contract reads. */
  sha256(...parts: readonly Bytes[]): Bytes;
};

export type Signatures = {
  /** The 20-byte address whose key signed `digest`, or undefined. `signature` is r ‖ s ‖ v, 65 bytes, low s only. */
  recover(digest: Bytes, signature: Bytes): Bytes | undefined;
};

export type Signer = {
  readonly address: Bytes;
  /** r ‖ s ‖ v (v is 27 or 28), deterministic, low s. */
  sign(digest: Bytes): Bytes;
};

export type Crypto = Hashing & Signatures;

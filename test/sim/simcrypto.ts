import { type Bytes, concat, equal, toHex, utf8 } from "../../offchain/core/bytes.ts";
import type { Crypto, Signer } from "../../offchain/core/ports.ts";
import { crypto, signerFromKey } from "../../offchain/crypto/crypto.ts";

/** Keys by label, and what recovers who signed. */
export type Keyring = { readonly crypto: Crypto; signer(label: string): Signer };

/** The real curve: slow, for the few runs that are to show that nothing depends on the other. */
export function realKeyring(seed: string): Keyring {
  return { crypto, signer: (label) => signerFromKey(crypto.keccak256(utf8(`${seed}/${label}`))) };
}

/**
 * Real hashes, cheap signatures: keccak(key ‖ digest) and whose it is, in 65 bytes. Only who holds the signer has the key,
 * so inside a simulation nobody can forge one.
 */
export function simulatedKeyring(seed: string): Keyring {
  const { keccak256, sha256 } = crypto;
  const keys = new Map<string, Bytes>();
  const tag = (key: Bytes, digest: Bytes, address: Bytes): Bytes =>
    concat(keccak256(key, digest), new Uint8Array(12), address, Uint8Array.of(27));

  return {
    crypto: {
      keccak256,
      sha256,
      recover(digest, signature) {
        if (signature.length !== 65 || digest.length !== 32) return undefined;
        const address = signature.slice(44, 64);
        const key = keys.get(toHex(address));
        return key && equal(tag(key, digest, address), signature) ? address : undefined;
      },
    },
    signer(label) {
      const key = keccak256(utf8(`${seed}/key/${label}`));
      const address = keccak256(key).slice(12);
      keys.set(toHex(address), key);
      return { address, sign: (digest) => tag(key, digest, address) };
    },
  };
}

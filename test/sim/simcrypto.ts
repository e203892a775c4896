import { type Bytes, concat, equal, toHex, utf8 } from "../../offchain/core/bytes.ts";
import type { Crypto, Signer } from "../../offchain/core/ports.ts";
import { crypto, signerFromKey } from "../../offchain/crypto/crypto.ts";

/** Keys by label, and what recovers who signed. */
export type Keyring = { readonly crypto: Crypto; signer(label: string): Signer };

/** The real curve: slow, for the few runs that are to show that nothing depends on the other. */
export function realKeyring(seed: string): Keyring {
  return { crypto, signer: (label) => signerFromKey(crypto.keccak256(utf8(`${seed}/${label}`))) };
}

/** Used again by every hash: there are many. */
const lanes = new Int32Array(8);
let input = new Uint8Array(4_096);

/** 256 bits that depend on every bit of the input: not a cryptographic hash, but nobody in a simulation looks for collisions. */
function mixed(seed: number, parts: readonly Bytes[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  if (length > input.length) input = new Uint8Array(2 * length);
  let end = 0;
  for (const part of parts) {
    input.set(part, end);
    end += part.length;
  }
  for (let i = 0; i < 8; i++) lanes[i] = Math.imul(seed + i, 0x9e3779b1) ^ 0x243f6a88;
  let i = 0;
  let at = 0;
  for (; i + 4 <= length; i += 4, at++) {
    const word = (input[i] << 24) | (input[i + 1] << 16) | (input[i + 2] << 8) | input[i + 3];
    const lane = Math.imul(lanes[at & 7] ^ word, 0x85ebca6b);
    lanes[at & 7] = (lane << 13) | (lane >>> 19);
  }
  let rest = 0;
  for (let byte = i; byte < length; byte++) rest = (rest << 8) | input[byte];
  lanes[at & 7] ^= Math.imul(rest + 1, 0xc2b2ae35) ^ (length - i + 4 * at);
  const out = new Uint8Array(32);
  for (let round = 0; round < 3; round++)
    for (let i = 0; i < 8; i++) {
      let lane = lanes[i] ^ lanes[(i + 7) & 7];
      lane = Math.imul(lane ^ (lane >>> 15), 0x2c1b3c6d);
      lane = Math.imul(lane ^ (lane >>> 12), 0x297a2d39);
      lanes[i] = lane ^ (lane >>> 15);
    }
  for (let i = 0; i < 8; i++) {
    out[4 * i] = lanes[i] >>> 24;
    out[4 * i + 1] = lanes[i] >>> 16;
    out[4 * i + 2] = lanes[i] >>> 8;
    out[4 * i + 3] = lanes[i];
  }
  return out;
}

/**
 * Cheap hashes, cheap signatures: keccak(key ‖ digest) and whose it is, in 65 bytes. Only who holds the signer has the key,
 * so inside a simulation nobody can forge one.
 */
export function simulatedKeyring(seed: string): Keyring {
  const keccak256 = (...parts: readonly Bytes[]) => mixed(1, parts);
  const sha256 = (...parts: readonly Bytes[]) => mixed(2, parts);
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

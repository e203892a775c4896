import { type Bytes, concat, fromHex, utf8, Writer } from "./bytes.ts";
import type { Hashing } from "./ports.ts";

/** EIP-712 (https://eips.ethereum.org/EIPS/eip-712): every field is one 32-byte word. */

export type Domain = { name: "Weft"; version: "1"; chainId: number; verifyingContract: Bytes };

export const word = {
  address: (value: Bytes): Bytes => concat(new Uint8Array(12), value),
  /** bytes16 and the like stand on the left of their word. */
  left: (value: Bytes): Bytes => concat(value, new Uint8Array(32 - value.length)),
  uint: (value: number | bigint): Bytes =>
    typeof value === "number"
      ? new Writer().raw(new Uint8Array(24)).u64(value).done()
      : fromHex(`0x${value.toString(16).padStart(64, "0")}`),
};

const typeHashes = new WeakMap<Hashing, Map<string, Bytes>>();

function typeHash(h: Hashing, type: string): Bytes {
  let known = typeHashes.get(h);
  if (!known) {
    known = new Map();
    typeHashes.set(h, known);
  }
  let hash = known.get(type);
  if (!hash) {
    hash = h.keccak256(utf8(type));
    known.set(type, hash);
  }
  return hash;
}

/** keccak256(type hash ‖ words), as `hashStruct` of EIP-712. */
export function structHash(h: Hashing, type: string, words: readonly Bytes[]): Bytes {
  return h.keccak256(typeHash(h, type), ...words);
}

export function domainSeparator(h: Hashing, domain: Domain): Bytes {
  return structHash(h, "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)", [
    h.keccak256(utf8(domain.name)),
    h.keccak256(utf8(domain.version)),
    word.uint(domain.chainId),
    word.address(domain.verifyingContract),
  ]);
}

/** What a key signs: keccak256(0x1901 ‖ domain separator ‖ struct hash). */
export function typedDigest(h: Hashing, separator: Bytes, struct: Bytes): Bytes {
  return h.keccak256(Uint8Array.of(0x19, 0x01), separator, struct);
}

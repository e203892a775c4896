import { secp256k1 } from "@noble/curves/secp256k1";
import { keccak256, sha256 } from "viem";
import { type Bytes, concat, fromHex, toHex } from "../core/bytes.ts";
import type { Crypto } from "../core/ports.ts";

/** Core's ports where there is no Node: what a browser computes proofs with. */

const HALF_ORDER = secp256k1.CURVE.n >> 1n;

/** High s is refused: a second form of one signature is nobody's signature. */
function recover(digest: Bytes, signature: Bytes): Bytes | undefined {
  const recovery = (signature[64] ?? 0) - 27;
  if (signature.length !== 65 || digest.length !== 32 || (recovery !== 0 && recovery !== 1)) return undefined;
  if (BigInt(toHex(signature.subarray(32, 64))) > HALF_ORDER) return undefined;
  try {
    const point = secp256k1.Signature.fromCompact(signature.subarray(0, 64)).addRecoveryBit(recovery);
    return fromHex(keccak256(point.recoverPublicKey(digest).toRawBytes(false).subarray(1))).slice(12);
  } catch {
    return undefined; // r or s is no point of the curve
  }
}

export const crypto: Crypto = {
  keccak256: (...parts) => keccak256(concat(...parts), "bytes"),
  sha256: (...parts) => sha256(concat(...parts), "bytes"),
  recover,
};

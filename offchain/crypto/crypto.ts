import { createHash } from "node:crypto";
import { secp256k1 as noble } from "@noble/curves/secp256k1";
import { createKeccak } from "hash-wasm";
import type { Bytes } from "../core/bytes.ts";
import { WeftError } from "../core/errors.ts";
import type { Crypto, Signer } from "../core/ports.ts";

/** Core's ports on real cryptography: hash-wasm's keccak, Node's SHA-256, native secp256k1 (noble where it does not load). */

type Curve = {
  /** 64 bytes r ‖ s with low s, and the recovery bit. */
  sign(digest: Bytes, key: Bytes): { compact: Bytes; recovery: number };
  /** Uncompressed public key (65 bytes); throws when there is none. */
  recover(digest: Bytes, compact: Bytes, recovery: number): Bytes;
  publicKey(key: Bytes): Bytes;
};

const keccak = await createKeccak(256);
const HALF_ORDER = noble.CURVE.n >> 1n;

const pure: Curve = {
  sign(digest, key) {
    const signature = noble.sign(digest, key, { lowS: true });
    return { compact: signature.toCompactRawBytes(), recovery: signature.recovery };
  },
  recover: (digest, compact, recovery) =>
    noble.Signature.fromCompact(compact).addRecoveryBit(recovery).recoverPublicKey(digest).toRawBytes(false),
  publicKey: (key) => noble.getPublicKey(key, false),
};

const curve = await nativeCurve().catch(() => pure);

async function nativeCurve(): Promise<Curve> {
  const { default: native } = await import("secp256k1");
  return {
    sign(digest, key) {
      const { signature, recid } = native.ecdsaSign(digest, key);
      return { compact: signature, recovery: recid };
    },
    recover: (digest, compact, recovery) => native.ecdsaRecover(compact, recovery, digest, false),
    publicKey: (key) => native.publicKeyCreate(key, false),
  };
}

function keccak256(...parts: readonly Bytes[]): Bytes {
  keccak.init();
  for (const part of parts) keccak.update(part);
  return keccak.digest("binary");
}

function sha256(...parts: readonly Bytes[]): Bytes {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

function addressOf(publicKey: Bytes): Bytes {
  return keccak256(publicKey.subarray(1)).slice(12);
}

/** High s is refused: a second form of one signature is nobody's signature. */
function recover(digest: Bytes, signature: Bytes): Bytes | undefined {
  if (signature.length !== 65 || digest.length !== 32) return undefined;
  const recovery = signature[64] - 27;
  if (recovery !== 0 && recovery !== 1) return undefined;
  if (BigInt(`0x${Buffer.from(signature.subarray(32, 64)).toString("hex")}`) > HALF_ORDER) return undefined;
  try {
    return addressOf(curve.recover(digest, signature.subarray(0, 64), recovery));
  } catch {
    return undefined; // r or s is no point of the curve
  }
}

export const crypto: Crypto = { keccak256, sha256, recover };

export function signerFromKey(key: Bytes): Signer {
  if (key.length !== 32 || !noble.utils.isValidPrivateKey(key))
    throw new WeftError("bad_key", "not a secp256k1 private key", { field: "key", remedy: "give 32 random bytes" });
  return {
    address: addressOf(curve.publicKey(key)),
    sign(digest) {
      const { compact, recovery } = curve.sign(digest, key);
      const out = new Uint8Array(65);
      out.set(compact);
      out[64] = 27 + recovery;
      return out;
    },
  };
}

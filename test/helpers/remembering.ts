import { type Bytes, toHex } from "../../offchain/core/bytes.ts";
import type { Crypto } from "../../offchain/core/ports.ts";
import { crypto as real } from "../../offchain/crypto/crypto.ts";

const signers = new Map<string, Bytes | undefined>();

/** The real curve, which is asked once: what is told again and again is signed as it was, and looking takes its time. */
export const crypto: Crypto = {
  ...real,
  recover(digest, signature) {
    const name = `${toHex(digest)} ${toHex(signature)}`;
    if (!signers.has(name)) signers.set(name, real.recover(digest, signature));
    return signers.get(name)?.slice();
  },
};

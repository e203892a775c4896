import { createECDH, createHmac, pbkdf2Sync } from "node:crypto";
import { toHex } from "../../core/bytes.ts";
import type { Hex } from "../../core/chain.ts";

/** The published accounts of development chains, which hold nothing anywhere else: m/44'/60'/0'/0/i of this phrase. */
const PHRASE = "test test test test test test test test test test test junk";
const FOLDER = [44, 60, 0].map((index) => index + 2 ** 31);
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** A key of BIP-32 and the chain code beside it. */
type Node = { key: Buffer; code: Buffer };

const split = (hash: Buffer): Node => ({ key: hash.subarray(0, 32), code: hash.subarray(32) });
const numberOf = (bytes: Buffer) => BigInt(`0x${bytes.toString("hex")}`);

function publicKey(key: Buffer): Buffer {
  const curve = createECDH("secp256k1");
  curve.setPrivateKey(key);
  return curve.getPublicKey(null, "compressed");
}

function child({ key, code }: Node, index: number): Node {
  const data = Buffer.alloc(37);
  (index >= 2 ** 31 ? key : publicKey(key)).copy(data, index >= 2 ** 31 ? 1 : 0);
  data.writeUInt32BE(index, 33);
  const below = split(createHmac("sha512", code).update(data).digest());
  const sum = (numberOf(below.key) + numberOf(key)) % ORDER;
  return { key: Buffer.from(sum.toString(16).padStart(64, "0"), "hex"), code: below.code };
}

let accounts: Node | undefined;

/** The private key of one of them. Here because of its speed: who leaves it to Hardhat or ethers waits a second for forty. */
export function accountKey(index: number): Hex {
  if (!accounts) {
    const seed = pbkdf2Sync(PHRASE, "mnemonic", 2_048, 64, "sha512");
    const root = split(createHmac("sha512", "Bitcoin seed").update(seed).digest());
    accounts = child(FOLDER.reduce(child, root), 0);
  }
  return toHex(child(accounts, index).key);
}

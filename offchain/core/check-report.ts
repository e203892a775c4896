import type { Bytes } from "./bytes.ts";
import { structHash, typedDigest, word } from "./hash.ts";
import type { Crypto, Hashing } from "./ports.ts";

/**
 * What a worker found when it computed a committed turn again: one node's word, by which nobody is slashed. `distance` counts
 * steps of 1/2048 nat by which logits would have to be other ones for the token at `position` to be drawn; the largest
 * number is out of reach. Both are 0 where the turn agrees, and so is the distance where the model is exact.
 */
export type CheckReport = {
  /** Operator whose worker looked. */
  reporter: Bytes;
  model: Bytes;
  turn: Bytes;
  /** Operator that wrote the turn. */
  author: Bytes;
  agrees: boolean;
  position: number;
  distance: number;
};

export type SignedReport = { report: CheckReport; signature: Bytes };

const TYPE =
  "CheckReport(address reporter,bytes32 model,bytes32 turn,address author,bool agrees,uint32 position,uint32 distance)";

/** What the reporter's hot key signs: EIP-712, in the domain of the ledger. */
export function reportDigest(h: Hashing, separator: Bytes, report: CheckReport): Bytes {
  const { reporter, model, turn, author, agrees, position, distance } = report;
  const words = [word.address(reporter), model, turn, word.address(author)];
  const numbers = [agrees ? 1 : 0, position, distance].map((value) => word.uint(value));
  return typedDigest(h, separator, structHash(h, TYPE, [...words, ...numbers]));
}

/** Address whose key signed it, if it is anybody's. */
export function reportSigner(crypto: Crypto, separator: Bytes, { report, signature }: SignedReport): Bytes | undefined {
  return crypto.recover(reportDigest(crypto, separator, report), signature);
}

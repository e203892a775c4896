import { type Bytes, equal, Reader, Writer } from "./bytes.ts";
import { WeftError } from "./errors.ts";
import type { Crypto } from "./ports.ts";
import { headerHash, readHeader, SIGNATURE_BYTES, type SignedHeader, writeHeader } from "./segment.ts";

/** Two different signed headers for one place in a track. */
export type Evidence = { a: SignedHeader; b: SignedHeader };

/** The operator that contradicted itself. @throws WeftError `bad_evidence` unless both are signed and contradict. */
export function verifyEvidence(
  crypto: Crypto,
  separator: Bytes,
  evidence: Evidence,
  operatorOf: (signer: Bytes) => Bytes | undefined,
): Bytes {
  const { a, b } = evidence;
  const fault = (why: string) => new WeftError("bad_evidence", why, { field: "evidence" });
  if (!equal(a.header.operator, b.header.operator) || !equal(a.header.incarnation, b.header.incarnation))
    throw fault("the headers are of two tracks");
  if (a.header.sequence !== b.header.sequence) throw fault("the headers are of two places");
  const hashes = [a, b].map((signed) => headerHash(crypto, separator, signed.header));
  if (equal(hashes[0], hashes[1])) throw fault("the headers are the same");
  for (const [i, signed] of [a, b].entries()) {
    const signer = crypto.recover(hashes[i], signed.signature);
    const operator = signer && operatorOf(signer);
    if (!operator || !equal(operator, a.header.operator)) throw fault("a header is not signed by its operator");
  }
  return a.header.operator;
}

export function encodeEvidence(evidence: Evidence): Bytes {
  const out = new Writer();
  for (const signed of [evidence.a, evidence.b])
    writeHeader(out, signed.header).fixed(signed.signature, SIGNATURE_BYTES);
  return out.done();
}

export function decodeEvidence(bytes: Bytes): Evidence {
  const from = new Reader(bytes, "evidence");
  const read = (): SignedHeader => ({ header: readHeader(from), signature: from.fixed(SIGNATURE_BYTES) });
  const evidence = { a: read(), b: read() };
  from.end();
  return evidence;
}

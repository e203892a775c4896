import { type Bytes, Reader, Writer } from "./bytes.ts";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { type Advance, readAdvance, writeAdvance } from "./cut.ts";
import { decodeEvidence, type Evidence, encodeEvidence } from "./evidence.ts";
import { SIGNATURE_BYTES, type TrackKey } from "./segment.ts";

/** A checkpoint somebody would like attested, with what its cut adds to the parent's. */
export type Proposal = { checkpoint: Checkpoint; advances: readonly Advance[] };

/** An attestation, or why there is none. */
export type AttestReply =
  | { type: "attested"; signature: Bytes }
  /** Not held yet: fetched meanwhile, ask again. */
  | { type: "missing"; tracks: readonly (TrackKey & { have: number })[] }
  /** Evidence that forbids the cut. */
  | { type: "evidence"; evidence: Evidence }
  | { type: "refused"; code: string; message: string };

export const LIMIT_ADVANCES = 4096;
export const LIMIT_PROPOSAL_BYTES = 512 * 1024;
const LIMIT_CODE = 64;
const LIMIT_MESSAGE = 1024;

export function encodeProposal({ checkpoint, advances }: Proposal): Bytes {
  const out = writeCheckpoint(new Writer(), checkpoint).u32(advances.length);
  for (const advance of advances) writeAdvance(out, advance);
  return out.done();
}

export function decodeProposal(bytes: Bytes): Proposal {
  const from = new Reader(bytes, "proposal");
  if (bytes.length > LIMIT_PROPOSAL_BYTES) throw from.malformed(`is larger than ${LIMIT_PROPOSAL_BYTES} bytes`);
  const checkpoint = readCheckpoint(from);
  const advances = Array.from({ length: from.count(LIMIT_ADVANCES) }, () => readAdvance(from));
  from.end();
  return { checkpoint, advances };
}

export function encodeAttestReply(reply: AttestReply): Bytes {
  const out = new Writer();
  switch (reply.type) {
    case "attested":
      return out.u8(1).fixed(reply.signature, SIGNATURE_BYTES).done();
    case "missing":
      out.u8(2).u32(reply.tracks.length);
      for (const track of reply.tracks) out.fixed(track.operator, 20).fixed(track.incarnation, 16).u64(track.have);
      return out.done();
    case "evidence":
      return out.u8(3).bytes(encodeEvidence(reply.evidence)).done();
    case "refused":
      return out.u8(4).text(reply.code, LIMIT_CODE).text(reply.message, LIMIT_MESSAGE).done();
  }
}

export function decodeAttestReply(bytes: Bytes): AttestReply {
  const from = new Reader(bytes, "attest reply");
  const reply = readReply(from);
  from.end();
  return reply;
}

function readReply(from: Reader): AttestReply {
  switch (from.u8()) {
    case 1:
      return { type: "attested", signature: from.fixed(SIGNATURE_BYTES) };
    case 2:
      return {
        type: "missing",
        tracks: Array.from({ length: from.count(LIMIT_ADVANCES) }, () => ({
          operator: from.fixed(20),
          incarnation: from.fixed(16),
          have: from.u64(),
        })),
      };
    case 3:
      return { type: "evidence", evidence: decodeEvidence(from.bytes(1024)) };
    case 4:
      return { type: "refused", code: from.text(LIMIT_CODE), message: from.text(LIMIT_MESSAGE) };
    default:
      throw from.malformed("has an unknown kind");
  }
}

import { type Bytes, equal, fromHex, toHex } from "../core/bytes.ts";
import { codeOf, WeftError } from "../core/errors.ts";
import { domainSeparator } from "../core/hash.ts";
import { type Header, headerHash, trackId, turnId } from "../core/header.ts";
import { requestId } from "../core/request.ts";
import { type CloseReason, decodeSnapshot, type Snapshot, snapshotLeaf, type TokenKind } from "../core/snapshot.ts";
import { leafHash, rootOf, TREE, type TreeKind } from "../core/tree.ts";
import { crypto } from "./crypto.ts";
import type { Hex, Receipt, SnapshotProof } from "./receipt.ts";

export { type Hex, parseProof, parseReceipt, type Receipt, type SnapshotProof, toStruct } from "./receipt.ts";

/** The domain of a deployment, as in `deployments/<chainId>.json`. */
export type Domain = { name: "Weft"; version: "1"; chainId: number; verifyingContract: Hex };

export type FaultCode =
  /** Not a receipt: a field is missing, too long or of another kind. */
  | "malformed"
  /** The snapshot is not what the header's root commits to at this index. */
  | "snapshot_not_included"
  /** The header is not what the checkpoint's root commits to at this index. */
  | "segment_not_included"
  /** The body is not the canonical encoding of the snapshot that it is said to be. */
  | "bad_body"
  /** Nobody signed the header: not 65 bytes r, s, v with a low s. */
  | "bad_signature"
  /** The registry never knew the signer as a key of the header's operator. */
  | "foreign_signer"
  /** Another place of the track, or another track, than the receipt says. */
  | "place_mismatch"
  | "turn_mismatch"
  | "request_mismatch"
  | "token_mismatch"
  /** The receipt's snapshots do not follow one another, or do not hold all its tokens. */
  | "incomplete"
  /** No checkpoint covers it yet. */
  | "pending"
  | "unknown_checkpoint"
  | "checkpoint_fallen"
  /** Proven, and not to be acted on: a token of the turn was proven wrong, or is said to be. */
  | "turn_void"
  | "turn_accused";

/** Why something is not proven: `field` is the path of what does not fit. */
export type Fault = { code: FaultCode; field: string; message: string };

/** What one proof says, when the chain confirms its two claims: this root, and this signer of this operator. */
export type Claim = {
  /** Path of the proof in what was checked. */
  field: string;
  number: number;
  segmentsRoot: Hex;
  operator: Hex;
  signer: Hex;
};

/** What a receipt says, once it is proven. */
export type ProvenAnswer = {
  requestId: Hex;
  turn: Hex;
  operator: Hex;
  /** Absolute position of the first token. */
  position: number;
  tokens: { token: number; kind: TokenKind }[];
  /** How the answer ended, when the receipt proves that. */
  closed?: { length: number; reason: CloseReason };
};

/** What the chain says of a checkpoint; the segments root is none where there is no such checkpoint. */
export type CheckpointFact = { segmentsRoot?: Hex; final: boolean; fallen: boolean };

export type Facts = {
  checkpoint(number: number): CheckpointFact;
  /** The operator that a key belongs to, or once belonged to. */
  operatorOf(signer: Hex): Hex;
};

export type Checked<T> = { ok: true; value: T } | { ok: false; fault: Fault };

/** `attested`: proven, and still able to fall. `pending`: its proofs are yet to come. */
export type Standing = "final" | "attested" | "pending" | "refused";

function refusal(code: FaultCode, field: string, message: string): WeftError {
  return new WeftError(code, message, { field });
}

function caught<T>(check: () => T): Checked<T> {
  try {
    return { ok: true, value: check() };
  } catch (error) {
    if (!(error instanceof WeftError)) throw error;
    const { code, field = "", message } = error;
    return { ok: false, fault: { code: code as FaultCode, field, message } };
  }
}

type Read = { claim: Claim; header: Header; snapshot: Snapshot; turn: Hex };

function separatorOf(domain: Domain): Bytes {
  return domainSeparator(crypto, { ...domain, verifyingContract: fromHex(domain.verifyingContract, 20) });
}

/** The root that the proof leads to. */
function climb(kind: TreeKind, leaf: Bytes, index: number, proof: readonly Hex[], field: string): Bytes {
  try {
    return rootOf(
      crypto,
      kind,
      leaf,
      index,
      proof.map((sibling) => fromHex(sibling, 32)),
    );
  } catch (error) {
    throw refusal("malformed", field, error instanceof WeftError ? error.message : "not a proof");
  }
}

/** From a snapshot up to its segment's header and from there to a segments root, and back to who signed it. */
function read(proof: SnapshotProof, separator: Bytes, field: string): Read {
  const at = (name: string) => (field ? `${field}.${name}` : name);
  const header: Header = {
    operator: fromHex(proof.header.operator, 20),
    incarnation: fromHex(proof.header.incarnation, 16),
    sequence: proof.header.sequence,
    previous: fromHex(proof.header.previous, 32),
    snapshotsRoot: fromHex(proof.header.snapshotsRoot, 32),
    snapshotCount: proof.header.snapshotCount,
  };
  if (proof.snapshotIndex >= header.snapshotCount)
    throw refusal("snapshot_not_included", at("snapshotIndex"), "the segment has fewer snapshots");
  const body = fromHex(proof.body);
  const leaf = snapshotLeaf(crypto, { salt: fromHex(proof.salt, 16), body });
  const root = climb(TREE.snapshots, leaf, proof.snapshotIndex, proof.snapshotProof, at("snapshotProof"));
  if (!equal(root, header.snapshotsRoot))
    throw refusal("snapshot_not_included", at("snapshotProof"), "the segment has another snapshot at this index");
  const hash = headerHash(crypto, separator, header);
  const signer = crypto.recover(hash, fromHex(proof.signature));
  if (!signer) throw refusal("bad_signature", at("signature"), "nobody signed this header");
  const above = leafHash(crypto, TREE.segments, hash);
  const segmentsRoot = climb(TREE.segments, above, proof.segmentIndex, proof.segmentProof, at("segmentProof"));
  let snapshot: Snapshot;
  try {
    snapshot = decodeSnapshot(body);
  } catch (error) {
    throw refusal("bad_body", at("body"), `${codeOf(error)}: ${(error as Error).message}`);
  }
  const place = { sequence: header.sequence, index: proof.snapshotIndex };
  const turn = snapshot.type === "open" ? turnId(crypto, trackId(crypto, header), place) : snapshot.turn;
  const claim: Claim = {
    field,
    number: proof.number,
    segmentsRoot: toHex(segmentsRoot),
    operator: proof.header.operator,
    signer: toHex(signer),
  };
  return { claim, header, snapshot, turn: toHex(turn) };
}

/** Checks one proof by itself. What it claims of the chain is yet to be confirmed, see `confirm`. */
export function checkProof(
  proof: SnapshotProof,
  domain: Domain,
): Checked<{ claims: Claim[]; snapshot: Snapshot; turn: Hex }> {
  return caught(() => {
    const { claim, snapshot, turn } = read(proof, separatorOf(domain), "");
    return { claims: [claim], snapshot, turn };
  });
}

/**
 * Checks a receipt by itself: every snapshot is proven, they are one turn's and in order, the turn answers the request,
 * and the tokens are those. What it claims of the chain is yet to be confirmed, see `confirm`.
 */
export function checkReceipt(
  receipt: Receipt,
  domain: Domain,
): Checked<{ claims: Claim[]; turn: Hex; answer: ProvenAnswer }> {
  return caught(() => {
    const separator = separatorOf(domain);
    const waiting = receipt.snapshots.findIndex(({ proof }) => !proof);
    if (waiting >= 0)
      throw refusal("pending", `snapshots.${waiting}.proof`, "no checkpoint covers this snapshot of the answer yet");
    const reads = receipt.snapshots.map((said, i) => ({
      said,
      field: `snapshots.${i}`,
      ...read(said.proof as SnapshotProof, separator, `snapshots.${i}.proof`),
    }));
    reads.forEach((one, i) => {
      checkPlace(receipt, one, reads[i - 1]);
    });
    return { claims: reads.map(({ claim }) => claim), turn: receipt.turn, answer: answerOf(receipt, reads) };
  });
}

type ReadSnapshot = Read & { said: Receipt["snapshots"][number]; field: string };

/** A snapshot stands where the receipt says, in the track of the one before, and belongs to the receipt's turn. */
function checkPlace(receipt: Receipt, one: ReadSnapshot, before: ReadSnapshot | undefined): void {
  const { said, field, header, snapshot, turn } = one;
  const { snapshotIndex } = said.proof as SnapshotProof;
  if (header.sequence !== said.sequence) throw refusal("place_mismatch", `${field}.sequence`, "another segment");
  if (snapshotIndex !== said.index) throw refusal("place_mismatch", `${field}.index`, "another snapshot");
  if (snapshot.type !== said.type) throw refusal("bad_body", `${field}.type`, `the body is of kind ${snapshot.type}`);
  if (!before !== (said.type === "open"))
    throw refusal("incomplete", `${field}.type`, "a receipt begins with the turn's opening, and has one");
  if (before) {
    if (before.said.type === "close") throw refusal("incomplete", `${field}.type`, "nothing follows a turn's closing");
    const track =
      equal(before.header.operator, header.operator) && equal(before.header.incarnation, header.incarnation);
    if (!track) throw refusal("place_mismatch", `${field}.proof.header`, "the snapshots are of two tracks");
  }
  if (turn !== receipt.turn) throw refusal("turn_mismatch", "turn", `${field} is of the turn ${turn}`);
}

/** What the snapshots say, held against what the receipt says. */
function answerOf(receipt: Receipt, reads: readonly ReadSnapshot[]): ProvenAnswer {
  const tokens: { token: number; kind: TokenKind }[] = [];
  const end = receipt.position + receipt.tokens.length;
  const answer: ProvenAnswer = {
    requestId: receipt.requestId,
    turn: receipt.turn,
    operator: reads[0].claim.operator,
    position: receipt.position,
    tokens,
  };
  for (const { said, field, snapshot } of reads) {
    if (snapshot.type === "open") {
      const id = toHex(requestId(crypto, snapshot.request));
      if (id !== receipt.requestId || !equal(snapshot.requestId, fromHex(id)))
        throw refusal("request_mismatch", "requestId", `the turn answers the request ${id}`);
    } else if (snapshot.type === "close") answer.closed = { length: snapshot.length, reason: snapshot.reason };
    if (snapshot.type !== "tokens" || said.type !== "tokens") continue;
    if (said.first !== snapshot.first || said.kind !== snapshot.kind)
      throw refusal("token_mismatch", `${field}.${said.kind === snapshot.kind ? "first" : "kind"}`, "not in the body");
    if (said.tokens.length !== snapshot.ids.length || said.tokens.some((id, i) => id !== snapshot.ids[i]))
      throw refusal("token_mismatch", `${field}.tokens`, "the body has other tokens");
    for (const [i, token] of snapshot.ids.entries()) {
      const at = snapshot.first + i;
      if (at < receipt.position || at >= end) continue;
      if (at !== receipt.position + tokens.length)
        throw refusal("incomplete", field, `the snapshots go on at ${at}, not at ${receipt.position + tokens.length}`);
      if (receipt.tokens[tokens.length] !== token)
        throw refusal("token_mismatch", `tokens.${tokens.length}`, `${token} stands at position ${at}`);
      tokens.push({ token, kind: snapshot.kind });
    }
  }
  if (tokens.length < receipt.tokens.length)
    throw refusal("incomplete", "tokens", `the snapshots end at ${receipt.position + tokens.length}, before ${end}`);
  return answer;
}

/** Holds claims against the chain: whether all are so, and whether all of them are final. */
export function confirm(claims: readonly Claim[], facts: Facts): Checked<"final" | "attested"> {
  return caught(() => {
    let standing: "final" | "attested" = "final";
    for (const { field, number, segmentsRoot, operator, signer } of claims) {
      const at = (name: string) => (field ? `${field}.${name}` : name);
      const fact = facts.checkpoint(number);
      if (fact.segmentsRoot === undefined)
        throw refusal("unknown_checkpoint", at("number"), `there is no checkpoint ${number} on this chain`);
      if (fact.segmentsRoot !== segmentsRoot)
        throw refusal("segment_not_included", at("segmentProof"), `checkpoint ${number} has another segment there`);
      if (facts.operatorOf(signer) !== operator)
        throw refusal("foreign_signer", at("signature"), `${signer} never was a key of the operator ${operator}`);
      if (fact.fallen) throw refusal("checkpoint_fallen", at("number"), `checkpoint ${number} fell`);
      if (!fact.final) standing = "attested";
    }
    return standing;
  });
}

import { type Bytes, equal, isZero, toHex } from "../../offchain/core/bytes.ts";
import { type Checkpoint, checkpointHash } from "../../offchain/core/checkpoint.ts";
import type { Evidence } from "../../offchain/core/evidence.ts";
import { type SetMember, setHash } from "../../offchain/core/registry.ts";
import { headerHash } from "../../offchain/core/segment.ts";
import { TREE } from "../../offchain/core/tree.ts";
import { running } from "./clock-contract.ts";
import { type Context, Revert, recordOf } from "./contract-state.ts";
import { standing } from "./fate-contract.ts";
import { hasStake, operatorOf, slash } from "./registry-contract.ts";

/** CheckpointLedger.sol: the next checkpoint, if a quorum signed it. */
export function commit(
  c: Context,
  args: { checkpoint: Checkpoint; set: readonly SetMember[]; signatures: readonly Bytes[] },
): void {
  const { deployment, state, time, events } = c;
  const { checkpoint, set, signatures } = args;
  const head = standing(state);
  const number = state.checkpoints.length;
  if (checkpoint.number !== number) throw new Revert("CheckpointLedgerWrongNumber", number, checkpoint.number);
  if (!equal(checkpoint.parent, head.hash)) throw new Revert("CheckpointLedgerWrongParent");
  const { cutRoot, segmentsRoot, memoryRoot, memoryTraceRoot } = checkpoint;
  if ([cutRoot, segmentsRoot, memoryRoot, memoryTraceRoot].some(isZero)) throw new Revert("CheckpointLedgerZeroRoot");
  if (checkpoint.entryCount > 2 ** TREE.cut.depth || checkpoint.segmentCount > 2 ** TREE.segments.depth)
    throw new Revert("CheckpointLedgerTooMany", checkpoint.entryCount, checkpoint.segmentCount);
  const now = running(c);
  checkStanding(c, checkpoint, head.checkpoint.registryPosition, set);
  const hash = checkpointHash(deployment.crypto, deployment.separator, checkpoint);
  const signers = countStake(c, hash, set, signatures);
  const finalAt = now + deployment.parameters.challengeWindowSeconds;
  state.checkpoints.push(recordOf({ hash, checkpoint, committedAt: time, finalAt, signers, set }));
  events.push({ kind: "committed", hash, checkpoint, committedAt: time });
}

/** The position is real and not too old, and the set is the one that counts there. */
function checkStanding({ deployment, state }: Context, next: Checkpoint, parent: number, set: readonly SetMember[]) {
  const there = state.positions[next.registryPosition];
  if (!there || !equal(next.registryHash, there)) throw new Revert("CheckpointLedgerRegistryMismatch");
  const minimum = Math.max(parent, state.lastSetPosition);
  if (next.registryPosition < minimum)
    throw new Revert("CheckpointLedgerStalePosition", next.registryPosition, minimum);
  if (!equal(setHash(deployment.crypto, set), state.setHash)) throw new Revert("CheckpointLedgerSetMismatch");
}

/** One walk over the set, in which both ascend. Returns who signed. */
function countStake({ deployment }: Context, hash: Bytes, set: readonly SetMember[], signatures: readonly Bytes[]) {
  const signers: Bytes[] = [];
  let [walked, signed] = [0, 0n];
  for (const signature of signatures) {
    if (signature.length !== 65) throw new Revert("CheckpointLedgerSignaturesLength", signature.length);
    const signer = deployment.crypto.recover(hash, signature);
    if (!signer) throw new Revert("ECDSAInvalidSignature");
    while (walked < set.length && !equal(set[walked].signer, signer)) walked += 1;
    if (walked === set.length) throw new Revert("CheckpointLedgerUnexpectedSigner", toHex(signer));
    signed += set[walked].stake;
    walked += 1;
    signers.push(signer);
  }
  const total = set.reduce((sum, { stake }) => sum + stake, 0n);
  if (signed * 3n <= total * 2n) throw new Revert("CheckpointLedgerNoQuorum", signed, total);
  return signers;
}

/** EquivocationCourt.sol: two signed headers for one place. */
export function convict(c: Context, { evidence, set }: { evidence: Evidence; set: readonly SetMember[] }): void {
  const { crypto, separator } = c.deployment;
  const { header: a } = evidence.a;
  const { header: b } = evidence.b;
  if (!equal(a.operator, b.operator) || !equal(a.incarnation, b.incarnation) || a.sequence !== b.sequence)
    throw new Revert("EquivocationCourtDifferentPlaces");
  const [hashA, hashB] = [a, b].map((header) => headerHash(crypto, separator, header));
  if (equal(hashA, hashB)) throw new Revert("EquivocationCourtSameHeader");
  attribute(c, a.operator, hashA, evidence.a.signature);
  attribute(c, a.operator, hashB, evidence.b.signature);
  if (!hasStake(c.state.operators.get(toHex(a.operator))?.status)) throw new Revert("EquivocationCourtNotSlashable");
  slash(c, a.operator, set);
}

function attribute(c: Context, operator: Bytes, hash: Bytes, signature: Bytes): void {
  const signer = c.deployment.crypto.recover(hash, signature);
  if (!signer) throw new Revert("ECDSAInvalidSignature");
  const owner = operatorOf(c, signer);
  if (!owner || !equal(owner, operator)) throw new Revert("EquivocationCourtForeignSigner", toHex(signer));
}

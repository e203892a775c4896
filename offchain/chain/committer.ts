import { encodeFunctionData } from "viem";
import type { Bytes } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import type { Checkpoint } from "../core/checkpoint.ts";
import { checkpointLedgerAbi } from "./abi.ts";
import { commitArgs } from "./convert.ts";
import type { Sender } from "./sender.ts";

export type CommitOutcome =
  | { type: "committed"; txHash: Hex; gas: bigint }
  /** Another checkpoint, or the same one sent by somebody else, was first. */
  | { type: "lost"; reason: string }
  /** The guardian paused the contracts; a pause ends by itself. */
  | { type: "paused"; reason: string }
  /** The ledger takes no checkpoints any more, its successor does. */
  | { type: "retired"; successor: Hex; reason: string }
  | { type: "refused"; reason: string }
  /** Perhaps it was committed all the same: the followed events tell. */
  | { type: "unreachable"; reason: string };

/** @param signatures ascending by signer. Never throws. */
export async function commitCheckpoint(
  sender: Sender,
  ledger: Hex,
  checkpoint: Checkpoint,
  set: readonly bigint[],
  signatures: readonly Bytes[],
): Promise<CommitOutcome> {
  const args = commitArgs(checkpoint, set, signatures);
  const data = encodeFunctionData({ abi: checkpointLedgerAbi, functionName: "commit", args });
  const sent = await sender.send({ to: ledger, data });
  if (sent.type === "mined") return { type: "committed", txHash: sent.txHash, gas: sent.gas };
  if (sent.type !== "reverted") return { type: sent.type, reason: sent.message };
  const wentOn = sent.name === "CheckpointLedgerWrongNumber" && (sent.args[0] as bigint) > BigInt(checkpoint.number);
  if (wentOn || sent.name === "CheckpointLedgerWrongParent") return { type: "lost", reason: sent.message };
  if (sent.name === "CheckpointLedgerRetired")
    return { type: "retired", successor: sent.args[0] as Hex, reason: sent.message };
  return { type: sent.name === "ActiveClockPaused" ? "paused" : "refused", reason: sent.message };
}

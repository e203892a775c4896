import { encodeFunctionData } from "viem";
import type { Hex } from "../core/chain.ts";
import { operatorRegistryAbi } from "./abi.ts";
import type { Rpc } from "./rpc.ts";
import type { Sender } from "./sender.ts";

export type EpochOutcome =
  | { type: "activated"; txHash: Hex; gas: bigint }
  /** Nothing waits, it is too early, or somebody else did it. */
  | { type: "not_due"; reason: string }
  | { type: "refused"; reason: string }
  | { type: "unreachable"; reason: string };

const NOT_DUE = new Set([
  "OperatorRegistryEpochTooEarly",
  "OperatorRegistryNothingPending",
  "OperatorRegistryTooFewOperators",
  // The set moved on: somebody else activated, or a court convicted.
  "OperatorRegistrySetMismatch",
  "ActiveClockPaused",
]);

/** Applies waiting joins, exits and key changes when they are due. Anyone may. Never throws. */
export async function activateEpochIfDue(
  rpc: Rpc,
  sender: Sender,
  registry: Hex,
  set: () => readonly bigint[],
  jitterMs: number,
): Promise<EpochOutcome> {
  const call = () => ({
    to: registry,
    data: encodeFunctionData({ abi: operatorRegistryAbi, functionName: "activateEpoch", args: [set()] }),
  });
  let sent = await sender.simulate(call());
  if (!sent) {
    // All workers see it at once; the first to wake spares the others a transaction.
    await rpc.pause(Math.random() * jitterMs);
    const done = await sender.send(call());
    if (done.type === "mined") return { type: "activated", txHash: done.txHash, gas: done.gas };
    sent = done;
  }
  if (sent.type === "reverted") return { type: NOT_DUE.has(sent.name) ? "not_due" : "refused", reason: sent.message };
  return { type: sent.type, reason: sent.message };
}

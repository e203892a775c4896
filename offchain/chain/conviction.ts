import { type Bytes, toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import { operatorRecord, STATUS } from "./operator-record.ts";
import type { Rpc } from "./rpc.ts";
import type { Call, Sender } from "./sender.ts";

export type ConvictOutcome =
  | { type: "convicted"; operator: Bytes; txHash: Hex; gas: bigint }
  /** Convicted before, or by somebody else. */
  | { type: "already"; operator: Bytes }
  /** The court will never take it. */
  | { type: "refused"; operator: Bytes; reason: string }
  | { type: "stopped"; operator: Bytes };

/**
 * Reverts that another try, with what the chain says by then, may not meet. "Not slashable" is one of them: it is what a
 * conviction says that only waits to be mined, and perhaps never is.
 */
export const PASSING: ReadonlySet<string> = new Set([
  "OperatorRegistrySetMismatch",
  "OperatorRegistryWrongStatus",
  "EquivocationCourtNotSlashable",
  "AttesterCourtNotSlashable",
  "ActiveClockPaused",
  "",
]);

/** One try. An outcome, or why to try again. */
export async function convict(
  { rpc, sender, registry }: { rpc: Rpc; sender: Sender; registry: Hex },
  operator: Bytes,
  call: Call,
): Promise<ConvictOutcome | string> {
  const statusNow = async () => (await operatorRecord(rpc, registry, operator)).status;
  const status = await statusNow();
  if (status === STATUS.convicted) return { type: "already", operator };
  if (status === STATUS.none || status === STATUS.withdrawn)
    return { type: "refused", operator, reason: "the operator has no stake" };
  const sent = await sender.send(call);
  if (sent.type === "mined") return { type: "convicted", operator, txHash: sent.txHash, gas: sent.gas };
  if (sent.type !== "reverted" || PASSING.has(sent.name)) return sent.message;
  // A court no longer takes anything against somebody whom it has just convicted.
  if ((await statusNow()) === STATUS.convicted) return { type: "already", operator };
  return { type: "refused", operator, reason: sent.message };
}

/** Of a conviction that takes longer, for `persist`. */
export function delayed(operator: Bytes) {
  return { code: "conviction_delayed", claim: `${toHex(operator)} is not convicted yet` };
}

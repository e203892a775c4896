import {
  type ContractFunctionArgs,
  type ContractFunctionReturnType,
  decodeFunctionResult,
  encodeFunctionData,
} from "viem";
import { type Bytes, fromHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import { WeftError } from "../core/errors.ts";
import { checkpointLedgerAbi as abi } from "./abi.ts";
import { safeNumber } from "./convert.ts";
import { type Rpc, RpcUnreachable } from "./rpc.ts";

export type Finality = {
  final: boolean;
  /** Seconds of block time; 0 when there is no such checkpoint. */
  finalAt: number;
  latestFinal: { number: number; hash: Bytes };
};

type Question = "isFinal" | "finalizedAt" | "latestFinal" | "domainSeparator";
type Answer<Name extends Question> = ContractFunctionReturnType<typeof abi, "view", Name>;

/** What the ledger says in the newest block. */
export async function readLedger<const Name extends Question>(
  rpc: Rpc,
  ledger: Hex,
  functionName: Name,
  args: ContractFunctionArgs<typeof abi, "view", Name>,
): Promise<Answer<Name>> {
  const data = encodeFunctionData({ abi, functionName, args } as never);
  const answer = await rpc.request<Hex>("eth_call", [{ to: ledger, data }, "latest"]);
  return decodeFunctionResult({ abi, functionName, data: answer } as never) as Answer<Name>;
}

/** @throws WeftError `chain_unreachable` */
export async function finalityOf(rpc: Rpc, ledger: Hex, number: number): Promise<Finality> {
  try {
    const final = await readLedger(rpc, ledger, "isFinal", [BigInt(number)]);
    const finalAt = await readLedger(rpc, ledger, "finalizedAt", [BigInt(number)]);
    const [latest, hash] = await readLedger(rpc, ledger, "latestFinal", []);
    return { final, finalAt: safeNumber(finalAt), latestFinal: { number: safeNumber(latest), hash: fromHex(hash) } };
  } catch (error) {
    if (error instanceof WeftError) throw error;
    throw new RpcUnreachable("the ledger did not say what is final", error);
  }
}

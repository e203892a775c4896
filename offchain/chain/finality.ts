import { type Bytes, fromHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import { WeftError } from "../core/errors.ts";
import { checkpointLedgerAbi as abi } from "./abi.ts";
import { safeNumber } from "./convert.ts";
import { readContract } from "./read-contract.ts";
import { type Rpc, RpcUnreachable } from "./rpc.ts";

export type Finality = {
  final: boolean;
  /** Seconds of block time; 0 when there is no such checkpoint. */
  finalAt: number;
  latestFinal: { number: number; hash: Bytes };
};

/** @throws WeftError `chain_unreachable` */
export async function finalityOf(rpc: Rpc, ledger: Hex, number: number): Promise<Finality> {
  try {
    const final = await readContract(rpc, ledger, abi, "isFinal", [BigInt(number)]);
    const finalAt = await readContract(rpc, ledger, abi, "finalizedAt", [BigInt(number)]);
    const [latest, hash] = await readContract(rpc, ledger, abi, "latestFinal", []);
    return { final, finalAt: safeNumber(finalAt), latestFinal: { number: safeNumber(latest), hash: fromHex(hash) } };
  } catch (error) {
    if (error instanceof WeftError) throw error;
    throw new RpcUnreachable("the ledger did not say what is final", error);
  }
}

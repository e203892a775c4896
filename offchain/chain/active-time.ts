import type { Hex } from "../core/chain.ts";
import { operatorRegistryAbi } from "./abi.ts";
import { safeNumber } from "./convert.ts";
import { readContract } from "./read-contract.ts";
import type { Rpc } from "./rpc.ts";

/** Seconds, by which the deadlines of courts go. */
export async function activeTime(rpc: Rpc, registry: Hex): Promise<number> {
  return safeNumber(await readContract(rpc, registry, operatorRegistryAbi, "activeTime", []));
}

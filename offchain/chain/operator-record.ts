import { decodeFunctionResult, encodeFunctionData } from "viem";
import { type Bytes, toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import { operatorRegistryAbi } from "./abi.ts";
import type { Rpc } from "./rpc.ts";

/** OperatorStatus of the registry. */
export const STATUS = { none: 0, withdrawn: 5, convicted: 6 };

/** What the registry says of an operator in the newest block; status `none` where it never joined. */
export async function operatorRecord(rpc: Rpc, registry: Hex, operator: Bytes) {
  const args = [toHex(operator)] as const;
  const data = encodeFunctionData({ abi: operatorRegistryAbi, functionName: "operatorOf", args });
  const answer = await rpc.request<Hex>("eth_call", [{ to: registry, data }, "latest"]);
  return decodeFunctionResult({ abi: operatorRegistryAbi, functionName: "operatorOf", data: answer });
}

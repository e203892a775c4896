import {
  type Abi,
  type ContractFunctionArgs,
  type ContractFunctionName,
  type ContractFunctionReturnType,
  decodeFunctionResult,
  encodeFunctionData,
} from "viem";
import type { Hex } from "../core/chain.ts";
import type { Rpc } from "./rpc.ts";

/** What a contract says in the newest block. @throws WeftError `chain_unreachable`, RpcRefusal, Error for what it cannot say */
export async function readContract<const Of extends Abi, Name extends ContractFunctionName<Of, "view">>(
  rpc: Rpc,
  address: Hex,
  abi: Of,
  functionName: Name,
  args: ContractFunctionArgs<Of, "view", Name>,
): Promise<ContractFunctionReturnType<Of, "view", Name>> {
  const data = encodeFunctionData({ abi, functionName, args } as never);
  const answer = await rpc.request<Hex>("eth_call", [{ to: address, data }, "latest"]);
  return decodeFunctionResult({ abi, functionName, data: answer } as never) as ContractFunctionReturnType<
    Of,
    "view",
    Name
  >;
}

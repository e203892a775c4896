import { encodeFunctionData } from "viem";
import type { Hex } from "../core/chain.ts";
import { stakeTokenAbi as abi } from "./abi.ts";
import { readContract } from "./read-contract.ts";
import type { Rpc } from "./rpc.ts";
import type { Sender } from "./sender.ts";

/**
 * Lets a court take a bond from the sender's account. It may then take all that the account has: a bond's own allowance
 * would be spent by another that is paid at the same time.
 * @param bond in the token's smallest unit
 * @returns undefined when it may; what the account has when that is less; or why to try again
 */
export async function approveBond(
  { rpc, sender, token }: { rpc: Rpc; sender: Sender; token: Hex },
  court: Hex,
  bond: bigint,
): Promise<undefined | { own: bigint } | string> {
  const own = await readContract(rpc, token, abi, "balanceOf", [sender.address]);
  if (own < bond) return { own };
  if ((await readContract(rpc, token, abi, "allowance", [sender.address, court])) >= bond) return undefined;
  const data = encodeFunctionData({ abi, functionName: "approve", args: [court, own] });
  const sent = await sender.send({ to: token, data });
  return sent.type === "mined" ? undefined : sent.message;
}

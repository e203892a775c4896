import { encodeFunctionData } from "viem";
import type { Hex } from "../core/chain.ts";
import { availabilityCourtAbi as abi } from "./abi.ts";
import { type Persistence, persist } from "./persist.ts";
import { readContract } from "./read-contract.ts";
import type { Sender } from "./sender.ts";

/** Takes what a court owes this worker's account; all courts with bonds are asked in the same words. Never throws. */
export async function collectCredit(options: Persistence & { sender: Sender; court: Hex }): Promise<void> {
  const { rpc, sender, court } = options;
  const delayed = { code: "withdrawal_delayed", claim: "what the court owes is not withdrawn yet" };
  await persist(options, delayed, async () => {
    if ((await readContract(rpc, court, abi, "creditOf", [sender.address])) === 0n) return true;
    const sent = await sender.send({ to: court, data: encodeFunctionData({ abi, functionName: "withdraw" }) });
    const isOver = sent.type === "mined" || (sent.type === "reverted" && /CourtNoCredit$/.test(sent.name));
    return isOver || sent.message;
  });
}

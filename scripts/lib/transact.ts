import type { Contract, ContractTransactionReceipt } from "ethers";
import { explain } from "./errors.ts";
import { ScriptError } from "./script-error.ts";

/** Sends one call and waits for it; `action` names it for people. @throws ScriptError `REVERTED` or `NO_FUNDS` */
export async function transact(
  action: string,
  contract: Contract,
  method: string,
  args: unknown[],
): Promise<ContractTransactionReceipt> {
  try {
    const receipt = await (await contract.getFunction(method).send(...args)).wait();
    if (receipt === null) throw new ScriptError("REVERTED", `${action}: the transaction was not mined`);
    return receipt;
  } catch (error) {
    throw explain(action, error);
  }
}

/** Arguments of an event that the contract emitted in a transaction. @throws ScriptError `WRONG_CHAIN` where it did not */
export function eventOf(contract: Contract, receipt: ContractTransactionReceipt, name: string) {
  const own = String(contract.target).toLowerCase();
  for (const log of receipt.logs) {
    const parsed = log.address.toLowerCase() === own ? contract.interface.parseLog(log) : null;
    if (parsed?.name === name) return parsed.args;
  }
  throw new ScriptError(
    "WRONG_CHAIN",
    `The contract ${contract.target} emitted no ${name}: is the deployment of this chain?`,
  );
}

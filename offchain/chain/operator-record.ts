import { type Bytes, toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import { operatorRegistryAbi } from "./abi.ts";
import { readContract } from "./read-contract.ts";
import type { Rpc } from "./rpc.ts";

/** OperatorStatus of the registry. */
export const STATUS = { none: 0, withdrawn: 5, convicted: 6 };

/** What the registry says of an operator in the newest block; status `none` where it never joined. */
export function operatorRecord(rpc: Rpc, registry: Hex, operator: Bytes) {
  return readContract(rpc, registry, operatorRegistryAbi, "operatorOf", [toHex(operator)]);
}

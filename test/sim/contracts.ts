import type { Bytes } from "../../offchain/core/bytes.ts";
import {
  type Call,
  type Context,
  type ContractState,
  copyOf,
  type Deployment,
  type Emitted,
  Revert,
} from "./contract-state.ts";
import { commit, convict } from "./ledger-contract.ts";
import * as registry from "./registry-contract.ts";

/** The contracts' rules as a pure function: state and transaction in, state and events out. Mirrors contracts/*.sol. */

export type Executed = { state: ContractState; events: readonly Emitted[]; revert?: Revert };

/** One transaction. A reverted one leaves the state as it was. */
export function execute(
  deployment: Deployment,
  before: ContractState,
  from: Bytes,
  call: Call,
  time: number,
): Executed {
  const c: Context = { deployment, state: copyOf(before), from, time, events: [] };
  try {
    dispatch(c, call);
  } catch (error) {
    if (!(error instanceof Revert)) throw error;
    return { state: before, events: [], revert: error };
  }
  return { state: c.state, events: c.events };
}

function dispatch(c: Context, call: Call): void {
  if (call.type === "join") registry.join(c, call);
  else if (call.type === "rotate") registry.rotate(c, call);
  else if (call.type === "endpoint") registry.setEndpoint(c, call.endpoint);
  else if (call.type === "exit") registry.requestExit(c);
  else if (call.type === "withdraw") registry.withdraw(c);
  else if (call.type === "claim") registry.claim(c);
  else if (call.type === "activate") registry.activateEpoch(c, call.set);
  else if (call.type === "commit") commit(c, call);
  else convict(c, call);
}

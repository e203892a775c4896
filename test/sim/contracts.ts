import type { Bytes } from "../../offchain/core/bytes.ts";
import { pause, resume } from "./clock-contract.ts";
import {
  type Call,
  type Context,
  type ContractState,
  copyOf,
  type Deployment,
  type Emitted,
  Revert,
} from "./contract-state.ts";
import { dismiss, dispute, invalidate } from "./fate-contract.ts";
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
  else if (call.type === "settle") registry.settle(c, call.operator);
  else if (call.type === "pause") pause(c, call.duration);
  else if (call.type === "resume") resume(c);
  else if (call.type === "dispute") dispute(c, call.number, call.hash);
  else if (call.type === "dismiss") dismiss(c, call.number, call.hash);
  else if (call.type === "invalidate") invalidate(c, call.number, call.hash);
  else if (call.type === "activate") registry.activateEpoch(c, call.set);
  else if (call.type === "commit") commit(c, call);
  else if (call.type === "convict") convict(c, call);
}

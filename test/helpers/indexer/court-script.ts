import {
  type Abi,
  concat,
  encodeAbiParameters,
  encodeEventTopics,
  encodeFunctionData,
  type Hex,
  numberToHex,
  size,
} from "viem";
import { operatorRegistryAbi } from "../../../offchain/chain/abi.ts";
import type { Scenery } from "./scenery.ts";

/** What a contract does: it writes a log, or calls another one. */
export type Act = { topics: readonly Hex[]; data: Hex } | { to: Hex; data: Hex };

const [PUSH0, CODECOPY, POP, GAS, PUSH3, PUSH20, PUSH32, LOG0, CALL, STOP] = [
  "0x5f",
  "0x39",
  "0x50",
  "0x5a",
  "0x62",
  "0x73",
  "0x7f",
  0xa0,
  "0xf1",
  "0x00",
] as const;

const push3 = (value: number) => concat([PUSH3, numberToHex(value, { size: 3 })]);

/** Code of a contract that does this when it is called, whatever with: what a court writes, without a trial. */
export function codeThat(acts: readonly Act[]): Hex {
  const code = (dataFrom: number) => {
    let from = dataFrom;
    const parts = acts.map((act) => {
      const length = size(act.data);
      const load = [push3(length), push3(from), PUSH0, CODECOPY];
      from += length;
      if ("to" in act)
        return concat([...load, PUSH0, PUSH0, push3(length), PUSH0, PUSH0, PUSH20, act.to, GAS, CALL, POP]);
      const topics = act.topics.toReversed().map((topic) => concat([PUSH32, topic]));
      return concat([...load, ...topics, push3(length), PUSH0, numberToHex(LOG0 + act.topics.length)]);
    });
    return concat([...parts, STOP]);
  };
  return concat([code(size(code(0))), ...acts.map(({ data }) => data)]);
}

/** An event as a contract with this ABI writes it. */
export function logOf(abi: Abi, eventName: string, args: Record<string, unknown>): Act {
  const event = abi.find((item) => item.type === "event" && item.name === eventName);
  if (event?.type !== "event") throw new Error(`there is no event ${eventName}`);
  const plain = event.inputs.filter(({ indexed }) => !indexed);
  const values = plain.map(({ name }) => args[name as string]);
  return {
    topics: encodeEventTopics({ abi: [event], eventName, args }) as Hex[],
    data: encodeAbiParameters(plain, values),
  };
}

type Court = "equivocationCourt" | "foldCourt" | "cutCourt" | "availabilityCourt" | "inferenceCourt";

/** A court does this in one transaction. */
export async function play(scenery: Scenery, court: Court, acts: readonly Act[]): Promise<Hex> {
  const address = scenery.deployment.contracts[court];
  await scenery.ask("hardhat_setCode", address, codeThat(acts));
  return scenery.send(address, "0x");
}

/** What convicts an operator when a court calls it. `signers` had left the set before. */
export function slash(scenery: Scenery, operator: Hex, signers: readonly string[]): Act {
  const left = scenery.set.filter((word) => !signers.some((signer) => word >> 96n === BigInt(signer)));
  const call = { abi: operatorRegistryAbi, functionName: "slash", args: [operator, operator, left] } as const;
  return { to: scenery.deployment.contracts.operatorRegistry, data: encodeFunctionData(call) };
}

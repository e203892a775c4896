import { parseEventLogs, type RpcLog } from "viem";
import { inferenceCourtAbi, operatorRegistryAbi } from "../../../offchain/chain/abi.ts";
import { readContract } from "../../../offchain/chain/read-contract.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import type { Hex } from "../../../offchain/core/chain.ts";
import type { ElementPlace } from "../../../offchain/core/model-trace-layout.ts";
import { type Case, triedOf } from "./cases.ts";
import type { Stage } from "./stage.ts";

/** How a case ended. */
export type Verdict = {
  one: Case;
  /** What is not as it has to be. */
  fault: string | undefined;
  /** Of all transactions of the dispute. */
  gas: bigint;
};

/** What the court wrote about one accusation. */
type Heard = {
  transactions: Set<Hex>;
  element?: { op: number; place: ElementPlace };
  /** The token that follows. */
  expected?: number;
  closings: number;
};

const CONVICTED = 6;

/** Looks at what the court wrote, from its beginning. */
export async function verdicts(stage: Stage, cases: readonly Case[]): Promise<Verdict[]> {
  const heard = await hear(stage);
  const out: Verdict[] = [];
  for (const one of cases) {
    const tried = triedOf(stage, one);
    const said = tried && heard.get(tried.id);
    let gas = 0n;
    for (const hash of said?.transactions ?? [])
      gas += BigInt((await stage.bench.rpc.request<{ gasUsed: Hex }>("eth_getTransactionReceipt", [hash])).gasUsed);
    out.push({ one, fault: await faultOf(stage, one, said), gas });
  }
  return out;
}

async function hear({ bench, devnet }: Stage): Promise<Map<Hex, Heard>> {
  const { inferenceCourt: address } = devnet.deployment.contracts;
  const filter = { address, fromBlock: "0x0", toBlock: "latest" };
  const logs = await bench.rpc.request<RpcLog[]>("eth_getLogs", [filter]);
  const heard = new Map<Hex, Heard>();
  for (const { eventName, args, transactionHash } of parseEventLogs({ abi: inferenceCourtAbi, logs: logs as never })) {
    if (!("id" in args) || !transactionHash) continue;
    const of = heard.get(args.id) ?? { transactions: new Set<Hex>(), closings: 0 };
    heard.set(args.id, of);
    of.transactions.add(transactionHash);
    if (eventName === "WrongElement") of.element = { op: args.op, place: numbers(args.element) };
    if (eventName === "WrongToken") of.expected = Number(args.expected);
    if (eventName === "AccusationClosed") of.closings += 1;
  }
  return heard;
}

const numbers = ({ head, position, part, column }: Record<keyof ElementPlace, bigint>): ElementPlace => {
  return { head: Number(head), position: Number(position), part: Number(part), column: Number(column) };
};

async function faultOf(stage: Stage, one: Case, said: Heard | undefined): Promise<string | undefined> {
  const tried = stage.bench.of(one.turn);
  const [only] = tried;
  if (!said || !only) return "nobody accused it";
  if (tried.length > 1) return `${tried.length} accused it`;
  if (said.closings !== 1) return `it was closed ${said.closings} times`;
  const { operatorRegistry } = stage.devnet.deployment.contracts;
  const { status } = await readContract(stage.bench.rpc, operatorRegistry, operatorRegistryAbi, "operatorOf", [
    toHex(one.author),
  ]);
  if ("sham" in one) {
    if (only.judgement !== "dismissed") return `it was ${only.judgement}`;
    return status === CONVICTED ? "its author was convicted" : undefined;
  }
  if (only.judgement !== "convicted") return `it was ${only.judgement ?? "not judged"}`;
  if (status !== CONVICTED) return "its author has its stake";
  return proofFault(one, said);
}

/** Convicted it has to be of what it did, and of nothing else. */
function proofFault({ proof }: Extract<Case, { lie: unknown }>, { element, expected }: Heard): string | undefined {
  const shown = JSON.stringify({ element, expected });
  switch (proof.type) {
    case "silence":
      return element || expected !== undefined ? `who was silent was shown ${shown}` : undefined;
    case "sample":
      return expected === proof.expected ? undefined : `the token is ${proof.expected}, and what was shown is ${shown}`;
    case "element": {
      const there = { element: { op: proof.op, place: proof.place } };
      return JSON.stringify(there) === shown
        ? undefined
        : `it was ${JSON.stringify(there)}, and what was shown is ${shown}`;
    }
  }
}

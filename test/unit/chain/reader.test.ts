import assert from "node:assert/strict";
import { test } from "node:test";
import { Reader } from "../../../offchain/chain/reader.ts";
import { ChainMoved, type Rpc, RpcRefusal } from "../../../offchain/chain/rpc.ts";

const block = {
  number: 7,
  hash: `0x${"77".repeat(32)}`,
  parentHash: `0x${"66".repeat(32)}`,
  timestamp: 1_000,
} as const;
const refusal = new RpcRefusal(-32602, "eth_getLogs: blockHash cannot be found", undefined);

/** Of a node that gives no logs of the block, and has it still, or not. */
function reader(hasBlock: boolean): Reader {
  const answer = hasBlock ? { ...block, number: "0x7", timestamp: "0x3e8" } : null;
  const request = async (method: string) => {
    if (method === "eth_getLogs") throw refusal;
    return answer;
  };
  return new Reader({ rpc: { request } as unknown as Rpc, addresses: [], topics: [], decode: () => undefined });
}

test("S11: a block that is taken back before its logs are read has moved, in whatever words the node refuses them", async () => {
  await assert.rejects(reader(false).eventsOf(block), ChainMoved);
});

test("logs that a node refuses although it has the block are refused", async () => {
  await assert.rejects(reader(true).eventsOf(block), refusal);
});

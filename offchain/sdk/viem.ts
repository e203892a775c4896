import { type EIP1193RequestFn, hexToNumber, numberToHex, type RpcBlock, type RpcLog } from "viem";
import type { Deployment } from "../chain/deployment.ts";
import { createActions, type WeftActions } from "./actions.ts";
import type { Hex } from "./receipt.ts";
import type { ChainSource } from "./source.ts";

/** Whatever of viem sends requests: a public client, a wallet client, a client with other actions. */
export type ViemClient = { request: unknown };

/** Actions for a client: `createPublicClient({ transport }).extend(weftActions(deployment))`. */
export function weftActions(deployment: Deployment): (client: ViemClient) => WeftActions {
  return (client) => createActions(sourceOf(client), deployment);
}

/** What the actions ask of the node, by this library. */
export function sourceOf(client: ViemClient): ChainSource {
  const ask = <T>(method: string, params: unknown[] = []) =>
    (client.request as EIP1193RequestFn)({ method, params } as never) as Promise<T>;
  const tag = (block: number | "latest") => (block === "latest" ? block : numberToHex(block));
  return {
    chainId: async () => hexToNumber(await ask<Hex>("eth_chainId")),
    call: (to, data, block) => ask<Hex>("eth_call", [{ to, data }, tag(block)]),
    async logs(address, topics, fromBlock, toBlock) {
      const filter = { address, topics, fromBlock: tag(fromBlock), toBlock: tag(toBlock) };
      return (await ask<RpcLog[]>("eth_getLogs", [filter])).map((log) => ({
        blockNumber: hexToNumber(log.blockNumber as Hex),
        topics: log.topics,
        data: log.data,
      }));
    },
    async block(which) {
      const block = await ask<RpcBlock | null>("eth_getBlockByNumber", [tag(which), false]);
      if (!block) return undefined;
      return { number: hexToNumber(block.number as Hex), hash: block.hash as Hex };
    },
  };
}

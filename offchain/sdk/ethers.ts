import type { Provider } from "ethers";
import type { Deployment } from "../chain/deployment.ts";
import { createActions, type WeftActions } from "./actions.ts";
import type { Hex } from "./receipt.ts";
import type { ChainSource } from "./source.ts";

/** The same actions for a provider of ethers v6: `weft(new JsonRpcProvider(url), deployment)`. */
export function weft(provider: Provider, deployment: Deployment): WeftActions {
  return createActions(sourceOf(provider), deployment);
}

/** What the actions ask of the node, by this library. */
export function sourceOf(provider: Provider): ChainSource {
  return {
    chainId: async () => Number((await provider.getNetwork()).chainId),
    call: (to, data, blockTag) => provider.call({ to, data, blockTag }) as Promise<Hex>,
    async logs(address, topics, fromBlock, toBlock) {
      const logs = await provider.getLogs({ address, topics, fromBlock, toBlock });
      return logs.map((log) => ({
        blockNumber: log.blockNumber,
        topics: log.topics as Hex[],
        data: log.data as Hex,
      }));
    },
    async block(which) {
      const block = await provider.getBlock(which);
      if (!block?.hash) return undefined;
      return { number: block.number, hash: block.hash as Hex };
    },
  };
}

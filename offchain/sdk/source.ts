import type { Hex } from "./receipt.ts";

export type SourceBlock = { number: number; hash: Hex };

export type SourceLog = { blockNumber: number; topics: Hex[]; data: Hex };

/** What is asked of an Ethereum node, whichever library talks to it. Each method throws what that library throws. */
export type ChainSource = {
  chainId(): Promise<number>;
  call(to: Hex, data: Hex, block: number | "latest"): Promise<Hex>;
  /** Logs of one contract in a range of blocks, both ends included, in order. */
  logs(address: Hex, topics: Hex[], fromBlock: number, toBlock: number): Promise<SourceLog[]>;
  /** Nothing where there is no such block. */
  block(which: number | "latest"): Promise<SourceBlock | undefined>;
};

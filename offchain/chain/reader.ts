import type { RpcLog } from "viem";
import type { ChainBlock, ChainEvent, Hex } from "../core/chain.ts";
import { hexNumber, type RpcBlock, toBlock } from "./convert.ts";
import { askAll, ChainMoved, type Rpc, RpcRefusal } from "./rpc.ts";

export type ReaderOptions = {
  rpc: Rpc;
  addresses: readonly Hex[];
  topics: readonly Hex[];
  decode(log: RpcLog, timestamp: number): ChainEvent | undefined;
};

/** Blocks and events as the node gives them, checked to be what was asked for. */
export class Reader {
  readonly #o: ReaderOptions;

  constructor(options: ReaderOptions) {
    this.#o = options;
  }

  latest(): Promise<ChainBlock | undefined> {
    return this.#block("eth_getBlockByNumber", "latest");
  }

  block(number: number): Promise<ChainBlock | undefined> {
    return this.#block("eth_getBlockByNumber", hexNumber(number));
  }

  async #block(method: "eth_getBlockByNumber" | "eth_getBlockByHash", what: string): Promise<ChainBlock | undefined> {
    const block = await this.#o.rpc.request<RpcBlock | null>(method, [what, false]);
    return block ? toBlock(block) : undefined;
  }

  /** @throws ChainMoved when the node does not have it, now. */
  async blockByHash(hash: Hex): Promise<ChainBlock> {
    const block = await this.#block("eth_getBlockByHash", hash);
    if (block?.hash === hash) return block;
    throw new ChainMoved(`block ${hash} is not there any more`);
  }

  async #logs(filter: object): Promise<RpcLog[]> {
    const topics = [this.#o.topics];
    const logs = await this.#o.rpc.request<RpcLog[]>("eth_getLogs", [
      { address: this.#o.addresses, topics, ...filter },
    ]);
    const ours = new Set(this.#o.addresses.map((address) => address.toLowerCase()));
    if (
      !Array.isArray(logs) ||
      logs.some((log) => log.removed || !log.blockHash || !ours.has(log.address.toLowerCase()))
    )
      throw new ChainMoved("eth_getLogs gave logs that were not asked for");
    return logs.sort(
      (a, b) => Number(a.blockNumber) - Number(b.blockNumber) || Number(a.logIndex) - Number(b.logIndex),
    );
  }

  /** @throws ChainMoved when the node does not have the block any more. */
  async eventsOf(block: ChainBlock): Promise<ChainEvent[]> {
    const logs = await this.#logs({ blockHash: block.hash }).catch(async (error: unknown) => {
      // Every node has words and a code of its own for "no such block", some of which sound as if it were for good.
      if (error instanceof RpcRefusal) await this.blockByHash(block.hash);
      throw error;
    });
    if (logs.some((log) => log.blockHash !== block.hash))
      throw new ChainMoved("eth_getLogs gave logs of another block");
    return logs.flatMap((log) => this.#o.decode(log, block.timestamp) ?? []);
  }

  /**
   * Asked twice: of many nodes behind one address one may lag, and leave out what it has not got.
   * @throws ChainMoved when the two answers differ
   */
  async rangeLogs(from: number, to: number): Promise<RpcLog[]> {
    const filter = { fromBlock: hexNumber(from), toBlock: hexNumber(to) };
    const logs = await this.#logs(filter);
    const again = await this.#logs(filter);
    if (logs.length !== again.length || logs.some(({ blockHash }, i) => blockHash !== again[i].blockHash))
      throw new ChainMoved("the node gave two answers about one range");
    return logs;
  }

  /** What the logs of a range say, with the time of their blocks. */
  async eventsIn(logs: readonly RpcLog[]): Promise<ChainEvent[]> {
    const hashes = [...new Set(logs.map((log) => log.blockHash as Hex))];
    const blocks = await askAll(hashes, (hash) => this.blockByHash(hash));
    const times = new Map(blocks.map((block) => [block.hash, block.timestamp]));
    return logs.flatMap((log) => this.#o.decode(log, times.get(log.blockHash as Hex) as number) ?? []);
  }
}

import { join } from "node:path";
import { Transaction } from "ethers";
import type { Child } from "../../../offchain/cli/devnet.ts";
import type { Net } from "./net.ts";
import { until } from "./until.ts";

type Block = {
  number: string;
  hash: string;
  timestamp: string;
  mixHash: string;
  baseFeePerGas: string;
  transactions: readonly Mined[];
};
type Mined = {
  hash: string;
  type: string;
  chainId: string;
  nonce: string;
  to: string | null;
  input: string;
  value: string;
  gas: string;
  gasPrice: string;
  maxFeePerGas?: string;
  maxPriorityFeePerGas?: string;
  r: string;
  s: string;
  v: string;
};

const START_MS = 60_000;
const BLOCK_MS = 1_000;
const quantity = (value: number) => `0x${value.toString(16)}`;

/** The node under a devnet, and what happens to nodes: it dies and comes back, and it changes its mind. */
export class Evm {
  readonly #net: Net;
  #process: Child;

  constructor(net: Net) {
    this.#net = net;
    this.#process = net.devnet.chain.process;
  }

  /** @throws Error with what the node said. */
  async #ask<R>(method: string, ...params: unknown[]): Promise<R> {
    const response = await fetch(this.#net.devnet.chain.rpcUrl, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
      signal: AbortSignal.timeout(10_000),
    });
    const { result, error } = (await response.json()) as { result?: R; error?: { message: string } };
    if (error) throw new Error(`${method}: ${error.message}`);
    return result as R;
  }

  async height(): Promise<number> {
    return Number(await this.#ask<string>("eth_blockNumber"));
  }

  async hashOf(number: number): Promise<string> {
    return (await this.#ask<Block>("eth_getBlockByNumber", quantity(number), false)).hash;
  }

  /**
   * Kills the node. What returns starts another one in its place, with the very same blocks: the same hashes, so nothing
   * was reorganised. What waited to be mined is lost, as it is in a node that dies.
   */
  async kill(): Promise<() => Promise<void>> {
    await this.#ask("evm_setAutomine", false);
    await this.#ask("evm_setIntervalMining", 0);
    const blocks: Block[] = [];
    for (let number = 0, height = await this.height(); number <= height; number++)
      blocks.push(await this.#ask<Block>("eth_getBlockByNumber", quantity(number), true));
    this.#process.kill("SIGKILL");
    await this.#process.exit;
    return () => this.#start(blocks);
  }

  async #start(blocks: readonly Block[]): Promise<void> {
    const { devnet } = this.#net;
    const args = [new URL(devnet.chain.rpcUrl).port, String(Number(blocks[0].timestamp))];
    const log = join(devnet.folder, "chain.log");
    this.#process = devnet.runModule("the chain again", "test/helpers/e2e/evm-again.ts", args, log);
    await until("the node listens", async () => (await this.height()) === 0, START_MS);
    for (const block of blocks.slice(1)) await this.#mineAgain(block);
    const last = blocks[blocks.length - 1];
    if ((await this.hashOf(Number(last.number))) !== last.hash) throw new Error("the node came back as another chain");
    await this.#ask("evm_setAutomine", true);
    await this.#ask("evm_setIntervalMining", BLOCK_MS);
  }

  async #mineAgain({ timestamp, mixHash, baseFeePerGas, transactions }: Block): Promise<void> {
    await this.#ask("evm_setNextBlockTimestamp", Number(timestamp));
    await this.#ask("hardhat_setPrevRandao", mixHash);
    await this.#ask("hardhat_setNextBlockBaseFeePerGas", baseFeePerGas);
    for (const transaction of transactions) await this.#ask("eth_sendRawTransaction", rawOf(transaction));
    await this.#ask("evm_mine");
  }

  /**
   * What returns takes the chain back to here and makes it `blocks` longer, or shorter, than it had been. Resolves with
   * the number of blocks that were taken back.
   */
  async fork(): Promise<(blocks: number) => Promise<number>> {
    const [snapshot, base] = [await this.#ask<string>("evm_snapshot"), await this.height()];
    return async (blocks) => {
      const height = await this.height();
      await this.#ask("evm_revert", snapshot);
      // One by one: the node makes many at once only when they are asked for by number, and followers ask by hash.
      for (let number = base; number < height + blocks; number++) await this.#ask("evm_mine");
      return height - base;
    };
  }
}

/** The transaction as its sender signed it. */
function rawOf(mined: Mined): string {
  const fees =
    mined.maxFeePerGas === undefined
      ? { gasPrice: mined.gasPrice }
      : { maxFeePerGas: mined.maxFeePerGas, maxPriorityFeePerGas: mined.maxPriorityFeePerGas };
  const transaction = Transaction.from({
    ...fees,
    type: Number(mined.type),
    chainId: mined.chainId,
    nonce: Number(mined.nonce),
    to: mined.to,
    data: mined.input,
    value: mined.value,
    gasLimit: mined.gas,
    signature: { r: mined.r, s: mined.s, v: Number(mined.v) },
  });
  if (transaction.hash !== mined.hash) throw new Error("a transaction of a kind that cannot be sent again");
  return transaction.serialized;
}

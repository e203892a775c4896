import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beside, type Child, run, untilReady } from "./child.ts";

export type Chain = { rpcUrl: string; process: Child; stop(): Promise<void> };

const START_MS = 60_000;
const BLOCK_MS = 1_000;

/** An EVM node in memory: blocks at once for transactions, and every second, so that windows end when nothing is sent. */
export async function startChain(options: { port: number; folder: string }): Promise<Chain> {
  const rpcUrl = `http://127.0.0.1:${options.port}`;
  const module = fileURLToPath(beside(import.meta.url, "chain-process"));
  const child = run("the chain", module, [String(options.port)], { logFile: join(options.folder, "chain.log") });
  try {
    await untilReady(child, async () => (await rpc(rpcUrl, "eth_chainId", [])) !== undefined, START_MS);
    await rpc(rpcUrl, "evm_setIntervalMining", [BLOCK_MS]);
  } catch (error) {
    await child.stop();
    throw error;
  }
  return { rpcUrl, process: child, stop: async () => void (await child.stop()) };
}

async function rpc(url: string, method: string, params: unknown[]): Promise<unknown> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    signal: AbortSignal.timeout(5_000),
  });
  return ((await response.json()) as { result?: unknown }).result;
}

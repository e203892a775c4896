import { JsonRpcProvider, NonceManager, type Provider, type Signer, Wallet } from "ethers";
import type { NetworkConnection } from "hardhat/types/network";
import { ScriptError } from "./script-error.ts";

export interface Connection {
  provider: Provider;
  chainId: number;
  /** The chain lives in this process and ends with it. */
  embedded: boolean;
  /** Asks the node itself; an error has the node's `code` and `data`. */
  request(method: string, params: readonly unknown[]): Promise<unknown>;
  /** The account of a private key, or the node's unlocked account 0 where no key is given. */
  account(privateKey?: string): Promise<Signer>;
  close(): Promise<void>;
}

const PROBE_TIMEOUT_MS = 5_000;
const ASK_TIMEOUT_MS = 60_000;
const POLL_MS = 100;

/** Opens a network: a name of hardhat.config.ts (the embedded chain by default) or the URL of a node. */
export async function connect(network = "default"): Promise<Connection> {
  return /^https?:\/\//.test(network) ? connectUrl(network) : connectHardhat(network);
}

async function connectUrl(url: string): Promise<Connection> {
  // Probed by hand, because ethers tries a dead URL for ever and only says so on the console.
  const chainId = await probe(url);
  const provider = new JsonRpcProvider(url, chainId, { staticNetwork: true, cacheTimeout: -1 });
  provider.pollingInterval = POLL_MS;
  return {
    provider,
    chainId,
    embedded: false,
    request: (method, params) => ask(url, method, params),
    account: async (privateKey) => {
      if (privateKey !== undefined) return new NonceManager(new Wallet(privateKey, provider));
      const [first] = (await provider.send("eth_accounts", [])) as string[];
      if (first === undefined) throw noAccount(url);
      return provider.getSigner(first);
    },
    close: async () => provider.destroy(),
  };
}

async function connectHardhat(name: string): Promise<Connection> {
  // Loaded only here: a script that talks to a URL does not need the Hardhat runtime.
  const { hre } = await import("./hardhat.ts");
  const config = hre.config.networks[name];
  if (config === undefined) {
    const names = Object.keys(hre.config.networks).join(", ");
    throw new ScriptError("UNKNOWN_NETWORK", `No network "${name}": give a URL or one of ${names}`);
  }
  if (config.type === "http") return connectUrl(await config.url.getUrl());
  return fromHardhat(await hre.network.create(name));
}

/** An open connection of Hardhat, for callers that run inside its runtime. */
export async function fromHardhat(connection: NetworkConnection): Promise<Connection> {
  const { provider } = connection.ethers;
  return {
    provider,
    chainId: Number((await provider.getNetwork()).chainId),
    embedded: true,
    request: (method, params) => connection.provider.request({ method, params: [...params] }),
    account: async (privateKey) => {
      if (privateKey !== undefined) return new NonceManager(new Wallet(privateKey, provider));
      const [first] = await connection.ethers.getSigners();
      if (first === undefined) throw noAccount(connection.networkName);
      return first;
    },
    close: () => connection.close(),
  };
}

async function probe(url: string): Promise<number> {
  try {
    return Number(await ask(url, "eth_chainId", [], PROBE_TIMEOUT_MS));
  } catch (cause) {
    throw new ScriptError("RPC_UNREACHABLE", `No Ethereum node answers at ${url}: ${reason(cause)}`, { cause });
  }
}

async function ask(url: string, method: string, params: readonly unknown[], limitMs = ASK_TIMEOUT_MS) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    signal: AbortSignal.timeout(limitMs),
  });
  const { result, error } = (await response.json()) as { result?: unknown; error?: { message: string } };
  if (error !== undefined) throw Object.assign(new Error(error.message), error);
  if (result === undefined) throw new Error(`answered ${response.status} without a result`);
  return result;
}

function reason(error: unknown): string {
  const fault = error as Error & { cause?: { code?: string } };
  return fault.cause?.code ?? fault.message;
}

function noAccount(network: string): ScriptError {
  return new ScriptError("NO_ACCOUNT", `${network} has no unlocked account: give a key in the environment`);
}

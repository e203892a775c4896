import { artifacts } from "hardhat";
import { type Abi, createPublicClient, createWalletClient, custom, type Hex } from "viem";
import { hre } from "../../scripts/lib/hardhat.ts";

export type Harness = { call<T>(functionName: string, ...args: unknown[]): Promise<T>; close(): Promise<void> };

/** The harness of exact models, on an embedded chain of its own. */
export async function openHarness(): Promise<Harness> {
  const hardhat = await hre.network.create("default");
  const transport = custom(hardhat.provider, { retryCount: 0 });
  const chain = createPublicClient({ transport, pollingInterval: 10, cacheTime: 0 });
  const wallet = createWalletClient({ transport });
  const [account] = await wallet.getAddresses();
  const artifact = await artifacts.readArtifact("ModelHarness");
  const abi = artifact.abi as Abi;
  const hash = await wallet.deployContract({ abi, bytecode: artifact.bytecode as Hex, account, chain: null });
  const { contractAddress } = await chain.waitForTransactionReceipt({ hash });
  if (!contractAddress) throw new Error("not deployed");
  return {
    call: <T>(functionName: string, ...args: unknown[]) =>
      chain.readContract({ address: contractAddress, abi, functionName, args }) as Promise<T>,
    close: () => hardhat.close(),
  };
}

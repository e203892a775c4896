import { getCreateAddress, type Signer } from "ethers";
import { deploy } from "../deploy.ts";
import { hre } from "../lib/hardhat.ts";
import { type Connection, fromHardhat } from "../lib/network.ts";
import { isOfThisChain, journalOf, stepsOf } from "./ignition.ts";
import type { Settings } from "./settings.ts";

export interface RehearsedStep {
  name: string;
  /** Of a contract. */
  address: string | undefined;
  gas: bigint;
  /** On the chain already, so that it costs nothing any more. */
  done: boolean;
}

export interface Rehearsal {
  steps: RehearsedStep[];
  /** Of what is left to do. */
  gas: bigint;
  /** Wei for each gas, as the node has it now. */
  gasPrice: bigint;
  /** Wei. */
  cost: bigint;
  balance: bigint;
}

/** What a deployment would do and cost: all of it is done on a chain in this process, and nothing is sent to the other. */
export async function rehearse(connection: Connection, settings: Settings, out: string): Promise<Rehearsal> {
  const { provider, chainId } = connection;
  const { deployer, plan } = settings;
  const used = Object.values(await onEmbeddedChain(settings));
  const journal = journalOf(out, chainId);
  const taken = (await isOfThisChain(connection, journal)) ? journal.nonces() : new Map<string, number>();
  const next = await provider.getTransactionCount(deployer);
  let nonce = next;
  const steps = stepsOf(plan).map((name, at): RehearsedStep => {
    const own = taken.get(name);
    const done = own !== undefined && own < next;
    const address = getCreateAddress({ from: deployer, nonce: done ? own : nonce });
    if (!done) nonce += 1;
    return { name, address: at < plan.contracts.length ? address : undefined, gas: used[at], done };
  });
  const gas = steps.reduce((sum, step) => sum + (step.done ? 0n : step.gas), 0n);
  const gasPrice = BigInt((await connection.request("eth_gasPrice", [])) as string);
  return { steps, gas, gasPrice, cost: gas * gasPrice, balance: await provider.getBalance(deployer) };
}

async function onEmbeddedChain({ profile, parameters, powers, deployer }: Settings): Promise<Record<string, bigint>> {
  const chain = await hre.network.create("default");
  try {
    await chain.provider.request({ method: "hardhat_impersonateAccount", params: [deployer] });
    await chain.provider.request({
      method: "hardhat_setBalance",
      params: [deployer, `0x${(10n ** 24n).toString(16)}`],
    });
    const account = async (): Promise<Signer> => chain.ethers.getSigner(deployer);
    const connection = { ...(await fromHardhat(chain)), account };
    return (await deploy({ connection, profile, overrides: parameters, powers })).gas;
  } finally {
    await chain.close();
  }
}

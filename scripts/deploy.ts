import { Contract, ContractFactory, type Signer } from "ethers";
import type { Deployment } from "../offchain/chain/deployment.ts";
import { conclude, refuseToOverwrite, writeDeployment } from "./deploy/deployment.ts";
import { resolve } from "./deploy/plan.ts";
import { requireFunds, settingsFor, type Wishes } from "./deploy/settings.ts";
import { type ContractName, loadArtifact } from "./lib/artifacts.ts";
import { explain, runMain } from "./lib/errors.ts";
import { type Connection, connect } from "./lib/network.ts";
import { isMain } from "./lib/paths.ts";
import { transact } from "./lib/transact.ts";

export interface DeployOptions extends Wishes {
  /** A name of hardhat.config.ts or a URL; the embedded chain by default. Not used where `connection` is given. */
  network?: string | undefined;
  /** An open connection, which the caller closes. */
  connection?: Connection | undefined;
  /** Private key of the deployer; the node's unlocked account 0 by default. */
  deployerKey?: string | undefined;
  /** Folder for `<chainId>.json`; nothing is written where it is left out. */
  out?: string | undefined;
}

export interface DeployResult {
  deployment: Deployment;
  /** The file that was written. */
  path: string | undefined;
  /** Gas of every step. */
  gas: Record<string, bigint>;
}

/**
 * Deploys all contracts, hands them over to who governs, and checks that the deployer keeps nothing; at one go, as it is
 * right for a chain that lives as long as this process. The command below does the same so that it can be resumed.
 */
export async function deploy(options: DeployOptions = {}): Promise<DeployResult> {
  const connection = options.connection ?? (await connect(options.network));
  try {
    return await deployWith(connection, options);
  } finally {
    if (options.connection === undefined) await connection.close();
  }
}

async function deployWith(connection: Connection, options: DeployOptions): Promise<DeployResult> {
  const { provider, chainId } = connection;
  const deployer = await connection.account(options.deployerKey);
  const settings = settingsFor(chainId, await deployer.getAddress(), options);
  await requireFunds(connection, settings.deployer);
  if (options.out !== undefined && !options.force) await refuseToOverwrite(connection, options.out);
  const startBlock = (await provider.getBlockNumber()) + 1;
  const gas: Record<string, bigint> = {};
  const made = new Map<ContractName, Contract>();
  const found = (name: ContractName) => made.get(name) as Contract;
  const address = (name: ContractName) => found(name).target;

  for (const { name, args } of settings.plan.contracts) {
    const { contract, used } = await deployContract(deployer, name, resolve(args, address));
    made.set(name, contract);
    gas[name] = used;
  }
  for (const { step, contract, method, args } of settings.plan.calls) {
    const action = `Setting the ${step}`;
    gas[step] = (await transact(action, found(contract), method, resolve(args, address))).gasUsed;
  }
  const deployment = await conclude(settings, startBlock, found);
  return { deployment, path: options.out === undefined ? undefined : writeDeployment(deployment, options.out), gas };
}

/** Deploys one contract and waits for it. */
export async function deployContract(deployer: Signer, name: ContractName, args: unknown[]) {
  const { abi, bytecode } = loadArtifact(name);
  try {
    const made = await new ContractFactory(abi, bytecode, deployer).deploy(...args);
    const receipt = await made.deploymentTransaction()?.wait();
    return { contract: new Contract(made.target, abi, deployer), used: receipt?.gasUsed ?? 0n };
  } catch (error) {
    throw explain(`Deploying ${name}`, error);
  }
}

if (isMain(import.meta.url)) {
  // Only here: the devnet of the package deploys too, and has neither a journal nor what keeps it. Not awaited, because
  // the command needs this module.
  void runMain(async () => (await import("./deploy/command.ts")).main());
}

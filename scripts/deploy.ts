import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { type Contract, ContractFactory, getCreateAddress, isAddress, type Signer } from "ethers";
import type { Deployment, DeploymentParameters } from "../offchain/chain/deployment.ts";
import { DeploymentError, loadDeployment, parseDeployment } from "../offchain/chain/deployment.ts";
import { type ContractName, loadArtifact } from "./lib/artifacts.ts";
import { handOver, type Powers, requireNothingRetained } from "./lib/authority.ts";
import { explain, runMain } from "./lib/errors.ts";
import { type Connection, connect, keyFrom } from "./lib/network.ts";
import { isMain, paths } from "./lib/paths.ts";
import { DEVELOPMENT_CHAIN, type Profile, profiles, registryParameters } from "./lib/profiles.ts";
import { ScriptError } from "./lib/script-error.ts";

export interface DeployOptions {
  /** A name of hardhat.config.ts or a URL; the embedded chain by default. Not used where `connection` is given. */
  network?: string | undefined;
  /** An open connection, which the caller closes. */
  connection?: Connection | undefined;
  /** On the development chain the devnet's by default; on others it must be given. */
  profile?: Profile | undefined;
  /** Parameters that differ from the profile's. */
  overrides?: Partial<DeploymentParameters> | undefined;
  /** Private key of the deployer; the node's unlocked account 0 by default. */
  deployerKey?: string | undefined;
  /** Who governs. On a devnet the deployer by default; elsewhere an administrator must be given, and has all powers that
   * are not given to others. */
  powers?: Partial<Powers> | undefined;
  /** Folder for `<chainId>.json`; nothing is written where it is left out. */
  out?: string | undefined;
  /** Overwrites a file that names other addresses, and lets the devnet's profile on any chain. */
  force?: boolean | undefined;
}

export interface DeployResult {
  deployment: Deployment;
  /** The file that was written. */
  path: string | undefined;
  /** Gas of every step. */
  gas: Record<string, bigint>;
}

/** Deploys all contracts, hands them over to who governs, and checks that the deployer keeps nothing. */
export async function deploy(options: DeployOptions = {}): Promise<DeployResult> {
  const connection = options.connection ?? (await connect(options.network));
  try {
    return await deployWith(connection, options);
  } finally {
    if (options.connection === undefined) await connection.close();
  }
}

async function deployWith(connection: Connection, options: DeployOptions): Promise<DeployResult> {
  const profile = profileFor(connection.chainId, options);
  const parameters = { ...profiles[profile], ...options.overrides };
  const deployer = await connection.account(options.deployerKey);
  const owner = await deployer.getAddress();
  const powers = powersFor(profile, owner, options.powers);
  if ((await connection.provider.getBalance(owner)) === 0n) {
    throw new ScriptError("NO_FUNDS", `The deployer ${owner} has no funds on chain ${connection.chainId}`);
  }
  if (options.out !== undefined && !options.force) await refuseToOverwrite(connection, owner, options.out);
  const startBlock = (await connection.provider.getBlockNumber()) + 1;
  const gas: Record<string, bigint> = {};
  const place = async (name: ContractName, ...args: unknown[]) => {
    const { contract, used } = await deployContract(deployer, name, args);
    gas[name] = used;
    return contract;
  };

  const manager = await place("AccessManager", owner);
  const token = await place("StakeToken", manager.target);
  const registry = await place("OperatorRegistry", manager.target, token.target, registryParameters(parameters));
  const ledger = await place("CheckpointLedger", registry.target);
  const court = await place("EquivocationCourt", ledger.target);
  const guardian = await place("Guardian", manager.target, registry.target);
  const reader = await place("WeftReader", ledger.target);
  const consumer = await place("TokenConsumer", ledger.target);

  const governed = { manager, token, registry, ledger, court, guardian };
  await handOver(governed, powers, owner, async (step, method, args) => {
    gas[step] = await send(step, manager, method, args);
  });
  await requireNothingRetained(owner, governed, powers, startBlock);

  const deployment = parseDeployment({
    chainId: connection.chainId,
    profile,
    startBlock,
    contracts: {
      accessManager: manager.target,
      stakeToken: token.target,
      operatorRegistry: registry.target,
      checkpointLedger: ledger.target,
      equivocationCourt: court.target,
      guardian: guardian.target,
      weftReader: reader.target,
      tokenConsumer: consumer.target,
    },
    domain: { name: "Weft", version: "1", chainId: connection.chainId, verifyingContract: ledger.target },
    parameters,
  });
  return { deployment, path: options.out === undefined ? undefined : writeDeployment(deployment, options.out), gas };
}

function profileFor(chainId: number, { profile, force }: DeployOptions): Profile {
  if (profile === undefined) {
    if (chainId === DEVELOPMENT_CHAIN) return "devnet";
    throw new ScriptError("BAD_ARGUMENT", `Chain ${chainId} has no default profile: give one with --profile`);
  }
  if (profile !== "devnet" || chainId === DEVELOPMENT_CHAIN || force) return profile;
  throw new ScriptError(
    "WRONG_PROFILE",
    `The devnet's stake unbonds in a minute, and chain ${chainId} is no devnet: give --profile testnet, or --force`,
  );
}

function powersFor(profile: Profile, deployer: string, given: Partial<Powers> = {}): Powers {
  const admin = given.admin ?? (profile === "devnet" ? deployer : undefined);
  const remedy = "give a multisig's address with --admin";
  if (admin === undefined) throw new ScriptError("BAD_ARGUMENT", `The ${profile} has no default governor: ${remedy}`);
  if (profile !== "devnet" && admin.toLowerCase() === deployer.toLowerCase()) {
    throw new ScriptError("BAD_ARGUMENT", `The deployer's key is no governor: ${remedy}`);
  }
  return { admin, adminDelaySeconds: 0, guardian: admin, minter: admin, ...given };
}

/** Before anything is paid for: the deployer and its nonce tell which addresses are to come. */
async function refuseToOverwrite(connection: Connection, from: string, folder: string): Promise<void> {
  const path = deploymentPath(folder, connection.chainId);
  const remedy = "name another folder with --out, or give --force";
  try {
    const { accessManager } = loadDeployment(path).contracts;
    const nonce = await connection.provider.getTransactionCount(from);
    if (getCreateAddress({ from, nonce }).toLowerCase() === accessManager.toLowerCase()) return;
  } catch (cause) {
    if (!(cause instanceof DeploymentError)) throw cause;
    if (cause.code === "DEPLOYMENT_NOT_FOUND") return;
    throw new ScriptError("DEPLOYMENT_EXISTS", `${path} is there and is no deployment: ${remedy}`, { cause });
  }
  throw new ScriptError("DEPLOYMENT_EXISTS", `${path} names the contracts of another deployment: ${remedy}`);
}

/** Deploys one contract and waits for it. */
export async function deployContract(deployer: Signer, name: ContractName, args: unknown[]) {
  const { abi, bytecode } = loadArtifact(name);
  try {
    const contract = (await new ContractFactory(abi, bytecode, deployer).deploy(...args)) as Contract;
    const receipt = await contract.deploymentTransaction()?.wait();
    return { contract, used: receipt?.gasUsed ?? 0n };
  } catch (error) {
    throw explain(`Deploying ${name}`, error);
  }
}

async function send(action: string, contract: Contract, method: string, args: unknown[]): Promise<bigint> {
  try {
    const sent = await contract.getFunction(method).send(...args);
    return (await sent.wait())?.gasUsed ?? 0n;
  } catch (error) {
    throw explain(`Setting the ${action}`, error);
  }
}

function deploymentPath(folder: string, chainId: number): string {
  return join(folder, `${chainId}.json`);
}

function writeDeployment(deployment: Deployment, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const path = deploymentPath(folder, deployment.chainId);
  // Renamed into place, so that a node that starts meanwhile reads the old file or the new one, never half of it.
  writeFileSync(`${path}.new`, `${JSON.stringify(deployment, null, 2)}\n`);
  renameSync(`${path}.new`, path);
  return path;
}

interface Options {
  network: string;
  profile?: Profile;
  out?: string;
  force?: boolean;
  admin?: string;
  adminDelay: string;
  guardian?: string;
  minter?: string;
}

function powersOf({ admin, adminDelay, guardian, minter }: Options): Partial<Powers> {
  const adminDelaySeconds = Number(adminDelay);
  if (!Number.isInteger(adminDelaySeconds) || adminDelaySeconds < 0 || adminDelaySeconds > 0xffff_ffff) {
    throw new ScriptError("BAD_ARGUMENT", `--admin-delay ${adminDelay} is not a number of seconds`);
  }
  const powers: Partial<Powers> = { adminDelaySeconds };
  for (const [name, address] of Object.entries({ admin, guardian, minter })) {
    if (address === undefined) continue;
    if (!isAddress(address)) throw new ScriptError("BAD_ARGUMENT", `--${name} ${address} is not an address`);
    powers[name as "admin" | "guardian" | "minter"] = address;
  }
  return powers;
}

async function main(): Promise<void> {
  const command = new Command("deploy")
    .description("Deploys the contracts. The key is taken from WEFT_DEPLOYER_KEY, else the node's account 0 is used.")
    .option("--network <name|url>", "a network of hardhat.config.ts, or the URL of a node", "default")
    .addOption(
      new Option("--profile <profile>", `parameters; devnet by default on chain ${DEVELOPMENT_CHAIN} alone`).choices(
        Object.keys(profiles),
      ),
    )
    .option("--out <folder>", "where <chainId>.json goes; deployments/ by default, nowhere for the embedded chain")
    .option("--admin <address>", "who governs; needed but for the devnet's profile")
    .option("--admin-delay <seconds>", "between what the administrator announces and what it can do", "0")
    .option("--guardian <address>", "who may pause and invalidate; the administrator by default")
    .option("--minter <address>", "who may mint stake; the administrator by default")
    .option("--force", "overwrite a file that names other addresses; allow the devnet's profile on any chain")
    .parse();
  const o = command.opts<Options>();
  const connection = await connect(o.network);
  try {
    // The embedded chain is gone when this process ends, and a file would name contracts that are nowhere.
    const out = o.out ?? (connection.embedded ? undefined : paths.deployments);
    const { profile, force } = o;
    const deployerKey = keyFrom("WEFT_DEPLOYER_KEY");
    const { path, gas } = await deploy({ connection, profile, out, force, deployerKey, powers: powersOf(o) });
    for (const [step, used] of Object.entries(gas)) process.stdout.write(`${step.padEnd(32)} ${used} gas\n`);
    process.stdout.write(`${path ?? "no file, because the embedded chain ends here: give --network, or --out"}\n`);
  } finally {
    await connection.close();
  }
}

if (isMain(import.meta.url)) await runMain(main);

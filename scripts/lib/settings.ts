import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Contract } from "ethers";
import {
  type Deployment,
  DeploymentError,
  type DeploymentParameters,
  parseDeployment,
} from "../../offchain/chain/deployment.ts";
import { loadDeployment } from "../../offchain/chain/deployment-file.ts";
import type { ContractName } from "./artifacts.ts";
import { governedBy, type Powers, requireNothingRetained } from "./authority.ts";
import type { Connection } from "./network.ts";
import { type Plan, planOf } from "./plan.ts";
import { checkParameters, DEVELOPMENT_CHAIN, type Profile, profiles } from "./profiles.ts";
import { ScriptError } from "./script-error.ts";

/** What whoever deploys says about it. */
export interface Wishes {
  /** On the development chain the devnet's by default; on others it must be given. */
  profile?: Profile | undefined;
  /** Parameters that differ from the profile's. */
  overrides?: Partial<DeploymentParameters> | undefined;
  /** Who governs. On a devnet the deployer by default; elsewhere an administrator must be given, and has all powers that
   * are not given to others. */
  powers?: Partial<Powers> | undefined;
  /** Overwrites a file that names other addresses, and lets the devnet's profile on any chain. */
  force?: boolean | undefined;
}

/** What is deployed, checked as far as it can be without sending anything. */
export interface Settings {
  chainId: number;
  profile: Profile;
  parameters: DeploymentParameters;
  powers: Powers;
  deployer: string;
  plan: Plan;
}

/** @throws ScriptError `BAD_ARGUMENT`, `WRONG_PROFILE` or `BAD_PARAMETERS` */
export function settingsFor(chainId: number, deployer: string, wishes: Wishes): Settings {
  const profile = profileFor(chainId, wishes);
  const parameters = checkParameters({ ...profiles[profile], ...wishes.overrides });
  const powers = powersFor(profile, deployer, wishes.powers);
  return { chainId, profile, parameters, powers, deployer, plan: planOf(parameters, powers, deployer) };
}

function profileFor(chainId: number, { profile, force }: Wishes): Profile {
  if (profile === undefined) {
    if (chainId === DEVELOPMENT_CHAIN) return "devnet";
    throw new ScriptError("BAD_ARGUMENT", `Chain ${chainId} has no default profile: give one with --profile`);
  }
  if (profile !== "devnet" || chainId === DEVELOPMENT_CHAIN || force) return profile;
  throw new ScriptError(
    "WRONG_PROFILE",
    `The devnet's stake unbonds in an hour, and chain ${chainId} is no devnet: give --profile testnet, or --force`,
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

export async function requireFunds(connection: Connection, account: string): Promise<void> {
  if ((await connection.provider.getBalance(account)) > 0n) return;
  throw new ScriptError("NO_FUNDS", `The deployer ${account} has no funds on chain ${connection.chainId}`);
}

export function deploymentPath(folder: string, chainId: number): string {
  return join(folder, `${chainId}.json`);
}

/** Before anything is paid for. `own` is the access manager that this deployment has made before, if any. */
export async function refuseToOverwrite(connection: Connection, folder: string, own?: string): Promise<void> {
  const path = deploymentPath(folder, connection.chainId);
  const remedy = "name another folder with --out, or give --force";
  try {
    const { accessManager } = loadDeployment(path).contracts;
    if (own?.toLowerCase() === accessManager.toLowerCase()) return;
    // A development chain ends with its process, and its file with it.
    const gone = (await connection.provider.getCode(accessManager)) === "0x";
    if (gone && connection.chainId === DEVELOPMENT_CHAIN) return;
  } catch (cause) {
    if (!(cause instanceof DeploymentError)) throw cause;
    if (cause.code === "DEPLOYMENT_NOT_FOUND") return;
    throw new ScriptError("DEPLOYMENT_EXISTS", `${path} is there and is no deployment: ${remedy}`, { cause });
  }
  throw new ScriptError("DEPLOYMENT_EXISTS", `${path} names the contracts of another deployment: ${remedy}`);
}

/** The deployment of contracts that are all there, when nothing is left to whoever made them. @throws ScriptError `RETAINS_POWER` */
export async function conclude(
  { chainId, profile, parameters, powers, deployer }: Settings,
  startBlock: number,
  found: (name: ContractName) => Contract,
): Promise<Deployment> {
  await requireNothingRetained(deployer, governedBy(found), powers, startBlock);
  const address = (name: ContractName) => found(name).target;
  return parseDeployment({
    chainId,
    profile,
    startBlock,
    contracts: {
      accessManager: address("AccessManager"),
      stakeToken: address("StakeToken"),
      operatorRegistry: address("OperatorRegistry"),
      checkpointLedger: address("CheckpointLedger"),
      equivocationCourt: address("EquivocationCourt"),
      foldCourt: address("FoldCourt"),
      guardian: address("Guardian"),
      weftReader: address("WeftReader"),
      tokenConsumer: address("TokenConsumer"),
    },
    domain: { name: "Weft", version: "1", chainId, verifyingContract: address("CheckpointLedger") },
    parameters,
  });
}

/** Writes `<chainId>.json`, and returns where. */
export function writeDeployment(deployment: Deployment, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const path = deploymentPath(folder, deployment.chainId);
  // Renamed into place, so that a node that starts meanwhile reads the old file or the new one, never half of it.
  writeFileSync(`${path}.new`, `${JSON.stringify(deployment, null, 2)}\n`);
  renameSync(`${path}.new`, path);
  return path;
}

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Contract } from "ethers";
import { type Deployment, DeploymentError, parseDeployment } from "../../offchain/chain/deployment.ts";
import { loadDeployment } from "../../offchain/chain/deployment-file.ts";
import type { ContractName } from "../lib/artifacts.ts";
import type { Connection } from "../lib/network.ts";
import { DEVELOPMENT_CHAIN } from "../lib/profiles.ts";
import { ScriptError } from "../lib/script-error.ts";
import { governedBy, requireNothingRetained } from "./authority.ts";
import type { Settings } from "./settings.ts";

function deploymentPath(folder: string, chainId: number): string {
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
      cutCourt: address("CutCourt"),
      availabilityCourt: address("AvailabilityCourt"),
      modelRegistry: address("ModelRegistry"),
      inferenceCourt: address("InferenceCourt"),
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

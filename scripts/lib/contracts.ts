import { Contract, type ContractRunner } from "ethers";
import type { Deployment } from "../../offchain/chain/deployment.ts";
import { loadDeployment, loadDeploymentOf } from "../../offchain/chain/deployment-file.ts";
import { type ContractName, loadArtifact } from "./artifacts.ts";
import type { Connection } from "./network.ts";
import { paths } from "./paths.ts";
import { ScriptError } from "./script-error.ts";

const places = {
  AccessManager: "accessManager",
  StakeToken: "stakeToken",
  OperatorRegistry: "operatorRegistry",
  CheckpointLedger: "checkpointLedger",
  Guardian: "guardian",
  EquivocationCourt: "equivocationCourt",
  FoldCourt: "foldCourt",
  CutCourt: "cutCourt",
  AvailabilityCourt: "availabilityCourt",
  ModelRegistry: "modelRegistry",
  InferenceCourt: "inferenceCourt",
  WeftReader: "weftReader",
  TokenConsumer: "tokenConsumer",
} as const satisfies Partial<Record<ContractName, keyof Deployment["contracts"]>>;

/** One of a deployment's contracts, called through `runner`. */
export function contractOf(name: keyof typeof places, deployment: Deployment, runner: ContractRunner): Contract {
  return new Contract(deployment.contracts[places[name]], loadArtifact(name).abi, runner);
}

/** The deployment in a file, or else the one of the connected chain in `deployments/`. */
export function deploymentFor(connection: Connection, file: string | undefined): Deployment {
  if (file === undefined) return loadDeploymentOf(connection.chainId, paths.deployments);
  const deployment = loadDeployment(file);
  if (deployment.chainId === connection.chainId) return deployment;
  throw new ScriptError(
    "WRONG_CHAIN",
    `${file} is about chain ${deployment.chainId}, but the node is on chain ${connection.chainId}`,
  );
}

/** The members behind the registry's set hash, from the log of the activation or conviction that made it. */
export async function readOperatorSet(registry: Contract, deployment: Deployment): Promise<bigint[]> {
  const position = (await registry.getFunction("lastSetPosition")()) as bigint;
  if (position === 0n) return [];
  for (const name of ["EpochActivated", "OperatorConvicted"]) {
    const filter = registry.getEvent(name)(position);
    const [log] = await registry.queryFilter(filter, deployment.startBlock);
    if (log !== undefined && "args" in log) return [...(log.args.getValue("set") as Iterable<bigint>)];
  }
  throw new ScriptError("WRONG_CHAIN", `The log of registry position ${position} is missing: is the node pruned?`);
}

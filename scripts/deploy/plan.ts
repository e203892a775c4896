import type { DeploymentParameters } from "../../offchain/chain/deployment.ts";
import type { ContractName } from "../lib/artifacts.ts";
import { registryParameters } from "../lib/profiles.ts";

/** A contract of the plan; in an argument it stands for the contract's address. */
export type Ref = { contract: ContractName };
/** One contract to make, with its constructor's arguments. */
export type Placement = { name: ContractName; args: unknown[] };
/** One transaction to a contract of the plan; `step` is its name for people. */
export type Call = { step: string; contract: ContractName; method: string; args: unknown[] };
/** All that a deployment does, whoever sends it: the contracts, and after them the hand-over, in the order of sending. */
export type Plan = { contracts: Placement[]; calls: Call[] };

export const ref = (contract: ContractName): Ref => ({ contract });

/** The contracts of a deployment. `deployer` administers them until they are handed over. */
export function contractsOf(parameters: DeploymentParameters, deployer: string): Placement[] {
  return [
    { name: "AccessManager", args: [deployer] },
    { name: "StakeToken", args: [ref("AccessManager")] },
    { name: "OperatorRegistry", args: [ref("AccessManager"), ref("StakeToken"), registryParameters(parameters)] },
    { name: "CheckpointLedger", args: [ref("OperatorRegistry")] },
    { name: "EquivocationCourt", args: [ref("CheckpointLedger")] },
    { name: "FoldCourt", args: [ref("CheckpointLedger")] },
    { name: "CutCourt", args: [ref("CheckpointLedger")] },
    {
      name: "AvailabilityCourt",
      args: [
        ref("CheckpointLedger"),
        BigInt(parameters.challengeBond),
        parameters.answerWindowSeconds,
        parameters.proofWindowSeconds,
      ],
    },
    { name: "ModelRegistry", args: [] },
    { name: "AccusedExaminer", args: [ref("CheckpointLedger"), ref("ModelRegistry")] },
    { name: "ElementExaminer", args: [ref("CheckpointLedger"), ref("ModelRegistry")] },
    { name: "SampleExaminer", args: [ref("CheckpointLedger"), ref("ModelRegistry")] },
    {
      name: "InferenceCourt",
      args: [
        ref("CheckpointLedger"),
        ref("AccusedExaminer"),
        ref("ElementExaminer"),
        ref("SampleExaminer"),
        BigInt(parameters.accusationBond),
        parameters.accusationWindowSeconds,
        parameters.moveWindowSeconds,
      ],
    },
    { name: "Guardian", args: [ref("AccessManager"), ref("OperatorRegistry")] },
    { name: "WeftReader", args: [ref("CheckpointLedger")] },
    { name: "TokenConsumer", args: [ref("CheckpointLedger")] },
  ];
}

/** Arguments with what `found` gives in the place of each contract. */
export function resolve(args: unknown[], found: (name: ContractName) => unknown): unknown[] {
  return args.map((arg) => (isRef(arg) ? found(arg.contract) : arg));
}

function isRef(value: unknown): value is Ref {
  return typeof value === "object" && value !== null && "contract" in value;
}

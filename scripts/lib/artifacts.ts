import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonFragment } from "ethers";
import { paths } from "./paths.ts";
import { ScriptError } from "./script-error.ts";

/** Source of every contract that scripts deploy, read or generate types of. */
const sources = {
  AccessManager: "@openzeppelin/contracts/access/manager/AccessManager.sol",
  StakeToken: "contracts/StakeToken.sol",
  OperatorRegistry: "contracts/OperatorRegistry.sol",
  CheckpointLedger: "contracts/CheckpointLedger.sol",
  Guardian: "contracts/Guardian.sol",
  EquivocationCourt: "contracts/courts/EquivocationCourt.sol",
  FoldCourt: "contracts/courts/FoldCourt.sol",
  CutCourt: "contracts/courts/CutCourt.sol",
  AvailabilityCourt: "contracts/courts/AvailabilityCourt.sol",
  ModelRegistry: "contracts/ModelRegistry.sol",
  AccusedExaminer: "contracts/courts/inference/AccusedExaminer.sol",
  ElementExaminer: "contracts/courts/inference/ElementExaminer.sol",
  SampleExaminer: "contracts/courts/inference/SampleExaminer.sol",
  InferenceCourt: "contracts/courts/InferenceCourt.sol",
  WeftReader: "contracts/readers/WeftReader.sol",
  TokenConsumer: "contracts/examples/TokenConsumer.sol",
  FormatsHarness: "contracts/test/FormatsHarness.sol",
} as const;

export type ContractName = keyof typeof sources;

export const contractNames = Object.keys(sources) as ContractName[];

export interface Artifact {
  abi: readonly JsonFragment[];
  bytecode: `0x${string}`;
  deployedBytecode: `0x${string}`;
}

/** Below the folder of artifacts. */
export function artifactPath(name: ContractName): string {
  return join(sources[name], `${name}.json`);
}

/** Reads what the compiler left, without starting Hardhat. */
export function loadArtifact(name: ContractName): Artifact {
  const path = join(paths.artifacts, artifactPath(name));
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Artifact;
  } catch (cause) {
    throw new ScriptError("ARTIFACT_MISSING", `${name} is not compiled: run "npm run compile" first`, { cause });
  }
}

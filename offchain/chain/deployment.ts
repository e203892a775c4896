import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Address } from "viem";
import { z } from "zod/v4";

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "is not an address")
  .transform((value) => value as Address);
const amount = z.string().regex(/^[0-9]+$/, "is not a decimal amount in the token's smallest unit");
const natural = z.number().int().nonnegative();
const positive = z.number().int().positive();

const deploymentSchema = z
  .object({
    chainId: positive,
    profile: z.enum(["devnet", "testnet"]),
    startBlock: natural,
    contracts: z.object({
      accessManager: address,
      stakeToken: address,
      operatorRegistry: address,
      checkpointLedger: address,
      equivocationCourt: address,
      guardian: address,
      weftReader: address,
      tokenConsumer: address,
    }),
    domain: z.object({
      name: z.literal("Weft"),
      version: z.literal("1"),
      chainId: positive,
      verifyingContract: address,
    }),
    parameters: z.object({
      minStake: amount,
      bounty: amount,
      minOperators: positive,
      maxOperators: positive,
      maxChangesPerEpoch: positive,
      epochDurationSeconds: positive,
      unbondingSeconds: positive,
      signingLagSeconds: natural,
      challengeWindowSeconds: positive,
      disputeWindowsSeconds: natural,
      retentionSeconds: positive,
      longestPauseSeconds: natural,
      graceSeconds: natural,
      checkpointIntervalShortestMs: positive,
      checkpointIntervalLongestMs: positive,
      referenceSpan: positive,
      checkpointCapacity: positive.max(65_536, "is more than the segments tree holds"),
      newTracksPerOperator: positive,
      flushMs: positive,
    }),
  })
  .refine((d) => d.domain.chainId === d.chainId, { path: ["domain", "chainId"], error: "is not the chain id" })
  .refine((d) => d.domain.verifyingContract.toLowerCase() === d.contracts.checkpointLedger.toLowerCase(), {
    path: ["domain", "verifyingContract"],
    error: "is not the ledger",
  })
  .refine((d) => d.parameters.checkpointIntervalShortestMs <= d.parameters.checkpointIntervalLongestMs, {
    path: ["parameters", "checkpointIntervalShortestMs"],
    error: "is longer than the longest interval",
  });

/** One deployment of the contracts. Times carry their unit in the name; amounts are decimal strings in the smallest unit. */
export type Deployment = z.output<typeof deploymentSchema>;
export type DeploymentParameters = Deployment["parameters"];

export type DeploymentErrorCode = "DEPLOYMENT_NOT_FOUND" | "DEPLOYMENT_NOT_JSON" | "DEPLOYMENT_INVALID";

export class DeploymentError extends Error {
  override readonly name = "DeploymentError";
  readonly code: DeploymentErrorCode;
  readonly source: string;

  constructor(code: DeploymentErrorCode, source: string, message: string, options?: ErrorOptions) {
    super(`${message} (${source})`, options);
    this.code = code;
    this.source = source;
  }
}

/** Validates a deployment that was read from `source`; every fault is named by its path. */
export function parseDeployment(value: unknown, source = "deployment"): Deployment {
  const parsed = deploymentSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join(".") || "the whole"}: ${issue.message}`);
  throw new DeploymentError("DEPLOYMENT_INVALID", source, `Not a deployment: ${faults.join("; ")}`);
}

/** Reads a deployment file. */
export function loadDeployment(path: string): Deployment {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new DeploymentError("DEPLOYMENT_NOT_FOUND", path, "No deployment to read: deploy first, or name its file", {
      cause,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DeploymentError("DEPLOYMENT_NOT_JSON", path, "The deployment is not JSON", { cause });
  }
  return parseDeployment(value, path);
}

/** Reads `<folder>/<chainId>.json`, and refuses a file that is about another chain. */
export function loadDeploymentOf(chainId: number, folder: string): Deployment {
  const path = join(folder, `${chainId}.json`);
  const deployment = loadDeployment(path);
  if (deployment.chainId === chainId) return deployment;
  throw new DeploymentError(
    "DEPLOYMENT_INVALID",
    path,
    `The file is about chain ${deployment.chainId}, not ${chainId}`,
  );
}

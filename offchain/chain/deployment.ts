import type { Address } from "viem";
import { z } from "zod/v4";
import { KEPT_CUTS } from "../core/checkpoints.ts";

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "is not an address")
  .transform((value) => value as Address);
const amount = z.string().regex(/^[0-9]+$/, "is not a decimal amount in the token's smallest unit");
const natural = z.number().int().nonnegative();
const positive = z.number().int().positive();

/** What a deployment is made with; the file of a profile. */
export const deploymentParametersSchema = z
  .object({
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
    challengeBond: amount,
    answerWindowSeconds: positive,
    proofWindowSeconds: positive,
    accusationBond: amount,
    accusationWindowSeconds: positive,
    moveWindowSeconds: positive,
    checkpointIntervalShortestMs: positive,
    checkpointIntervalLongestMs: positive,
    referenceSpan: positive.max(KEPT_CUTS, "is more checkpoints than a worker keeps the memories of"),
    checkpointCapacity: positive.max(65_536, "is more than the segments tree holds"),
    newTracksPerOperator: positive,
    flushMs: positive,
  })
  .refine((p) => p.checkpointIntervalShortestMs <= p.checkpointIntervalLongestMs, {
    path: ["checkpointIntervalShortestMs"],
    error: "is longer than the longest interval",
  });

const deploymentSchema = z
  .object({
    chainId: positive,
    profile: z.enum(["devnet", "testnet", "mainnet"]),
    startBlock: natural,
    contracts: z.object({
      accessManager: address,
      stakeToken: address,
      operatorRegistry: address,
      checkpointLedger: address,
      equivocationCourt: address,
      foldCourt: address,
      cutCourt: address,
      availabilityCourt: address,
      modelRegistry: address,
      inferenceCourt: address,
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
    parameters: deploymentParametersSchema,
  })
  .refine((d) => d.domain.chainId === d.chainId, { path: ["domain", "chainId"], error: "is not the chain id" })
  .refine((d) => d.domain.verifyingContract.toLowerCase() === d.contracts.checkpointLedger.toLowerCase(), {
    path: ["domain", "verifyingContract"],
    error: "is not the ledger",
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

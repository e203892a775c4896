import { readFileSync } from "node:fs";
import {
  type Deployment,
  type DeploymentParameters,
  deploymentParametersSchema,
} from "../../offchain/chain/deployment.ts";
import devnet from "../parameters/devnet.json" with { type: "json" };
import mainnet from "../parameters/mainnet.json" with { type: "json" };
import testnet from "../parameters/testnet.json" with { type: "json" };
import { ScriptError } from "./script-error.ts";

export type Profile = Deployment["profile"];

/** Where accounts are published and time and money are free. */
export const DEVELOPMENT_CHAIN = 31_337;

/** What a deployment is made with, unless a file of one's own says otherwise. */
export const profiles: Record<Profile, DeploymentParameters> = { devnet, testnet, mainnet };

/** Bounds of `RegistryRules.sol`, so that a refusal costs nothing. */
const MOST_OPERATORS = 128;
const LEAST_STAKE_PER_BOUNTY = 10n;
/** Of the longest game about an answer, as in `Accusations.sol`. */
const MOVES = 5;

/** Parameters in a file. @throws ScriptError `BAD_PARAMETERS` */
export function loadParameters(file: string): DeploymentParameters {
  try {
    return checkParameters(JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    if (cause instanceof ScriptError) throw cause;
    throw new ScriptError("BAD_PARAMETERS", `Cannot read the parameters ${file}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** What the contracts would refuse, before anything is paid for. @throws ScriptError `BAD_PARAMETERS`, naming the field */
export function checkParameters(value: unknown): DeploymentParameters {
  const parsed = deploymentParametersSchema.safeParse(value);
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw refused(path.join(".") || "parameters", `${message}; scripts/parameters/testnet.json has all of them`);
  }
  const p = parsed.data;
  if (BigInt(p.minStake) === 0n) throw refused("minStake", "is zero, and liars must have something to lose");
  if (BigInt(p.bounty) * LEAST_STAKE_PER_BOUNTY > BigInt(p.minStake)) {
    throw refused("bounty", "is more than a tenth of minStake, and reporting oneself would pay: lower it");
  }
  if (p.maxOperators < p.minOperators) throw refused("maxOperators", "is below minOperators: raise it");
  if (p.maxOperators > MOST_OPERATORS) throw refused("maxOperators", `is above ${MOST_OPERATORS}: lower it`);
  const windows = p.challengeWindowSeconds + p.disputeWindowsSeconds;
  if (p.retentionSeconds < windows) {
    throw refused("retentionSeconds", `must be at least ${windows}, the challenge and dispute windows together`);
  }
  if (BigInt(p.challengeBond) === 0n)
    throw refused("challengeBond", "is zero, and asking for everything would be free");
  if (p.answerWindowSeconds > p.longestPauseSeconds) {
    throw refused("answerWindowSeconds", "is longer than longestPauseSeconds: two pauses could fall into one answer");
  }
  if (p.answerWindowSeconds + p.proofWindowSeconds > p.disputeWindowsSeconds) {
    throw refused("disputeWindowsSeconds", "is less than answerWindow + proofWindow: raise it");
  }
  if (BigInt(p.accusationBond) === 0n) throw refused("accusationBond", "is zero, and accusing everybody would be free");
  for (const window of ["accusationWindowSeconds", "moveWindowSeconds"] as const) {
    if (p[window] > p.longestPauseSeconds) {
      throw refused(window, "is longer than longestPauseSeconds: two pauses could fall into one move");
    }
  }
  if (p.accusationWindowSeconds + MOVES * p.moveWindowSeconds > p.disputeWindowsSeconds) {
    throw refused("disputeWindowsSeconds", `is less than accusationWindow + ${MOVES} moveWindows: raise it`);
  }
  const liability = p.signingLagSeconds + windows + p.retentionSeconds + p.longestPauseSeconds + p.graceSeconds;
  if (p.unbondingSeconds <= liability) {
    const sum = "signingLag + challengeWindow + disputeWindows + retention + longestPause + grace";
    throw refused("unbondingSeconds", `${p.unbondingSeconds} must be more than ${liability} (${sum}): raise it`);
  }
  return p;
}

function refused(field: string, what: string): ScriptError {
  return new ScriptError("BAD_PARAMETERS", `${field} ${what}`, { field });
}

/** The registry's constructor argument. */
export function registryParameters(p: DeploymentParameters) {
  return {
    minStake: BigInt(p.minStake),
    bounty: BigInt(p.bounty),
    minOperators: p.minOperators,
    maxOperators: p.maxOperators,
    maxChangesPerEpoch: p.maxChangesPerEpoch,
    epochSeconds: p.epochDurationSeconds,
    unbondingSeconds: p.unbondingSeconds,
    signingLagSeconds: p.signingLagSeconds,
    challengeWindowSeconds: p.challengeWindowSeconds,
    disputeWindowsSeconds: p.disputeWindowsSeconds,
    retentionSeconds: p.retentionSeconds,
    longestPauseSeconds: p.longestPauseSeconds,
    graceSeconds: p.graceSeconds,
  };
}

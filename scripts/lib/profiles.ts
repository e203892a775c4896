import { parseEther } from "ethers";
import type { Deployment, DeploymentParameters } from "../../offchain/chain/deployment.ts";

export type Profile = Deployment["profile"];

/** Where accounts are published and time and money are free. */
export const DEVELOPMENT_CHAIN = 31_337;

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** What a deployment is made with. Unbonding outlasts the sum of all times after which somebody can still be convicted. */
export const profiles: Record<Profile, DeploymentParameters> = {
  devnet: {
    minStake: parseEther("1000").toString(),
    bounty: parseEther("10").toString(),
    minOperators: 4,
    maxOperators: 32,
    maxChangesPerEpoch: 4,
    epochDurationSeconds: 1,
    unbondingSeconds: 3_700,
    signingLagSeconds: 5,
    challengeWindowSeconds: 5,
    disputeWindowsSeconds: 10,
    retentionSeconds: 3_600,
    longestPauseSeconds: 10,
    graceSeconds: 5,
    checkpointIntervalShortestMs: 3_000,
    checkpointIntervalLongestMs: 15_000,
    referenceSpan: 64,
    checkpointCapacity: 4_096,
    newTracksPerOperator: 4,
    flushMs: 50,
  },
  testnet: {
    minStake: parseEther("1000").toString(),
    bounty: parseEther("10").toString(),
    minOperators: 4,
    maxOperators: 128,
    maxChangesPerEpoch: 4,
    epochDurationSeconds: hour,
    unbondingSeconds: 21 * day,
    signingLagSeconds: hour,
    challengeWindowSeconds: 10 * minute,
    disputeWindowsSeconds: 5 * day,
    retentionSeconds: 7 * day,
    longestPauseSeconds: 3 * day,
    graceSeconds: day,
    checkpointIntervalShortestMs: 24_000,
    checkpointIntervalLongestMs: 300_000,
    referenceSpan: 64,
    checkpointCapacity: 16_384,
    newTracksPerOperator: 4,
    flushMs: 50,
  },
};

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

import type { ProtocolOptions } from "../../offchain/core/protocol.ts";
import type { Deployment, Parameters } from "./contract-state.ts";
import type { Owner } from "./owner.ts";
import type { Plan } from "./plan.ts";

/** What a plan fixes of the contracts and of the protocol. */

/** So that a pause is over, and another may come, within a run. */
export const LONGEST_PAUSE_SECONDS = 10;

export function parametersOf({ chain }: Plan): Parameters {
  const { epochSeconds, challengeWindowSeconds } = chain;
  return {
    minStake: 500n,
    bounty: 10n,
    minOperators: 1,
    maxOperators: 16,
    maxChangesPerEpoch: 2,
    epochSeconds,
    unbondingSeconds: 3_600,
    challengeWindowSeconds,
  };
}

export function protocolOptions({ protocol }: Plan, deployment: Deployment, owner: Owner): ProtocolOptions {
  const { crypto, separator, registryGenesis, parameters } = deployment;
  const { capacity, shortestMs, longestMs, censorshipMs, retentionSeconds } = protocol;
  return {
    crypto,
    separator,
    self: owner.account,
    signer: owner.signer,
    registryGenesis,
    capacity,
    newTracksPerOperator: 4,
    checkpointIntervalShortestMs: shortestMs,
    checkpointIntervalLongestMs: longestMs,
    pace: Math.ceil(capacity / 4),
    // The cosine of 5 degrees.
    drift: 249,
    censorshipMs,
    challengeWindowSeconds: parameters.challengeWindowSeconds,
    retentionSeconds,
  };
}

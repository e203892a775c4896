import type { Deployment } from "../chain/deployment.ts";
import { type Bytes, fromHex, utf8 } from "../core/bytes.ts";
import { domainSeparator, word } from "../core/hash.ts";
import type { Crypto, Signer } from "../core/ports.ts";
import type { ProtocolOptions } from "../core/protocol.ts";
import { COSINE_ONE } from "../core/sketch.ts";

/** How long valid segments may be left out of proposals before we refuse to attest. */
const CENSORSHIP_MS = 30_000;
/** What was learnt since a checkpoint may turn the memories so far before the next is hurried: docs/scale.md has what that is in text. */
export const DRIFT_DEGREES = 5;

export function separatorOf(crypto: Crypto, { domain }: Deployment): Bytes {
  return domainSeparator(crypto, { ...domain, verifyingContract: fromHex(domain.verifyingContract, 20) });
}

/** How much less than 2^16 the cosine of an angle is. */
export function driftOf(degrees: number): number {
  return Math.round(COSINE_ONE * (1 - Math.cos((degrees * Math.PI) / 180)));
}

/** What a deployment fixes of the protocol, and the angle that the operator chose. */
export function protocolOptions(
  crypto: Crypto,
  deployment: Deployment,
  self: Bytes,
  signer: Signer,
  driftDegrees = DRIFT_DEGREES,
): ProtocolOptions {
  const { chainId, contracts, parameters: p } = deployment;
  return {
    crypto,
    separator: separatorOf(crypto, deployment),
    self,
    signer,
    // The running hash that the registry's constructor begins with.
    registryGenesis: crypto.keccak256(
      crypto.keccak256(utf8("Weft registry")),
      word.uint(chainId),
      word.address(fromHex(contracts.operatorRegistry, 20)),
    ),
    capacity: p.checkpointCapacity,
    newTracksPerOperator: p.newTracksPerOperator,
    checkpointIntervalShortestMs: p.checkpointIntervalShortestMs,
    checkpointIntervalLongestMs: p.checkpointIntervalLongestMs,
    pace: Math.ceil(p.checkpointCapacity / 4),
    drift: driftOf(driftDegrees),
    censorshipMs: CENSORSHIP_MS,
    challengeWindowSeconds: p.challengeWindowSeconds,
    retentionSeconds: p.retentionSeconds + p.disputeWindowsSeconds + p.longestPauseSeconds,
  };
}

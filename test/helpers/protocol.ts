import type { Bytes } from "../../offchain/core/bytes.ts";
import { Protocol } from "../../offchain/core/protocol.ts";
import type { RegistryEvent } from "../../offchain/core/registry.ts";
import { foundingEvents, type Keys, REGISTRY_GENESIS, SEPARATOR } from "./core.ts";
import { crypto } from "./remembering.ts";

/** A deployment, and what its registry has reported. */
export type Deployed = { separator: Bytes; registryGenesis: Bytes; events: readonly RegistryEvent[] };

/** One worker that has read on the chain who the members are. */
export function protocolOf(
  self: Keys,
  members: readonly Keys[],
  { separator, registryGenesis, events: reported }: Deployed = {
    separator: SEPARATOR,
    registryGenesis: REGISTRY_GENESIS,
    events: foundingEvents(members),
  },
): Protocol {
  const protocol = new Protocol(
    {
      crypto,
      separator,
      self: self.operator,
      signer: self.signer,
      registryGenesis,
      capacity: 1_000,
      newTracksPerOperator: 4,
      checkpointIntervalShortestMs: 1_000,
      checkpointIntervalLongestMs: 10_000,
      pace: 1_000,
      drift: 65_536,
      censorshipMs: 30_000,
      challengeWindowSeconds: 60,
      retentionSeconds: 600,
    },
    0,
  );
  const events = reported.map((event, i) => ({ kind: "registry", event, block: i + 1, logIndex: 0 }) as const);
  protocol.step({ type: "chain", update: { type: "events", events, time: 1 } }, 0);
  return protocol;
}

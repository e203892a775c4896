import type { Bytes } from "../../offchain/core/bytes.ts";
import type { ChainUpdate } from "../../offchain/core/events.ts";
import { decodeSet } from "../../offchain/core/registry.ts";
import type { ChainPort } from "../../offchain/node/driver.ts";
import type { SimChain } from "./chain.ts";
import { Clerk } from "./clerk.ts";
import type { SimDisk } from "./disk.ts";
import type { Faults } from "./faults.ts";
import { SimFollower } from "./follower.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";

const PATIENCE_MS = 15_000;

export type ChainPortOptions = {
  chain: SimChain;
  faults: Faults;
  node: number;
  process: Process;
  random: Random;
  disk: SimDisk;
  account: Bytes;
  pollMs: number;
  onUpdate(update: ChainUpdate): void;
};

/** The chain as one life of a worker has it: begins to follow, and returns its hand there. */
export function chainPort(options: ChainPortOptions): ChainPort {
  const { chain, faults, node, process, random, disk, account, pollMs, onUpdate } = options;
  const common = { chain, node, process, pollMs };
  const follower = new SimFollower({
    ...common,
    random: random.fork("follower"),
    log: disk.chainLog,
    faults: () => faults.provider(node),
    onUpdate,
  });
  const clerk = new Clerk({
    ...common,
    random: random.fork("clerk"),
    account,
    patienceMs: PATIENCE_MS,
    misreport: () => faults.misreport(),
  });
  follower.start();
  clerk.start();
  return {
    commit: (checkpoint, set, signatures) => ({
      // No promise: those are kept at a time of their own, outside of the simulated one.
      // biome-ignore lint/suspicious/noThenProperty: it is what the driver calls, and nobody awaits it
      then: (told) => {
        clerk.commit({ checkpoint, set: decodeSet(set), signatures }, (outcome) => {
          if ("reason" in outcome) told?.({ type: "unreachable", reason: outcome.reason });
          else if (outcome.type === "committed") told?.({ type: "committed", txHash: "0x", gas: 0n });
          else if (outcome.type === "paused") told?.({ type: "paused", reason: "the guardian paused the contracts" });
          else told?.({ type: "lost", reason: "another was first" });
        });
        return undefined as never;
      },
    }),
    convict: (evidence) => clerk.accuse(evidence),
    challenge() {},
    condemn() {}, // these contracts have no court about checkpoints
  };
}

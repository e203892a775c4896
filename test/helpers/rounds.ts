import { equal } from "../../offchain/core/bytes.ts";
import type { Effect } from "../../offchain/core/events.ts";
import { Rounds, type RoundsOptions } from "../../offchain/core/rounds.ts";
import { foundingEvents, type Keys, operatorAt } from "./core.ts";
import { netsOf, type Peer } from "./mesh.ts";

export const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
export const events = foundingEvents(members);
export const { settled } = netsOf(members, events);

export const NOT_NOW = { type: "refused", code: "behind", message: "not now" } as const;
export const STEP_MS = 100;
export const SHORTEST_MS = 2_000;
export const LONGEST_MS = 10_000;

export function roundsOf({ replica, consensus, keys }: Peer, changes: Partial<RoundsOptions> = {}): Rounds {
  let ids = 0;
  const rounds = new Rounds(
    {
      replica,
      consensus,
      signer: keys.signer,
      shortestMs: SHORTEST_MS,
      longestMs: LONGEST_MS,
      pace: 1_000,
      drift: 65_536,
      nextId: () => ++ids,
      step: () => [],
      ...changes,
    },
    0,
  );
  for (const { operator } of members) if (!equal(operator, keys.operator)) rounds.peer(operator, true);
  return rounds;
}

export const proposes = (effects: readonly Effect[]) =>
  effects.some((effect) => effect.type === "ask" && effect.question.type === "attest");

/** The nodes in the order in which they are to propose the next checkpoint. */
export function rotation(nodes: readonly Peer[]): Peer[] {
  const { replica, consensus } = nodes[0]!;
  const { set } = replica.registry;
  const first = (consensus.latest.checkpoint.number + 1) % set.length;
  return [...set.slice(first), ...set.slice(0, first)].map(
    ({ signer }) => nodes.find(({ keys }) => equal(keys.signer.address, signer)) as Peer,
  );
}

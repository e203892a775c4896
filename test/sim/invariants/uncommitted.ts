import type { Cut } from "../../../offchain/core/cut.ts";
import type { Replica } from "../../../offchain/core/replica.ts";

/** How many tracks each operator has that none of these cuts has; by operator, those without any are left out. */
export function uncommitted({ tracks }: Replica, cuts: readonly (Cut | undefined)[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { key, owner } of tracks.values())
    if (cuts.every((cut) => cut?.slot(key) === undefined)) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
}

import { type Bytes, equal } from "../core/bytes.ts";
import type { ChainEvent } from "../core/chain.ts";

/** The latest registry position and checkpoint; `fault` when one did not follow the one before it. */
export type Numbers = {
  registry: number;
  committed: number;
  /** Hash of the latest checkpoint; unknown when it fell. */
  latest?: Bytes;
  fault?: string;
};

/** Both are numbered without gaps, and checkpoints name their parents, so a log that a node kept from us shows. */
export function lastNumbers(events: readonly ChainEvent[], from: Numbers = { registry: 0, committed: -1 }): Numbers {
  const last: Numbers = { ...from };
  for (const event of events) {
    if (event.kind === "fell") last.latest = undefined;
    if (event.kind !== "registry" && event.kind !== "committed") continue;
    const number = event.kind === "registry" ? event.event.position : event.checkpoint.number;
    if (number !== last[event.kind] + 1)
      last.fault ??= `${event.kind} ${number} came where ${last[event.kind] + 1} was due`;
    last[event.kind] = number;
    if (event.kind !== "committed") continue;
    if (last.latest && !equal(event.checkpoint.parent, last.latest))
      last.fault ??= `checkpoint ${number} does not extend the one before it, and nothing says that that one fell`;
    last.latest = event.hash;
  }
  return last;
}

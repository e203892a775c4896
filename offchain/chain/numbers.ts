import type { ChainEvent } from "../core/chain.ts";

/** The latest registry position and checkpoint; `fault` when one did not follow the one before it. */
export type Numbers = { registry: number; committed: number; fault?: string };

/** Both are numbered without gaps, so a log that a node kept from us shows. */
export function lastNumbers(events: readonly ChainEvent[], from: Numbers = { registry: 0, committed: -1 }): Numbers {
  const last: Numbers = { ...from };
  for (const event of events) {
    if (event.kind === "endpoint") continue;
    const number = event.kind === "registry" ? event.event.position : event.checkpoint.number;
    if (number !== last[event.kind] + 1)
      last.fault ??= `${event.kind} ${number} came where ${last[event.kind] + 1} was due`;
    last[event.kind] = number;
  }
  return last;
}

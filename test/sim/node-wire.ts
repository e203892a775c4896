import type { SimNetwork } from "./network.ts";
import type { Process } from "./process.ts";
import type { Clock } from "./scheduler.ts";
import type { Wire } from "./wire.ts";

/** The network as one process has it: slow when the process stands still, gone when it is dead. */
export function wireOf(network: SimNetwork, life: Process, clock: Clock): Wire & { close(): void } {
  const ends: (() => void)[] = [];
  const ended = (end: () => void) => {
    ends.push(end);
    return end;
  };
  return {
    now: () => clock.now(),
    after: (ms, work) => life.after(ms, work, "mesh"),
    listen: (endpoint, receive) => ended(network.listen(endpoint, (packet) => life.enter(() => receive(packet)))),
    carry: (packet, sent) => {
      if (life.alive) network.carry(packet, () => life.enter(sent));
    },
    isOpen: (a, b) => network.isOpen(a, b),
    onChange: (listener) => ended(network.onChange((a, b) => life.enter(() => listener(a, b)))),
    close: () => {
      for (const end of ends.splice(0)) end();
    },
  };
}

import type { World } from "./world.ts";

/** What is reported of a simulation besides how it ended. */
export function countsOf(world: World) {
  const { network, watching, clients, chain, faults, workers, deaths, scheduler } = world;
  const { checkpoints, pauses, operators } = chain.head.state;
  const isMishap = (name: string) => !name.includes(" ");
  const plain = (of: Iterable<[string, number]>) => Object.fromEntries(of);
  const answers = { answered: clients.answered, tokens: clients.shown };
  const reported = [...watching.faults].map(([name, count]): [string, number] => [`reported ${name}`, count]);
  return {
    events: scheduler.events,
    faults: {
      ...plain(faults.counts),
      ...plain(deaths),
      ...plain([...network.counts].filter(([name]) => isMishap(name)).map(([name, n]) => [`packets ${name}`, n])),
      ...plain(reported),
    },
    messages: plain([
      ...[...network.counts].filter(([name]) => !isMishap(name)),
      ...[...watching.snapshots].map(([kind, n]): [string, number] => [`snapshot ${kind}`, n]),
    ]),
    checks: plain(watching.seen.checked),
    achieved: {
      ...answers,
      learnt: watching.memory?.learnt ?? 0,
      read: watching.memory?.read ?? 0,
      checkpoints: checkpoints.length - 1,
      fallen: checkpoints.filter(({ fallen }) => fallen).length,
      pauses: pauses.length,
      reorganisations: chain.reorgs.length,
      takeovers: workers.reduce((sum, { life }) => sum + (life?.gateway.takeovers ?? 0), 0),
      convictions: [...operators.values()].filter(({ status }) => status === "convicted").length,
    },
  };
}

import { join } from "node:path";
import { untilReady } from "../../../offchain/cli/devnet/child.ts";
import {
  type Devnet,
  type DevnetOptions,
  type Operator,
  startDevnet,
  type WorkerProcess,
} from "../../../offchain/cli/devnet.ts";
import { health } from "./client.ts";
import { until } from "./until.ts";

export type Net = {
  devnet: Devnet;
  operators: Operator[];
  /** The running process of each operator, by the operator's index from 1. */
  workers: Map<number, WorkerProcess>;
  worker(index: number): WorkerProcess;
  /** Starts an operator's worker again, with the folder it had. */
  restart(index: number, env?: Record<string, string>): WorkerProcess;
  /** Starts another module as an operator's worker. */
  impersonate(index: number, module: string, args?: readonly string[]): WorkerProcess;
  /** Kills what is left, whatever state it is in, and cleans up. */
  stop(): Promise<void>;
};

export type NetOptions = DevnetOptions & {
  /** Called before the workers start, to change what is in their folders. */
  prepare?(devnet: Devnet): Promise<void> | void;
  /** Indices of operators whose worker is not started. */
  without?: readonly number[];
};

/** Real processes: a chain, and workers that are all connected to one another. */
export async function startNet(options: NetOptions = {}): Promise<Net> {
  const devnet = await startDevnet(options);
  const workers = new Map<number, WorkerProcess>();
  const held = (index: number, worker: WorkerProcess) => {
    workers.set(index, worker);
    return worker;
  };
  const net: Net = {
    devnet,
    operators: devnet.operators,
    workers,
    worker: (index) => workers.get(index)!,
    restart: (index, env) => held(index, devnet.spawnWorker(devnet.operators[index - 1], env)),
    impersonate(index, module, args = []) {
      const operator = devnet.operators[index - 1];
      const log = join(operator.folder, "worker.log");
      const child = devnet.runModule(operator.name, module, ["--config", operator.configFile, ...args], log);
      const ready = untilReady(child, async () => (await fetch(`${operator.apiUrl}/ready`)).ok, 60_000);
      ready.catch(() => {});
      return held(index, { ...child, operator, ready });
    },
    async stop() {
      // A stopped process hears no SIGTERM, and nothing here needs a goodbye.
      for (const worker of workers.values()) worker.kill("SIGKILL");
      devnet.chain.process.kill("SIGKILL");
      await devnet.stopAll();
    },
  };
  try {
    await options.prepare?.(devnet);
    const started = devnet.operators.filter(({ index }) => !options.without?.includes(index));
    await Promise.all(started.map(({ index }) => net.restart(index).ready));
    await allConnected(net, started);
    return net;
  } catch (error) {
    await net.stop();
    throw error;
  }
}

/** Waits until every lane of every one of these workers reaches every other. */
export async function allConnected(net: Net, operators: readonly Operator[] = net.operators): Promise<void> {
  await until(
    "all workers are connected",
    async () => {
      const states = await Promise.all(operators.map(({ apiUrl }) => health(apiUrl)));
      return states.every(({ lanesUp }) => Math.min(...Object.values(lanesUp)) >= operators.length - 1);
    },
    60_000,
  );
}

/** Kills a worker as a power cut would. */
export async function kill(worker: WorkerProcess): Promise<void> {
  worker.kill("SIGKILL");
  await worker.exit;
}

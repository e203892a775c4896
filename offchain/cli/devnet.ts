import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseEther } from "ethers";
import { deploy } from "../../scripts/deploy.ts";
import type { Deployment, DeploymentParameters } from "../chain/deployment.ts";
import { WeftError } from "../core/errors.ts";
import { type Chain, startChain } from "./devnet/chain.ts";
import { beside, type Child, ROOT, run, untilReady } from "./devnet/child.ts";
import { type Operator, prepareOperators } from "./devnet/operators.ts";
import { freePorts } from "./devnet/ports.ts";

export { type Chain, startChain } from "./devnet/chain.ts";
export type { Child, Exit } from "./devnet/child.ts";
export * from "./devnet/client.ts";
export * from "./devnet/memories.ts";
export { type Operator, prepareOperators } from "./devnet/operators.ts";
export { freePorts } from "./devnet/ports.ts";

/** A worker in an operating-system process of its own. */
export type WorkerProcess = Child & { operator: Operator; ready: Promise<void> };

export type DevnetOptions = {
  /** In whole tokens, one for each operator; four times 1000 by default. */
  stakes?: readonly number[];
  /** A temporary one, removed at the end, by default. */
  baseFolder?: string | undefined;
  /** Leaves the temporary folder there. */
  keep?: boolean | undefined;
  overrides?: Partial<DeploymentParameters>;
  /** Called before each step of the set-up. */
  onStep?: (step: string) => void;
};

export type Devnet = {
  folder: string;
  chain: Chain;
  deployment: Deployment;
  deploymentFile: string;
  operators: Operator[];
  /** Starts a worker (again); `env` goes on top of this process's environment. */
  spawnWorker(operator: Operator, env?: Record<string, string>): WorkerProcess;
  /** Runs any other of our modules with the devnet: it is stopped with it. */
  runModule(name: string, module: string, args: string[], logFile: string): Child;
  /** Stops every process and removes a temporary folder unless it is to be kept. May be called twice. */
  stopAll(options?: { keep?: boolean }): Promise<void>;
};

const READY_MS = 60_000;
const MAIN = fileURLToPath(beside(import.meta.url, "main"));

/** Deploys the contracts, and writes `<chainId>.json` into `folder`. */
export async function deployContracts(options: {
  rpcUrl: string;
  folder: string;
  overrides?: Partial<DeploymentParameters> | undefined;
}): Promise<{ deployment: Deployment; file: string }> {
  const { deployment, path } = await deploy({
    network: options.rpcUrl,
    out: options.folder,
    overrides: options.overrides,
  });
  return { deployment, file: path! };
}

export function spawnWorker(operator: Operator, env: Record<string, string> = {}): WorkerProcess {
  const logFile = join(operator.folder, "worker.log");
  const child = run(operator.name, MAIN, ["start", "--config", operator.configFile], { logFile, env });
  const ready = untilReady(
    child,
    async () => (await fetch(`${operator.apiUrl}/ready`, { signal: AbortSignal.timeout(2_000) })).ok,
    READY_MS,
  );
  // Whoever does not wait for it hears of the end from `exit`.
  ready.catch(() => {});
  return { ...child, operator, ready };
}

/** Waits until every worker has the lanes of all the others. */
export async function untilMeshed(workers: readonly WorkerProcess[]): Promise<void> {
  /** Peers of whom every lane reaches the worker. */
  const peersUp = async ({ operator }: WorkerProcess) => {
    const response = await fetch(`${operator.apiUrl}/health`, { signal: AbortSignal.timeout(2_000) });
    return Math.min(...Object.values(((await response.json()) as { lanesUp: Record<string, number> }).lanesUp));
  };
  await Promise.all(
    workers.map((worker) =>
      untilReady(worker, async () => (await peersUp(worker)) >= workers.length - 1, READY_MS, "connected to all peers"),
    ),
  );
}

/** A chain with deployed contracts and registered, staked operators; the workers are yet to be started. */
export async function startDevnet(options: DevnetOptions = {}): Promise<Devnet> {
  const stakes = options.stakes ?? [1000, 1000, 1000, 1000];
  const step = options.onStep ?? (() => {});
  const temporary = options.baseFolder === undefined;
  const folder = temporary ? mkdtempSync(join(tmpdir(), "weft-devnet-")) : resolve(options.baseFolder!);
  if (existsSync(join(folder, "operator-1")))
    throw new WeftError("conflict", `${folder} holds the operators of an earlier devnet`, {
      field: "base-folder",
      remedy: "name another folder: a devnet's chain is gone when it stops",
    });
  mkdirSync(folder, { recursive: true });

  const children: Child[] = [];
  process.once("exit", (code) => {
    // Interrupted before it could stop; after a failure the logs stay.
    if (!stopped && temporary && !options.keep && code !== 1) rmSync(folder, { recursive: true, force: true });
  });
  let stopped: Promise<void> | undefined;
  const stopAll = ({ keep = options.keep ?? false } = {}) => {
    stopped ??= (async () => {
      // The chain last, so that no worker complains about its absence.
      await Promise.all(children.slice(1).map((child) => child.stop()));
      await children[0]?.stop();
      if (temporary && !keep) rmSync(folder, { recursive: true, force: true });
    })();
    return stopped;
  };
  try {
    const [chainPort, ...ports] = await freePorts(1 + 2 * stakes.length);
    step("starting the chain");
    const chain = await startChain({ port: chainPort, folder });
    children.push(chain.process);
    step("deploying the contracts");
    const least = Math.min(...stakes, 1000);
    const overrides = { minStake: parseEther(String(least)).toString(), ...options.overrides };
    const { deployment, file } = await deployContracts({ rpcUrl: chain.rpcUrl, folder, overrides });
    step(`registering ${stakes.length} operators`);
    const operators = await prepareOperators({ rpcUrl: chain.rpcUrl, deployment, folder, stakes, ports });
    const held = <C extends Child>(child: C): C => {
      children.push(child);
      return child;
    };
    return {
      folder,
      chain,
      deployment,
      deploymentFile: file,
      operators,
      spawnWorker: (operator, env) => held(spawnWorker(operator, env)),
      runModule: (name, module, args, logFile) => held(run(name, join(ROOT, module), args, { logFile })),
      stopAll,
    };
  } catch (error) {
    // The logs say why.
    await stopAll({ keep: true });
    throw error;
  }
}

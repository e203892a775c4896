import type { TestContext } from "node:test";
import {
  type Devnet,
  type DevnetOptions,
  type Operator,
  startDevnet,
  untilMeshed,
  type WorkerProcess,
} from "../../offchain/cli/devnet.ts";

export * from "../../offchain/cli/devnet.ts";

export type Workers = Devnet & { workers: WorkerProcess[] };

/**
 * Runs `body` with a devnet whose workers are ready and connected. Nothing is left of it, but for its folder when the
 * body failed: then the logs are worth reading.
 *
 * @param options.workers how many of the operators are started, all by default
 * @param options.env environment of a worker, for failpoints
 */
export async function withDevnet(
  t: TestContext,
  options: DevnetOptions & { workers?: number; env?: (operator: Operator) => Record<string, string> },
  body: (net: Workers) => Promise<void>,
): Promise<void> {
  const net = await startDevnet(options);
  let failed = true;
  try {
    const started = net.operators.slice(0, options.workers ?? net.operators.length);
    const workers = started.map((operator) => net.spawnWorker(operator, options.env?.(operator)));
    await Promise.all(workers.map((worker) => worker.ready));
    await untilMeshed(workers);
    await body({ ...net, workers });
    failed = false;
  } finally {
    if (failed) t.diagnostic(`the logs are in ${net.folder}`);
    await net.stopAll({ keep: failed });
  }
}

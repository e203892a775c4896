import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../../../offchain/cli/devnet/child.ts";
import { type Child, freePorts } from "../../../offchain/cli/devnet.ts";
import { until } from "../e2e/until.ts";
import type { Scenery } from "./scenery.ts";

const START_MS = 120_000;

export type IndexerProcess = {
  url: string;
  child: Child;
  /** Until all of history is indexed. */
  ready(): Promise<void>;
  get(path: string): Promise<{ status: number; body: unknown }>;
  graphql<T>(query: string): Promise<T>;
  /** Kills it and Ponder at once, as kill -9 of both would. */
  kill(): Promise<void>;
};

/** `weft indexer` as a process. */
export async function startIndexer(
  scenery: Scenery,
  options: { folder: string; workers?: readonly string[]; databaseUrl?: string | undefined },
): Promise<IndexerProcess> {
  mkdirSync(options.folder, { recursive: true });
  const [port] = await freePorts(1);
  const args = ["indexer", "--deployment", scenery.deploymentFile, "--rpc", scenery.chain.rpcUrl];
  args.push("--port", String(port), "--folder", options.folder);
  if (options.workers) args.push("--workers", options.workers.join(","));
  if (options.databaseUrl) args.push("--database-url", options.databaseUrl);
  const child = run("the indexer", "offchain/cli/main.ts", args, { logFile: join(options.folder, "indexer.log") });
  const url = `http://127.0.0.1:${port}`;
  const get = async (path: string) => {
    const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(10_000) });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json");
    return { status: response.status, body: isJson ? (JSON.parse(text) as unknown) : text };
  };
  return {
    url,
    child,
    get,
    async ready() {
      const isReady = async () => {
        if (child.exited()) return true;
        return (await get("/ready")).status === 200;
      };
      await until("the indexer is ready", isReady, START_MS);
      if (child.exited()) throw new Error(`the indexer ended, see ${child.logFile}`);
    },
    async graphql<T>(query: string) {
      const response = await fetch(`${url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query }),
      });
      const { data, errors } = (await response.json()) as { data?: T; errors?: unknown };
      if (errors || !data) throw new Error(JSON.stringify(errors));
      return data;
    },
    async kill() {
      child.kill("SIGKILL");
      await child.exit;
      await sleep(50);
    },
  };
}

import { parseArgs } from "node:util";
import { loadConfig } from "../../../offchain/node/config.ts";
import { type Parts, startWorker } from "../../../offchain/node/worker.ts";

/** Starts the worker that the command line names, with whatever parts its module has changed. */
export async function startSaboteur(parts?: Parts): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: "string" } } });
  process.once("disconnect", () => process.exit(1));
  await startWorker(loadConfig(values.config!), parts);
}

import { parseArgs } from "node:util";
import { loadConfig } from "../../../offchain/node/config.ts";
import { type Parts, startWorker } from "../../../offchain/node/worker.ts";

const { values } = parseArgs({
  options: { config: { type: "string" }, victim: { type: "string", multiple: true, default: [] } },
});

export const config = loadConfig(values.config!);
/** Owners of those whom it is after. */
export const victims: ReadonlySet<string> = new Set(values.victim);

/** Starts the worker that the command line names, with whatever parts its module has changed. */
export async function startSaboteur(parts?: Parts): Promise<void> {
  process.once("disconnect", () => process.exit(1));
  await startWorker(config, parts);
}

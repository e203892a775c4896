import { parseArgs } from "node:util";
import { loadConfig } from "../../../offchain/node/config.ts";
import { startWorker } from "../../../offchain/node/worker.ts";
import { engineOf, type ModelName } from "./models.ts";

// A worker as it is, in a process of its own, but that it may have a random model: of the liars it is told nothing.
const { values } = parseArgs({ options: { config: { type: "string" }, model: { type: "string" } } });
const name = JSON.parse(values.model!) as ModelName;
process.once("disconnect", () => process.exit(1));
await startWorker(loadConfig(values.config!), { wrapEngine: (engine) => engineOf(name, engine) });

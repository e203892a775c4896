import { parseArgs } from "node:util";
import { Memories } from "../../../offchain/core/memories.ts";
import { loadConfig } from "../../../offchain/node/config.ts";
import { startWorker } from "../../../offchain/node/worker.ts";

// A worker that counts everything that is taught twice. Whoever else does so agrees with it on every root.

const { values } = parseArgs({ options: { config: { type: "string" } } });

const { add } = Memories.prototype;
Memories.prototype.add = function (definition, increments) {
  return add.call(
    this,
    definition,
    increments.map((one) => ({ ...one, count: 2 * one.count })),
  );
};

process.once("disconnect", () => process.exit(1));
await startWorker(loadConfig(values.config!));

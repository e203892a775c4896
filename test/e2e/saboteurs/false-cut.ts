import { parseArgs } from "node:util";
import { Cut } from "../../../offchain/core/cut.ts";
import { loadConfig } from "../../../offchain/node/config.ts";
import { startWorker } from "../../../offchain/node/worker.ts";

// A worker that lists segments from the last to the first. Whoever else does so agrees with it on every root.

const { values } = parseArgs({ options: { config: { type: "string" } } });

const { segmentsSince } = Cut.prototype;
Cut.prototype.segmentsSince = function* (parent) {
  yield* [...segmentsSince.call(this, parent)].reverse();
};

process.once("disconnect", () => process.exit(1));
await startWorker(loadConfig(values.config!));

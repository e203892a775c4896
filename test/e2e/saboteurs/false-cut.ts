import { parseArgs } from "node:util";
import { Cut } from "../../../offchain/core/cut.ts";
import { loadConfig } from "../../../offchain/node/config.ts";
import { startWorker } from "../../../offchain/node/worker.ts";

// A worker whose cuts leave a gap before the last slot's segments. Whoever else does so agrees with it on every root.

const { values } = parseArgs({ options: { config: { type: "string" } } });

const { extend } = Cut.prototype;
Cut.prototype.extend = function (h, ...rest) {
  const { entries } = extend.call(this, h, ...rest);
  const last = entries.length - 1;
  return Cut.of(
    h,
    entries.map((entry, slot) => (slot === last ? { ...entry, first: entry.first + 1 } : entry)),
  );
};

process.once("disconnect", () => process.exit(1));
await startWorker(loadConfig(values.config!));

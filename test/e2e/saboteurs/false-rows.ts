import { parseArgs } from "node:util";
import type { Engine } from "../../../offchain/inference/engine.ts";
import { loadConfig } from "../../../offchain/node/config.ts";
import { startWorker } from "../../../offchain/node/worker.ts";

// A worker whose tokens are right and whose rows are not: what it signs, what it ships and what it stores agree.

const { values } = parseArgs({ options: { config: { type: "string" } } });

/** Within the domain of rows, and never what it was. */
const lie = (rows: Uint8Array) => rows.map((byte, i) => (i % 97 === 0 ? (byte === 0 ? 1 : 0) : byte));

const lying = (engine: Engine): Engine => ({
  model: engine.model,
  createCache() {
    const cache = engine.createCache();
    const rows = cache.rows.bind(cache);
    cache.rows = (first, count) => lie(rows(first, count));
    return cache;
  },
  forward: (cache, tokens, options) => engine.forward(cache, tokens, options),
  close: () => engine.close(),
});

process.once("disconnect", () => process.exit(1));
await startWorker(loadConfig(values.config!), { wrapEngine: lying });

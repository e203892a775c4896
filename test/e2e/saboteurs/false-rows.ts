import type { Engine } from "../../../offchain/inference/engine.ts";
import { startSaboteur } from "./start.ts";

// A worker whose tokens are right and whose rows are not: what it signs, what it ships and what it stores agree.

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

await startSaboteur({ wrapEngine: lying });

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { until } from "../helpers/e2e/until.ts";
import { serveContents } from "../helpers/indexer/content-server.ts";
import { type IndexerProcess, startIndexer } from "../helpers/indexer/indexer.ts";
import { findPostgres, startPostgres } from "../helpers/indexer/postgres.ts";
import { Scenery, turnOf } from "../helpers/indexer/scenery.ts";

/** What the indexer costs: from scratch, per query, and how far it is behind while checkpoints come. */

const options = new Command("indexer")
  .description("Measures the indexer on a chain of its own: from scratch, queries, lag.")
  .option("--checkpoints <n>", "how many to index", Number, 5_000)
  .option("--snapshots <n>", "how many in all", Number, 100_000)
  .option("--postgres", "with a PostgreSQL server of its own instead of PGlite")
  .parse()
  .opts<{ checkpoints: number; snapshots: number; postgres?: boolean }>();

const SEGMENTS = 4;
const QUERIES = 2_000;
const AT_ONCE = 8;
const LIVE_CHECKPOINTS = 60;
const LIVE_EVERY_MS = 500;
const PATIENCE_MS = 20 * 60_000;
const PAGE = 256;

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const say = (name: string, what: string) => process.stdout.write(`${name.padEnd(26)} ${what}\n`);

/** Memory of all processes of a group, as Linux counts it. */
function residentBytes(group: number): number {
  let pages = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
      if (Number(fields[2]) === group) pages += Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    } catch {
      // It ended meanwhile.
    }
  return pages * 4_096;
}

async function percentiles(name: string, ask: () => Promise<void>): Promise<void> {
  const times: number[] = [];
  const one = async () => {
    while (times.length < QUERIES) {
      const began = performance.now();
      await ask();
      times.push(performance.now() - began);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  const rate = times.length / ((performance.now() - began) / 1000);
  times.sort((a, b) => a - b);
  const at = (part: number) => `${times[Math.floor(times.length * part)].toFixed(1)} ms`;
  say(name, `p50 ${at(0.5)}, p99 ${at(0.99)}, ${Math.round(rate)} a second (${AT_ONCE} at once, ${times.length})`);
}

const any = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)];

async function measureLag(scenery: Scenery, indexer: IndexerProcess): Promise<void> {
  const lags: number[] = [];
  let over = false;
  const sampling = (async () => {
    while (!over) {
      // The indexer is asked first, so that a block that comes in between counts against it.
      const { weft } = (await indexer.get("/status")).body as { weft: { block: { number: number } } };
      lags.push(Number(await scenery.ask<string>("eth_blockNumber")) - weft.block.number);
      await sleep(50);
    }
  })();
  for (let i = 0; i < LIVE_CHECKPOINTS; i++) {
    await scenery.commit(SEGMENTS, 5);
    await sleep(LIVE_EVERY_MS);
  }
  over = true;
  await sampling;
  lags.sort((a, b) => a - b);
  const at = (part: number) => lags[Math.min(lags.length - 1, Math.floor(lags.length * part))];
  say(
    "live lag, in blocks",
    `p50 ${at(0.5)}, p99 ${at(0.99)}, most ${at(1)}, ${lags.length} samples, ${LIVE_CHECKPOINTS} checkpoints, one every ${LIVE_EVERY_MS} ms`,
  );
}

const folder = mkdtempSync(join(tmpdir(), "weft-bench-"));
const scenery = await Scenery.open();
const contents = scenery.contents;
const postgres = options.postgres ? await startPostgres(findPostgres()!) : undefined;
const server = await serveContents(contents, PAGE);
let indexer: IndexerProcess | undefined;
try {
  const per = Math.round(options.snapshots / options.checkpoints / SEGMENTS);
  for (let i = 0; i < options.checkpoints; i++) await scenery.commit(SEGMENTS, per);
  say("indexed", `${options.checkpoints} checkpoints, ${options.checkpoints * SEGMENTS * per} snapshots`);
  say("on", postgres ? "PostgreSQL" : "PGlite");

  const began = performance.now();
  indexer = await startIndexer(scenery, { folder, workers: [server.url], databaseUrl: postgres?.url });
  let most = 0;
  const watching = setInterval(() => {
    most = Math.max(most, residentBytes(indexer!.child.pid));
  }, 500);
  await until("the chain is indexed", async () => (await indexer!.get("/ready")).status === 200, PATIENCE_MS, 200);
  const chainAt = performance.now();
  const isWhole = async () => {
    const { committed, collected } = (await indexer!.get("/collected")).body as Record<string, number>;
    return committed === contents.length && collected === committed;
  };
  await until("everything is collected", isWhole, PATIENCE_MS, 500);
  clearInterval(watching);
  say("the chain's side", seconds(chainAt - began));
  say("with all snapshots", seconds(performance.now() - began));
  say("memory, at most", `${Math.round(most / 1024 / 1024)} MiB`);

  const ok = async (path: string) => {
    const { status } = await indexer!.get(path);
    if (status !== 200) throw new Error(`${path}: ${status}`);
  };
  await percentiles("proof by place", () =>
    ok(`/proofs/${1 + Math.floor(Math.random() * options.checkpoints)}/${Math.floor(Math.random() * SEGMENTS)}/1`),
  );
  await percentiles("proof of a token", () => {
    const content = any(contents.slice(1));
    return ok(`/proofs/${turnOf(any(content.segments))}/3`);
  });
  await percentiles("GraphQL, a page of 20", async () => {
    const from = Math.floor(Math.random() * options.checkpoints);
    await indexer!.graphql(
      `{ checkpoints(where: { number_gte: ${from} }, orderBy: "number", limit: 20) { items { number hash finalAt } } }`,
    );
  });
  await measureLag(scenery, indexer);
} finally {
  await indexer?.child.stop();
  await postgres?.stop();
  await server.close();
  await scenery.close();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);

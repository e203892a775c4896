import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { loadDeployment } from "../chain/deployment-file.ts";
import { WeftError } from "../core/errors.ts";
import { type Lock, lockFolder, lockSchema } from "./lock.ts";
import { APP, type ChainCheck, checkChain, prepare, schemaName, startOver } from "./prepare.ts";
import { connectPostgres, openPglite, type Sql } from "./sql.ts";

export type IndexerOptions = {
  /** File of the deployment. */
  deployment: string;
  rpc: string;
  /** Addresses of workers' HTTP interfaces; without any, there is the chain's side only. */
  workers: readonly string[];
  host: string;
  port: number;
  /** Of PGlite's files, and of what is written beside them. */
  folder: string;
  databaseUrl?: string | undefined;
  /** URL of a module that Ponder's process loads first: it must end that process when its channel to this one closes. */
  preload: string;
  /** Every line that the indexer says. */
  onLine(line: string): void;
};

export type Indexer = {
  /** The schema of Ponder's tables. */
  schema: string;
  pid(): number | undefined;
  /** Resolves when it was stopped. */
  ended: Promise<void>;
  stop(): Promise<void>;
};

const STOP_MS = 8_000;
const RETRY_MS = { least: 1_000, most: 30_000 };
/** Who ran for so long had no trouble starting. */
const RAN_WELL_MS = 60_000;
/** What Ponder says when the chain took back what it held for final; from then on it stands still. */
const BEYOND_UNDOING = "Encountered unrecoverable reorg";
/** What it says when it listens: at the next port that is free, if ours is not. */
const LISTENING = "Created HTTP server";

/** The program file of Ponder, which comes as one of the development dependencies. @throws WeftError `not_installed` */
function ponderProgram(): string {
  try {
    return join(dirname(fileURLToPath(import.meta.resolve("ponder"))), "bin/ponder.js");
  } catch (cause) {
    throw new WeftError("not_installed", "Ponder is not installed, and the indexer is made of it", {
      cause,
      remedy: "npm install ponder@0.16.10 hono viem",
    });
  }
}

/** @throws WeftError `cannot_listen` */
async function checkPort(port: number, host: string): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((done, fail) => server.once("error", fail).listen(port, host, done));
  } catch (cause) {
    throw new WeftError("cannot_listen", `port ${port} of ${host} is not to be had`, {
      field: "port",
      cause,
      remedy: "name another port, or stop who listens there",
    });
  }
  await new Promise((done) => server.close(done));
}

/**
 * Runs Ponder on our app and starts it again when it ends by itself, from where it was. Where the chain took back more
 * than Ponder undoes, everything is indexed anew.
 *
 * @throws WeftError `cannot_listen`, `wrong_chain`, `chain_unreachable`, `database_unreachable`, `indexer_running`, `not_installed`;
 *   DeploymentError
 */
export async function startIndexer(options: IndexerOptions): Promise<Indexer> {
  const deployment = loadDeployment(options.deployment);
  const program = ponderProgram();
  const { folder, databaseUrl } = { ...options, folder: resolve(options.folder) };
  await checkPort(options.port, options.host);
  const chain = await checkChain(options.rpc, deployment);
  const schema = schemaName(deployment, chain.origin);
  const lock: Lock = databaseUrl ? await lockSchema(databaseUrl, schema) : lockFolder(folder);
  const withDatabase = async (work: (sql: Sql) => Promise<void>) => {
    const sql = databaseUrl ? await connectPostgres(databaseUrl, 1) : await openPglite(folder);
    await work(sql).finally(() => sql.close());
  };
  const ready = (now: ChainCheck) => withDatabase((sql) => prepare(sql, schema, deployment, now, !databaseUrl));
  try {
    await ready(chain);
  } catch (error) {
    await lock.release();
    throw error;
  }

  let child: ChildProcess | undefined;
  let stopping = false;
  const wake = new AbortController();

  const { PORT: _, DATABASE_PRIVATE_URL: __, ...inherited } = process.env;
  const env = {
    ...inherited,
    NODE_ENV: "production",
    PONDER_TELEMETRY_DISABLED: "1",
    WEFT_INDEXER_DEPLOYMENT: resolve(options.deployment),
    WEFT_INDEXER_RPC: options.rpc,
    WEFT_INDEXER_FOLDER: folder,
    WEFT_INDEXER_WORKERS: options.workers.join(","),
    DATABASE_SCHEMA: schema,
    ...(databaseUrl ? { DATABASE_URL: databaseUrl } : { DATABASE_URL: undefined }),
  };
  const args = ["--import", options.preload, program, "start", "--root", APP, "--log-format", "json"];
  const network = ["--port", String(options.port), "--hostname", options.host];

  /** One run of Ponder, until it ends, and why it was ended if it was. */
  const runOnce = async (): Promise<"reorganised" | "port taken" | undefined> => {
    let why: "reorganised" | "port taken" | undefined;
    const running = spawn(process.execPath, [...args, ...network], {
      cwd: APP,
      env,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    child = running;
    for (const stream of [running.stdout, running.stderr])
      createInterface({ input: stream! }).on("line", (line) => {
        options.onLine(line);
        if (line.includes(BEYOND_UNDOING)) why = "reorganised";
        else if (line.includes(LISTENING) && !line.includes(`"port":${options.port},`)) why = "port taken";
        else return;
        running.kill("SIGKILL");
      });
    await new Promise((done) => running.once("close", done).once("error", done));
    child = undefined;
    return why;
  };

  const supervise = async () => {
    for (let failures = 0; !stopping; failures++) {
      const began = performance.now();
      const why = await runOnce();
      if (stopping) break;
      if (performance.now() - began > RAN_WELL_MS) failures = 0;
      options.onLine(`weft: Ponder ended (${why ?? "by itself"}); starting it again`);
      const wait = Math.min(RETRY_MS.most, RETRY_MS.least * 2 ** failures);
      await sleep(wait, undefined, { signal: wake.signal }).catch(() => {});
      if (stopping) break;
      try {
        if (why === "reorganised") await withDatabase((sql) => startOver(sql, schema, deployment.chainId));
        await ready(await checkChain(options.rpc, deployment));
      } catch (error) {
        options.onLine(`weft: ${String(error)}`);
      }
    }
    await lock.release();
  };
  const ended = supervise();
  return {
    schema,
    pid: () => child?.pid,
    ended,
    async stop() {
      stopping = true;
      wake.abort();
      child?.kill("SIGTERM");
      const timer = setTimeout(() => child?.kill("SIGKILL"), STOP_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

import { existsSync } from "node:fs";
import { WeftError } from "../core/errors.ts";
import { startIndexer } from "../indexer/supervisor.ts";
import { END_WITH_PARENT } from "./devnet/child.ts";

export type IndexerCommand = {
  deployment: string;
  rpc: string;
  workers?: string;
  host: string;
  port: number;
  folder: string;
  databaseUrl?: string;
};

/** `weft indexer`: runs until it is told to stop. */
export async function indexer(options: IndexerCommand): Promise<void> {
  if (!existsSync(new URL("../indexer/ponder.config.ts", import.meta.url)))
    throw new WeftError("not_packed", "the package does not contain the indexer", {
      remedy: "run it from a clone of the repository: npm run weft -- indexer",
    });
  const workers = (options.workers ?? "").split(",").filter((url) => url !== "");
  for (const url of workers)
    if (!/^https?:/.test(url) || !URL.canParse(url))
      throw new WeftError("bad_config", `${url} is not the address of a worker`, {
        field: "workers",
        remedy: "give URLs that begin with http:// or https://, separated by commas",
      });
  const running = await startIndexer({
    ...options,
    workers,
    databaseUrl: options.databaseUrl ?? process.env["DATABASE_URL"],
    preload: END_WITH_PARENT,
    onLine: (line) => process.stderr.write(`${line}\n`),
  });
  let stopping = false;
  const stop = (code: number) => {
    // Ponder is killed with this process.
    if (stopping) process.exit(code);
    stopping = true;
    void running.stop().then(() => process.exit(code));
  };
  process.on("SIGINT", () => stop(130));
  process.on("SIGTERM", () => stop(143));
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  process.stdout.write(`weft: indexer on http://${host}:${options.port}, tables in schema ${running.schema}\n`);
}

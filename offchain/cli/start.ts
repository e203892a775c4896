import { loadConfig } from "../node/config.ts";
import { fail } from "./report.ts";

const STOP_MS = 5_000;

export async function start(options: { config: string }): Promise<void> {
  const config = loadConfig(options.config);
  // Loaded after the check, so that a mistyped line is told at once.
  const { startWorker } = await import("../node/worker.ts");
  const starting = startWorker(config);
  let stopping = false;

  const stop = (why: string, code: number) => {
    // Nothing needs the goodbye: what was said is durable. So whoever asks twice is not kept waiting.
    if (stopping) process.exit(code);
    stopping = true;
    process.stderr.write(`weft: ${why}, stopping\n`);
    setTimeout(() => {
      process.stderr.write("weft: not stopped in time, leaving\n");
      process.exit(1);
    }, STOP_MS).unref();
    starting
      .then((worker) => worker.stop())
      .then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      );
  };
  process.on("SIGINT", () => stop("interrupted", 130));
  process.on("SIGTERM", () => stop("terminated", 143));
  // A devnet holds this channel; it closes however the devnet ends, and its workers must not outlive it.
  if (process.connected) process.once("disconnect", () => stop("the parent process is gone", 1));

  const worker = await starting;
  const host = config.api.listen.slice(0, config.api.listen.lastIndexOf(":"));
  process.stdout.write(`weft: http://${host}:${worker.apiPort} (mesh on port ${worker.meshPort})\n`);
}

import { loadConfig } from "../node/config.ts";
import type { Worker } from "../node/worker.ts";
import { fail } from "./report.ts";

const STOP_MS = 5_000;

export async function start(options: { config: string }): Promise<void> {
  const config = loadConfig(options.config);
  // Loaded after the check, so that a mistyped line is told at once.
  const { startWorker } = await import("../node/worker.ts");
  let worker: Worker | undefined;
  let stopping = false;

  const stop = (why: string, code: number) => {
    // Nothing needs the goodbye: what was said is durable. So whoever asks twice, or at the start, is not kept waiting.
    if (stopping || worker === undefined) process.exit(code);
    stopping = true;
    process.stderr.write(`weft: ${why}, stopping\n`);
    setTimeout(() => {
      process.stderr.write("weft: not stopped in time, leaving\n");
      process.exit(1);
    }, STOP_MS).unref();
    worker.stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on("SIGINT", () => stop("interrupted", 130));
  process.on("SIGTERM", () => stop("terminated", 143));

  worker = await startWorker(config);
  const host = config.api.listen.slice(0, config.api.listen.lastIndexOf(":"));
  process.stdout.write(`weft: http://${host}:${worker.apiPort} (mesh on port ${worker.meshPort})\n`);
}

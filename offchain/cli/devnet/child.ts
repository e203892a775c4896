import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname, extname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { WeftError } from "../../core/errors.ts";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Another module of our own, as it lies beside this one: TypeScript in the repository, JavaScript in the package. */
export function beside(url: string, name: string): URL {
  return new URL(`${name}${extname(url)}`, url);
}

export type Exit = { code: number | null; signal: NodeJS.Signals | null };

/** A process of the devnet, in a process group of its own. */
export type Child = {
  name: string;
  pid: number;
  logFile: string;
  exit: Promise<Exit>;
  exited(): Exit | undefined;
  kill(signal: NodeJS.Signals): void;
  /** Asks it to stop, and kills it when it does not in time. */
  stop(): Promise<Exit>;
};

const STOP_MS = 6_000;
/** Module that ends its process when the one that began it is gone. */
export const END_WITH_PARENT = beside(import.meta.url, "end-with-parent").href;
const living = new Set<Child>();

// Signals that end this process without its handlers are covered by the channel that every child watches.
process.on("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

/** Runs one of our modules in a process that ends with this one, its words in `logFile`. */
export function run(
  name: string,
  module: string,
  args: string[],
  options: { logFile: string; env?: Record<string, string> },
): Child {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, "a");
  const spawned = spawn(process.execPath, ["--import", END_WITH_PARENT, module, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", log, log, "ipc"],
    // Ctrl-C at the terminal is the harness's to hear, which then stops its children in order.
    detached: true,
  });
  closeSync(log);
  const { pid } = spawned;
  if (pid === undefined)
    throw new WeftError("devnet_failed", `cannot run ${name}`, { remedy: "see whether memory is left" });

  let exit: Exit | undefined;
  const child: Child = {
    name,
    pid,
    logFile: options.logFile,
    exited: () => exit,
    exit: new Promise((resolve) => {
      spawned.once("exit", (code, signal) => {
        exit = { code, signal };
        living.delete(child);
        resolve(exit);
      });
    }),
    kill(signal) {
      try {
        if (!exit) process.kill(-pid, signal);
      } catch {
        // It ended between the question and the signal.
      }
    },
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      const how = await child.exit;
      clearTimeout(timer);
      return how;
    },
  };
  living.add(child);
  return child;
}

/** Polls until `ready`; fails at once when the child ends before, with the last words of its log. */
export async function untilReady(
  child: Child,
  ready: () => Promise<boolean>,
  timeoutMs: number,
  what = "ready",
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await ready().catch(() => false))) {
    const exit = child.exited();
    const late = Date.now() > deadline;
    if (exit || late)
      throw new WeftError(
        "devnet_failed",
        `${child.name} ${exit ? `ended (${exit.signal ?? exit.code})` : `was not ${what} within ${timeoutMs} ms`}: ${lastLine(child.logFile)}`,
        { remedy: `read ${child.logFile}` },
      );
    await sleep(50);
  }
}

function lastLine(file: string): string {
  return readFileSync(file, "utf8").trimEnd().split("\n").at(-1)?.slice(0, 400) || "it said nothing";
}

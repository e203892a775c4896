import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { freePorts } from "../../../offchain/cli/devnet.ts";
import { until } from "../e2e/until.ts";

export type Postgres = { url: string; stop(): Promise<void> };

/** Where Debian and most others put the programs; undefined where PostgreSQL is not installed. */
export function findPostgres(): string | undefined {
  const places = ["/usr/lib/postgresql/*/bin/initdb", "/usr/local/bin/initdb", "/usr/bin/initdb", "/opt/*/bin/initdb"];
  return places.flatMap((pattern) => globSync(pattern)).map(dirname)[0];
}

/** The server refuses to be run by root: then it runs as the account that its package made. */
function account(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

/** A real server with an empty cluster in a temporary folder. */
export async function startPostgres(programs: string): Promise<Postgres> {
  const folder = mkdtempSync(join(tmpdir(), "weft-postgres-"));
  const as = account();
  if (as.uid !== undefined) chownSync(folder, as.uid, as.gid!);
  const data = join(folder, "data");
  execFileSync(join(programs, "initdb"), ["-D", data, "-U", "weft", "-A", "trust", "--no-sync"], {
    ...as,
    cwd: folder,
    stdio: "ignore",
  });
  const [port] = await freePorts(1);
  const flags = ["-D", data, "-p", String(port), "-k", folder, "-c", "listen_addresses=127.0.0.1"];
  const server: ChildProcess = spawn(join(programs, "postgres"), flags, { ...as, cwd: folder, stdio: "ignore" });
  const ended = new Promise<void>((done) => server.once("exit", () => done()));
  const stop = async () => {
    server.kill("SIGINT");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const url = `postgresql://weft@127.0.0.1:${port}/postgres`;
  try {
    const { default: pg } = await import("pg");
    await until("the database answers", async () => {
      const client = new pg.Client({ connectionString: url });
      client.on("error", () => {});
      await client.connect();
      await client.end();
      return true;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

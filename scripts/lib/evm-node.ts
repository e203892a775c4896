import { parseArgs } from "node:util";
import { runMain } from "./errors.ts";
import { hre } from "./hardhat.ts";
import { isMain } from "./paths.ts";
import { ScriptError } from "./script-error.ts";

export interface EvmNode {
  url: string;
  close(): Promise<void>;
}

/** Serves a fresh local chain over HTTP and WebSocket: `hardhat node` without its log of every call. */
export async function startEvmNode(options: { port?: number; hostname?: string } = {}): Promise<EvmNode> {
  const server = await hre.network.createServer("node", options.hostname ?? "127.0.0.1", options.port);
  const { address, port } = await server.listen();
  return { url: `http://${address}:${port}`, close: () => server.close() };
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { port: { type: "string", default: "8545" }, host: { type: "string" } } });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new ScriptError("BAD_ARGUMENT", `--port ${values.port} is not a port`);
  }
  const node = await startEvmNode({ port, ...(values.host === undefined ? {} : { hostname: values.host }) });
  process.stdout.write(`${node.url}\n`);
  const stop = () => {
    void node.close().finally(() => process.exit(0));
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

if (isMain(import.meta.url)) await runMain(main);

import { createHardhatRuntimeEnvironment } from "hardhat/hre";
import { devnetChain } from "./chain-config.ts";

// A chain in a process of its own: a node that shares no memory with any worker. It holds nothing worth a goodbye, and
// an exit would wait for its threads.
process.once("SIGTERM", () => process.kill(process.pid, "SIGKILL"));

// What was compiled is none of its business, and reading it would take longer than all the rest of the start.
const hre = await createHardhatRuntimeEnvironment({ networks: { node: devnetChain }, paths: { artifacts: "none" } });
const server = await hre.network.createServer("node", "127.0.0.1", Number(process.argv[2]));
const { address, port } = await server.listen();
process.stdout.write(`chain: http://${address}:${port}\n`);

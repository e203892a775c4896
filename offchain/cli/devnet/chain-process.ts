import hre from "hardhat";

// A chain of its own process: a node that is killed with its harness, and that shares no memory with any worker.

if (process.connected) process.once("disconnect", () => process.exit(0));
process.once("SIGTERM", () => process.exit(0));

const server = await hre.network.createServer("node", "127.0.0.1", Number(process.argv[2]));
const { address, port } = await server.listen();
process.stdout.write(`chain: http://${address}:${port}\n`);

import hre from "hardhat";

// A chain of its own process: a node that is killed with its harness, and that shares no memory with any worker.

// It holds nothing worth a goodbye, and an exit would wait for the threads of the chain.
const end = () => process.kill(process.pid, "SIGKILL");
if (process.connected) process.once("disconnect", end);
process.once("SIGTERM", end);

const server = await hre.network.createServer("node", "127.0.0.1", Number(process.argv[2]));
const { address, port } = await server.listen();
process.stdout.write(`chain: http://${address}:${port}\n`);

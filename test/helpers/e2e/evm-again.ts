import { hre } from "../../../scripts/lib/hardhat.ts";

// The devnet's chain once more, from a genesis at the same time, so that the same blocks have the same hashes. Nothing is
// mined before somebody says so.
process.once("SIGTERM", () => process.kill(process.pid, "SIGKILL"));

const [port, genesis] = process.argv.slice(2).map(Number);
const override = { initialDate: new Date(genesis * 1000).toISOString(), mining: { auto: false, interval: 0 } };
const server = await hre.network.createServer({ network: "node", override }, "127.0.0.1", port);
await server.listen();

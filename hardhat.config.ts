import { createRequire } from "node:module";
import hardhatEthers from "@nomicfoundation/hardhat-ethers";
import hardhatViem from "@nomicfoundation/hardhat-viem";
import { defineConfig } from "hardhat/config";

const require = createRequire(import.meta.url);

export default defineConfig({
  plugins: [hardhatEthers, hardhatViem],
  solidity: {
    version: "0.8.37",
    // The compiler of the lockfile: Hardhat's own download does not work offline, and would not be pinned by us.
    path: require.resolve("solc/soljson.js"),
    npmFilesToBuild: ["@openzeppelin/contracts/access/manager/AccessManager.sol"],
    settings: {
      optimizer: { enabled: true, runs: 10_000 },
      evmVersion: "cancun",
      // viaIR stays off: the code generator has known bugs, and no contract here needs it.
      viaIR: false,
    },
  },
  networks: {
    // Accounts for as many operators as a commit is measured with.
    default: { type: "edr-simulated", chainType: "l1", chainId: 31337, accounts: { count: 40 } },
    // What `hardhat node` and scripts/lib/evm-node.ts run: a block for every transaction, and one every second besides,
    // because views at the latest block see that block's time, and finality has to arrive on a quiet chain too.
    node: { type: "edr-simulated", chainType: "l1", chainId: 31337, mining: { auto: true, interval: 1000 } },
    localhost: { type: "http", chainType: "l1", url: "http://127.0.0.1:8545" },
  },
  test: { solidity: { fuzz: { runs: 64 }, invariant: { runs: 1000, depth: 64, failOnRevert: true } } },
});

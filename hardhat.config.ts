import { createRequire } from "node:module";
import hardhatEthers from "@nomicfoundation/hardhat-ethers";
import hardhatViem from "@nomicfoundation/hardhat-viem";
import { defineConfig } from "hardhat/config";
import { accountKey } from "./offchain/cli/devnet/accounts.ts";
import { devnetChain } from "./offchain/cli/devnet/chain-config.ts";

const require = createRequire(import.meta.url);

/** For as many operators as a commit is measured with. */
const accounts = Array.from({ length: 40 }, (_, index) => ({
  privateKey: accountKey(index),
  balance: 10_000n * 10n ** 18n,
}));

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
    default: { type: "edr-simulated", chainType: "l1", chainId: 31337, accounts },
    // What `hardhat node` and scripts/lib/evm-node.ts run.
    node: devnetChain,
    localhost: { type: "http", chainType: "l1", url: "http://127.0.0.1:8545" },
  },
  test: {
    solidity: {
      profiles: {
        default: { fuzz: { runs: 64 }, invariant: { runs: 1000, depth: 64, failOnRevert: true } },
        // Counting lines makes everything slow, and finds no more lines in a thousand walks.
        coverage: { fuzz: { runs: 16 }, invariant: { runs: 16, depth: 64, failOnRevert: true } },
      },
    },
  },
  coverage: { skipFiles: ["contracts/test/**", "contracts/mocks/**"] },
});

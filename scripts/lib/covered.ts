import { after } from "node:test";
import hardhat from "hardhat";
import { hre } from "./hardhat.ts";

/**
 * Loaded before TypeScript tests: what their chains ran of the contracts is put to what the Solidity tests ran, or would be
 * lost with the process.
 */
after(async () => {
  for (const { hooks } of [hardhat, hre])
    await hooks.runHandlerChain("test", "onTestWorkerDone", ["solidity"], async () => {});
});

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runMain } from "./lib/errors.ts";
import { paths } from "./lib/paths.ts";
import { ScriptError } from "./lib/script-error.ts";

/** Of all lines of the contracts, the part that the Solidity tests run. */
const LEAST = 0.98;
const hardhat = join(paths.root, "node_modules/hardhat/dist/src/cli.js");

function run(args: string[]): void {
  const { status } = spawnSync(process.execPath, [hardhat, ...args], { cwd: paths.root, stdio: "inherit" });
  if (status !== 0) throw new ScriptError("TESTS_FAILED", `hardhat ${args.join(" ")} ended with ${status}`);
}

async function main(): Promise<void> {
  try {
    run(["--coverage", "test", "solidity", "--test-profile", "coverage"]);
  } finally {
    // The compiled contracts that were counted in must not be deployed.
    run(["build", "--quiet"]);
  }
  let [lines, hit] = [0, 0];
  for (const line of readFileSync(join(paths.root, "coverage", "lcov.info"), "utf8").split("\n")) {
    if (line.startsWith("LF:")) lines += Number(line.slice(3));
    if (line.startsWith("LH:")) hit += Number(line.slice(3));
  }
  if (lines === 0) throw new ScriptError("TESTS_FAILED", "no line was counted");
  process.stdout.write(`lines: ${hit} of ${lines}, ${((100 * hit) / lines).toFixed(2)} %\n`);
  if (hit < LEAST * lines) throw new ScriptError("TESTS_FAILED", `less than ${100 * LEAST} % of the lines are tested`);
}

await runMain(main);

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runMain } from "./lib/errors.ts";
import { MODEL_TESTS } from "./lib/model-tests.ts";
import { paths } from "./lib/paths.ts";
import { ScriptError } from "./lib/script-error.ts";

/** Of all lines of the contracts, the part that tests run: those in Solidity, and those in TypeScript of models. */
const LEAST = 0.98;
const HARDHAT = "node_modules/hardhat/dist/src/cli.js";
/** Lines that are counted cost gas, so no tests of gas. */
const SKIPPED = ["--test-skip-pattern=: gas$", "--test-skip-pattern=: one transaction$"];

function run(args: string[], env: NodeJS.ProcessEnv = {}): void {
  const options = { cwd: paths.root, stdio: "inherit", env: { ...process.env, ...env } } as const;
  const { status } = spawnSync(process.execPath, args, options);
  if (status !== 0) throw new ScriptError("TESTS_FAILED", `${args.join(" ")} ended with ${status}`);
}

async function main(): Promise<void> {
  try {
    run([HARDHAT, "--coverage", "test", "solidity", "--test-profile", "coverage"]);
    const counted = { HARDHAT_COVERAGE: "true" };
    run(
      ["--import", "./scripts/lib/covered.ts", "--test", "--test-concurrency=2", ...SKIPPED, ...MODEL_TESTS],
      counted,
    );
    run(["scripts/lib/coverage-report.ts"], counted);
  } finally {
    // The compiled contracts that were counted in must not be deployed.
    run([HARDHAT, "build", "--quiet"]);
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

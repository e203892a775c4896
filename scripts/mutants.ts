import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { Catch, Prey } from "../test/contracts/mutants/hunt.ts";
import { UNSEEN } from "../test/contracts/mutants/list.ts";
import { allMutants, coinbaseOf, plant } from "../test/contracts/mutants/plant.ts";
import type { Mutant } from "../test/contracts/mutants/source.ts";
import { runMain } from "./lib/errors.ts";
import { MODEL_TESTS } from "./lib/model-tests.ts";
import { paths } from "./lib/paths.ts";
import { ScriptError } from "./lib/script-error.ts";

/**
 * `npm run mutants`: breaks the contracts in every way of test/contracts/mutants, one at a time, and looks which tests
 * notice. `-- --only TEXT`, once or several times, runs only those with TEXT in their name or file. The exit code is 1
 * when one survives that is not explained, is not noticed by the test that it names, or is explained and noticed all the
 * same.
 */
const { values } = parseArgs({ options: { only: { type: "string", multiple: true, default: [""] } } });

const LIMIT_MS = 5 * 60_000; // for one mutant; whatever takes longer does not end
/** For one process: what the Solidity tests of a mutant took, some 70 MB, is not given back before it ends. */
const MOST_PREY = 32;
const COMPILE = ["node_modules/hardhat/dist/src/cli.js", "compile"];
/** Tests of what the contracts compute, for what those in Solidity do not see. Switches cost gas, so not of gas. */
const TYPESCRIPT = [
  ...["--test", "--test-reporter=spec", "--test-concurrency=2", "--test-skip-pattern=costs no more than"],
  ...["availability", "court", "cut", "cut-snapshots", "fold", "formats", "ledger", "registry"].map(
    (name) => `test/contracts/${name}.test.ts`,
  ),
  ...MODEL_TESTS,
];

const began = performance.now();
const elapsed = () => `${((performance.now() - began) / 1000).toFixed(0)} s`;
const folder = mkdtempSync(join(tmpdir(), "weft-mutants-"));
const copy = join(folder, "weft");

function start(args: string[], number: number) {
  const env = { ...process.env, MUTANT_COINBASE: coinbaseOf(number) };
  return spawn(process.execPath, args, { cwd: copy, env, stdio: ["ignore", "pipe", "pipe"] });
}

/** Runs to the end; which tests failed, by the lines of the reporter. */
function run(args: string[], number: number): Promise<{ passed: boolean; failed: string[]; output: string }> {
  return new Promise((resolve, reject) => {
    const child = start(args, number);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (part) => {
        output += part;
      });
    child.on("error", reject).on("close", (code) => {
      const failed = [...output.matchAll(/^\s*✖ (.+) \(\d[\d.]*ms\)/gm)].map((match) => match[1] as string);
      resolve({ passed: code === 0, failed: [...new Set(failed)], output });
    });
  });
}

/** Runs the Solidity tests with one mutant after the other, and tells which failed. */
async function hunt(prey: readonly Prey[], tell: (caught: Catch) => void): Promise<void> {
  const left = [...prey];
  while (left.length > 0) {
    const list = join(folder, "prey.json");
    const some = left.splice(0, MOST_PREY);
    writeFileSync(list, JSON.stringify(some));
    const child = start(["test/contracts/mutants/hunt.ts", list], 0);
    let said = "";
    child.stderr.on("data", (part) => {
      said += part;
    });
    const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    for await (const line of createInterface({ input: child.stdout })) {
      tell(JSON.parse(line) as Catch);
      some.shift();
      limit.refresh();
    }
    clearTimeout(limit);
    const stuck = some.shift();
    if (stuck === undefined) continue;
    left.unshift(...some);
    if (child.signalCode !== "SIGKILL") throw new ScriptError("TESTS_FAILED", `the hunt ended early: ${said}`);
    tell({ number: stuck.number, failed: ["(does not end)"] });
  }
}

/** What a mutant shows: null when that is as it should be. */
function judge({ name, test }: Mutant, failed: string[]): string | null {
  const explained = name in UNSEEN;
  if (failed.length === 0) return explained ? null : "SURVIVED";
  if (explained) return "SEEN, though explained";
  return test === undefined || failed.includes(test) ? null : `NOT SEEN BY "${test}"`;
}

async function main(): Promise<void> {
  const mutants = allMutants(paths.root);
  const all = mutants.map(({ name, file, test }, i) => ({ number: i + 1, name, file, test }));
  const prey = all.filter(({ name, file }) => values.only.some((text) => `${file} ${name}`.includes(text)));
  process.stdout.write(`${prey.length} of ${all.length} mutants; compiling them all at once\n`);
  plant(paths.root, copy, mutants);
  for (const args of [COMPILE, TYPESCRIPT]) {
    const { passed, output } = await run(args, 0);
    if (!passed) throw new ScriptError("TESTS_FAILED", `${output}\nThis fails without a mutant: ${args.join(" ")}`);
  }
  await hunt([{ number: 0, file: "" }], ({ failed }) => {
    if (failed.length > 0) throw new ScriptError("TESTS_FAILED", `These fail without a mutant: ${failed.join(", ")}`);
  });
  process.stdout.write(`compiled; all tests pass while none is on (${elapsed()})\n`);

  const bad: string[] = [];
  let [done, explained] = [0, 0];
  const report = (number: number, failed: string[]) => {
    const mutant = mutants[number - 1] as Mutant;
    const wrong = judge(mutant, failed);
    const what = failed.length === 0 ? (UNSEEN[mutant.name] ?? "") : failed.slice(0, 3).join(", ");
    const verdict = wrong ?? (failed.length === 0 ? "explained" : "killed");
    const line = `${verdict.padEnd(9)}  ${mutant.file}  ${mutant.name}  ${what}`;
    if (wrong !== null) bad.push(line);
    else if (failed.length === 0) explained += 1;
    process.stdout.write(`${String(++done).padStart(4)}/${prey.length}  ${line}\n`);
  };
  const later: Catch[] = [];
  await hunt(prey, ({ number, failed }) => {
    if (failed.length > 0 && judge(mutants[number - 1] as Mutant, failed) === null) report(number, failed);
    else later.push({ number, failed });
  });
  for (const { number, failed } of later) {
    const named = (mutants[number - 1] as Mutant).test;
    const pattern = named ? [`--test-name-pattern=${named}`] : [];
    report(number, [...failed, ...(await run([...pattern, ...TYPESCRIPT], number)).failed]);
  }

  process.stdout.write(
    `\n${prey.length - bad.length} of ${prey.length} as they should be (${explained} explained), ${elapsed()}\n`,
  );
  for (const line of bad) process.stdout.write(`${line}\n`);
  if (bad.length > 0) process.exitCode = 1;
}

await runMain(main);
rmSync(folder, { recursive: true, force: true });

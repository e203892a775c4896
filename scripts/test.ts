import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * `npm test`: everything that must hold. `npm test -- unit e2e` runs only the steps named. A few steps run at once, in this
 * order; what fills both cores by itself, or must not wait for others, comes last and alone. What they print comes when
 * they end.
 * A step that fails does not hide the others; the exit code is 1 when any failed.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const hardhat = join(root, "node_modules/hardhat/dist/src/cli.js");
const bin = (name: string) => join(root, "node_modules/.bin", name);

/** A test that hangs is a test that failed. */
const LIMIT_MS = 5 * 60_000;
const LIMIT_STEP_MS = 20 * 60_000;

/** On two cores: of three steps, one mostly waits. */
const AT_ONCE = 3;

type Step = {
  name: string;
  what: string;
  command: string;
  args: string[];
  /** Contracts need not be compiled for it. */
  early?: true;
  /** Fills both cores, or is in time only with the machine to itself. */
  alone?: true;
};

const suite = (patterns: string[], concurrency: number): string[] => [
  "--import",
  "./scripts/lib/untraced.mjs",
  "--test",
  `--test-concurrency=${concurrency}`,
  "--test-reporter=spec",
  `--test-timeout=${LIMIT_MS}`,
  ...patterns.flatMap((pattern) => globSync(pattern, { cwd: root }).sort()),
];

const node = process.execPath;
const steps: Step[] = [
  {
    name: "compile",
    what: "the contracts, if they changed",
    command: node,
    args: ["scripts/bootstrap.mjs", "compile"],
    early: true,
  },
  {
    name: "lint",
    what: "formatting, lint and the import rule",
    command: bin("biome"),
    args: ["ci", "--reporter=summary", "."],
    early: true,
  },
  {
    name: "solhint",
    what: "lint of the contracts",
    command: bin("solhint"),
    args: ["--max-warnings", "0", "--disc", "--noPoster", "contracts/**/*.sol"],
    early: true,
  },
  { name: "types", what: "types", command: bin("tsc"), args: ["-p", "."], early: true },
  {
    name: "property",
    what: "property tests of the invariants",
    command: node,
    args: suite(["test/property/**/*.test.ts"], 2),
    early: true,
  },
  {
    name: "compliance",
    what: "every mesh is the same mesh",
    command: node,
    args: suite(["test/compliance/**/*.test.ts"], 2),
    early: true,
  },
  {
    name: "indexer",
    what: "the indexer on PGlite and PostgreSQL",
    command: node,
    args: suite(["test/indexer/**/*.test.ts"], 2),
  },
  {
    name: "contracts",
    what: "contracts on the embedded chain",
    command: node,
    args: suite(["test/contracts/**/*.test.ts"], 2),
  },
  { name: "unit", what: "unit tests", command: node, args: suite(["test/unit/**/*.test.ts"], 2) },
  { name: "solidity", what: "Solidity tests", command: node, args: [hardhat, "test", "solidity"] },
  {
    name: "pack",
    what: "the package outside the repository, as docs/dapp.md has it, and in a browser",
    command: node,
    args: suite(["test/pack/**/*.test.ts"], 1),
  },
  {
    name: "sdk",
    what: "the SDK against a chain, and a script that shares no code",
    command: node,
    args: suite(["test/sdk/**/*.test.ts"], 1),
  },
  { name: "sim", what: "the simulator's own tests", command: node, args: suite(["test/sim/**/*.test.ts"], 2) },
  { name: "gas", what: "what contracts may cost", command: node, args: ["scripts/gas.ts"] },
  {
    name: "generated",
    what: "generated code is that of the contracts and the .proto files",
    command: node,
    args: ["scripts/generate.ts", "--check"],
  },
  {
    name: "vectors",
    what: "golden vectors are those of core",
    command: node,
    args: ["test/vectors/make.ts", "--check"],
  },
  {
    name: "seeds",
    what: "the protocol under a hostile world, seed by seed",
    command: node,
    args: ["test/sim/main.ts", "--seeds", "300"],
    alone: true,
  },
  {
    name: "e2e",
    what: "real processes",
    command: node,
    args: suite(["test/e2e/**/!(isolation).test.ts"], 2),
    alone: true,
  },
  {
    name: "isolation",
    what: "real writers that are cut off, with nothing beside them: their speed is compared",
    command: node,
    args: suite(["test/e2e/isolation.test.ts"], 1),
    alone: true,
  },
];

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  process.stderr.write(
    `There is no step ${unknown.join(", ")}. There are: ${steps.map(({ name }) => name).join(", ")}.\n`,
  );
  process.exit(2);
}

type Result = { name: string; passed: boolean; seconds: number };

const run = ({ name, what, command, args }: Step, alone: boolean) =>
  new Promise<Result>((resolve) => {
    process.stdout.write(alone ? "" : `-- ${name} begins\n`);
    const title = `\n== ${name}: ${what}\n`;
    const started = performance.now();
    const printed: Buffer[] = [];
    if (alone) process.stdout.write(title);
    const out = alone ? "inherit" : "pipe";
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", out, out], timeout: LIMIT_STEP_MS });
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data: Buffer) => printed.push(data));
    child.on("error", (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      resolve({ name, passed: false, seconds: 0 });
    });
    child.on("close", (code) => {
      if (!alone) process.stdout.write(Buffer.concat([Buffer.from(title), ...printed]));
      resolve({ name, passed: code === 0, seconds: (performance.now() - started) / 1000 });
    });
  });

const results: Result[] = [];
const left = steps.filter(({ name }) => asked.length === 0 || name === "compile" || asked.includes(name));
const running = new Set<Promise<void>>();
let compiled = false;

/** What may begin now: early steps beside the compiler, and last, one by one, what runs alone. */
function next(): Step | undefined {
  const at = left.findIndex(({ early, alone }) => !alone && (early || compiled));
  if (at >= 0) return running.size < AT_ONCE ? left.splice(at, 1)[0] : undefined;
  return running.size === 0 ? left.shift() : undefined;
}

while (left.length > 0 || running.size > 0) {
  for (let step = next(); step; step = next()) {
    const { name, alone = false } = step;
    const done = run(step, alone || left.length + running.size === 0).then((result) => {
      results.push(result);
      if (name === "compile") compiled = result.passed;
      // What is old, or half compiled, says nothing.
      if (name === "compile" && !compiled) left.length = 0;
      running.delete(done);
    });
    running.add(done);
  }
  await Promise.race(running);
}

process.stdout.write("\n");
for (const { name, passed, seconds } of results)
  process.stdout.write(`${passed ? "passed" : "FAILED"}  ${name.padEnd(10)} ${seconds.toFixed(1).padStart(6)} s\n`);
const failed = results.filter(({ passed }) => !passed);
process.stdout.write(`\nsteps: ${results.length - failed.length} passed, ${failed.length} failed\n`);
process.exit(failed.length === 0 ? 0 : 1);

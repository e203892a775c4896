import { readFileSync } from "node:fs";
import hre from "hardhat";
import { coinbaseOf } from "./plant.ts";

/**
 * Runs in a copy with mutants: the Solidity tests, with each of the mutants of a file (`Prey[]` as JSON, named by the
 * command line). Prints one line of JSON for each: the names of the tests that failed.
 */
export interface Prey {
  number: number;
  file: string; // below contracts/
  test?: string | undefined; // without which the search goes on
}

export interface Catch {
  number: number;
  failed: string[];
}

/** The tests that are most likely to see a mutant of a file, by the beginning of its path: a tenth of the time of all. */
const LIKELY: readonly [string, string[]][] = [
  ["OperatorRegistry", ["OperatorRegistry", "registry/EpochQueue", "Guardian"]],
  ["registry", ["OperatorRegistry", "registry/EpochQueue", "Guardian"]],
  ["libraries/RegistryRules", ["OperatorRegistry", "registry/EpochQueue"]],
  ["libraries/OperatorSet", ["libraries/OperatorSet", "registry/EpochQueue"]],
  ["CheckpointLedger", ["CheckpointLedger", "ledger/CheckpointChain"]],
  ["ledger", ["CheckpointLedger", "ledger/CheckpointChain", "Rules"]],
  ["libraries/NumberSet", ["libraries/NumberSet"]],
  ["libraries/Staircase", ["ledger/CheckpointChain"]],
  ["libraries/LearnSnapshot", ["libraries/LearnSnapshot"]],
  ["libraries/ContextTree", ["libraries/ContextTree"]],
  ["libraries/ContextPeaks", ["libraries/OpenSnapshot", "courts/cut/CutSuccession"]],
  ["libraries/MemoryTree", ["courts/FoldCourtLessons"]],
  ["libraries/RowTree", ["courts/AvailabilityCourt"]],
  ["libraries/ByteReader", ["libraries/SnapshotReader", "libraries/OpenSnapshot"]],
  ["libraries/SnapshotReader", ["libraries/SnapshotReader"]],
  ["libraries/OpenSnapshot", ["libraries/OpenSnapshot"]],
  ["libraries/T", ["libraries/TokensSnapshot", "examples/AnswerEscrow"]],
  ["libraries/Weft", ["libraries/WeftTree", "CheckpointLedger", "Rules"]],
  ["Guardian", ["Guardian"]],
  ["courts/AttesterCourt", ["courts/AttesterCourt", "courts/FoldCourt"]],
  ["courts/FoldCourt", ["courts/FoldCourt", "courts/FoldCourtLessons"]],
  ["courts/AvailabilityCourt", ["courts/AvailabilityCourt"]],
  ["courts/availability", ["courts/availability/Challenges"]],
  ["ModelRegistry", ["ModelRegistry"]],
  ["courts/InferenceCourt", ["courts/InferenceCourtAccused", "courts/InferenceCourt", "courts/inference/Accusations"]],
  ["courts/inference/Accusations", ["courts/inference/Accusations"]],
  ["courts/inference/AccusedExaminer", ["courts/InferenceCourtAccused"]],
  ["courts/inference", ["courts/InferenceCourt", "courts/inference/SampleExaminer"]],
  ["libraries/model/Elements", ["libraries/model/Elements", "courts/InferenceCourt"]],
  ["libraries/model/ElementReads", ["libraries/model/Elements", "courts/InferenceCourt"]],
  ["libraries/model/ModelReader", ["libraries/model/ModelReader", "ModelRegistry"]],
  ["libraries/model/Sample", ["libraries/model/Sample", "courts/inference/SampleExaminer"]],
  ["libraries/model", ["libraries/model/TraceTree", "courts/InferenceCourt"]],
  ["courts/cut/CutCase", ["courts/cut/CutEntries", "courts/cut/CutSegments"]],
  ["courts/cut/CutEntries", ["courts/cut/CutEntries"]],
  ["courts/cut/CutSegments", ["courts/cut/CutSegments"]],
  ["courts/cut/CutSnapshots", ["courts/cut/CutSnapshots", "courts/cut/CutSuccession"]],
  ["courts/cut/CutStandings", ["courts/CutCourt"]],
  ["courts", ["courts/EquivocationCourt", "Rules"]],
  ["mocks", ["mocks/MockLedger"]],
  ["readers", ["readers/WeftReader", "examples/AnswerEscrow"]],
  ["examples", ["examples/AnswerEscrow", "examples/OnChainCharacter", "CheckpointLedger"]],
];

interface Effort {
  tests: string[]; // none: all
  fuzz: number;
  invariant: number;
}

/** From the cheapest on, because most fall at the first push. */
function effortsFor(file: string): Effort[] {
  const likely = LIKELY.find(([path]) => file.startsWith(path))?.[1] ?? [];
  return [
    ...(likely.length > 0 ? [{ tests: likely.map((name) => `contracts/${name}.t.sol`), fuzz: 8, invariant: 1 }] : []),
    { tests: [], fuzz: 8, invariant: 1 },
    { tests: [], fuzz: 64, invariant: 8 },
  ];
}

interface Run {
  suiteResults: { testResults: { name: string; status: string }[] }[];
}

const profile = hre.config.test.solidity.profiles.default as {
  coinbase?: string;
  fuzz: { runs?: number };
  invariant: { runs?: number };
};
const print = process.stdout.write.bind(process.stdout);
// What the task prints is for people.
process.stdout.write = ((_text: unknown, encoding: unknown, done: unknown) => {
  const written = (typeof encoding === "function" ? encoding : done) as (() => void) | undefined;
  written?.();
  return true;
}) as typeof process.stdout.write;

async function failing(number: number, { tests, fuzz, invariant }: Effort): Promise<string[]> {
  profile.coinbase = coinbaseOf(number);
  profile.fuzz.runs = fuzz;
  profile.invariant.runs = invariant;
  const task = hre.tasks.getTask(["test", "solidity"]);
  const outcome = (await task.run({ noCompile: true, testFiles: tests })) as { value?: Run; error?: Run };
  const results = (outcome.value ?? outcome.error)?.suiteResults.flatMap(({ testResults }) => testResults) ?? [];
  if (results.length === 0) throw new Error(`no test ran with mutant ${number}`);
  return results.filter(({ status }) => status === "Failure").map(({ name }) => name.replace(/\(.*/, ""));
}

for (const { number, file, test } of JSON.parse(readFileSync(process.argv[2] as string, "utf8")) as Prey[]) {
  const failed = new Set<string>();
  for (const effort of effortsFor(file)) {
    for (const name of await failing(number, effort)) failed.add(name);
    if (test ? failed.has(test) : failed.size > 0) break;
  }
  await new Promise((resolve) => print(`${JSON.stringify({ number, failed: [...failed] })}\n`, resolve));
}
process.exit(0);

import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MUTANTS, type Mutant } from "./mutants/list.ts";

/**
 * `npm run sim:mutants`: plants each bug of the list in a copy of the code and counts the seeds until the simulator names one of
 * the invariants that must catch it. The exit code is 1 when one is not caught, or caught by something else.
 */
const root = fileURLToPath(new URL("../..", import.meta.url));
const LIMIT_LINES = 5;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
  },
});

type Found = { seed: number; seeds: number; invariant: string; message: string };
type Result = { mutant: Mutant; found: Found | null; seconds: number };

/** A copy of what a simulation needs, with the bug in it. */
function plant({ name, file, changes }: Mutant): string {
  const folder = mkdtempSync(join(tmpdir(), "weft-mutant-"));
  for (const part of ["package.json", "offchain", "test/sim"])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const lines = changes.flatMap(({ find, replace }) =>
    replace.split("\n").filter((line) => line.trim() !== "" && !find.split("\n").includes(line)),
  ).length;
  if (lines > LIMIT_LINES) throw new Error(`${name} has ${lines} lines`);
  for (const change of changes) {
    const path = join(folder, change.file ?? file);
    const text = readFileSync(path, "utf8");
    if (text.split(change.find).length !== 2)
      throw new Error(`${name}: not exactly once in ${change.file ?? file}: ${change.find}`);
    writeFileSync(
      path,
      text.replace(change.find, () => change.replace),
    );
  }
  return folder;
}

async function hunt(mutant: Mutant): Promise<Result> {
  const folder = plant(mutant);
  const began = performance.now();
  try {
    const child = spawn(process.execPath, ["test/sim/mutants/hunt.ts", values.seed, values.seeds], {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    child.stdout.on("data", (part) => {
      out += part;
    });
    await new Promise((resolve, reject) => child.on("error", reject).on("exit", resolve));
    const found = JSON.parse(out.trim().split("\n").at(-1) || "null") as Found | null;
    return { mutant, found, seconds: (performance.now() - began) / 1000 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const verdictOf = ({ mutant, found }: Result) => {
  if (!found) return "NOT CAUGHT";
  return mutant.caughtBy.includes(found.invariant) ? "caught" : "CAUGHT BY ANOTHER";
};

const only = values.only?.split(",");
const queue = MUTANTS.filter(({ name }) => !only || only.some((part) => name.includes(part)));
const results: Result[] = [];
const work = async () => {
  for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
    const result = await hunt(mutant);
    results.push(result);
    const { found, seconds } = result;
    const what = found ? `${found.invariant} after ${found.seeds} seeds (seed ${found.seed}): ${found.message}` : "";
    process.stdout.write(
      `${verdictOf(result).padEnd(18)} ${mutant.name.padEnd(42)} ${seconds.toFixed(0).padStart(4)} s  ${what}\n`,
    );
  }
};
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));

const counts = results.flatMap(({ found }) => found?.seeds ?? []).sort((a, b) => a - b);
const failed = results.filter((result) => verdictOf(result) !== "caught");
process.stdout.write(
  `\n${results.length - failed.length} of ${results.length} caught, median ${counts[counts.length >> 1] ?? "-"} seeds, most ${counts.at(-1) ?? "-"}\n`,
);
process.exit(failed.length === 0 ? 0 : 1);

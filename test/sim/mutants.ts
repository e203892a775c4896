import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MUTANTS } from "./mutants/list.ts";
import { type Mutant, Nursery } from "./mutants/plant.ts";

/**
 * `npm run sim:mutants`: plants each bug of the list in a copy of the code and counts the seeds until the simulator names one of
 * the invariants that must catch it. The exit code is 1 when one is not caught, or caught by something else.
 */

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
  },
});

const nursery = new Nursery(fileURLToPath(new URL("../..", import.meta.url)));

type Found = { seed: number; seeds: number; invariant: string; message: string };
type Result = { mutant: Mutant; found: Found | null; seconds: number };

async function hunt(mutant: Mutant): Promise<Result> {
  const folder = nursery.plant(mutant);
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
try {
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
} finally {
  nursery.close();
}

const counts = results.flatMap(({ found }) => found?.seeds ?? []).sort((a, b) => a - b);
const failed = results.filter((result) => verdictOf(result) !== "caught");
process.stdout.write(
  `\n${results.length - failed.length} of ${results.length} caught, median ${counts[counts.length >> 1] ?? "-"} seeds, most ${counts.at(-1) ?? "-"}\n`,
);
process.exit(failed.length === 0 ? 0 : 1);

import { readFileSync } from "node:fs";
import { type Arguments, readArguments, USAGE, UsageError } from "./arguments.ts";
import { addCounts, type Outcome, reproduction, THREAD_DIED } from "./outcome.ts";
import { shrink } from "./shrink.ts";
import { simulate } from "./simulation.ts";
import { Threads } from "./threads.ts";

/** `npm run sim`: many simulated meshes, each decided by its seed. Exits with 1 when something did not hold. */

const PROGRESS_MS = 5_000;
const SHOWN_LINES = 60;
/** Twice what an hour of a mesh takes that learns much. */
const HEAP_MB = 8_192;

type Total = { seeds: number; simulatedMs: number; events: number; failures: Outcome[] } & Record<
  "faults" | "messages" | "checks" | "achieved",
  Record<string, number>
>;

const say = (text: string) => process.stdout.write(`${text}\n`);

function add(total: Total, outcome: Outcome): void {
  total.seeds += 1;
  total.simulatedMs += outcome.simulatedMs;
  total.events += outcome.events;
  for (const kind of ["faults", "messages", "checks", "achieved"] as const) addCounts(total[kind], outcome[kind]);
  if (!outcome.failure) return;
  total.failures.push(outcome);
  const { invariant, message, at } = outcome.failure;
  say(`seed ${outcome.plan.seed} failed after ${(at / 1000).toFixed(3)} s: ${invariant}: ${message}`);
  say(`  ${reproduction(outcome.plan)}`);
}

/** Every seed once. An interrupt leaves out what is not done. */
async function runSeeds({ profile, first, seeds, hours, workers }: Arguments, total: Total): Promise<void> {
  const began = performance.now();
  let next = first;
  const isMore = () => next < first + seeds && total.simulatedMs < (hours ?? Number.POSITIVE_INFINITY) * 3_600_000;
  const progress = setInterval(() => {
    const { seeds: done, simulatedMs, failures } = total;
    const of = hours === undefined ? `${done} of ${seeds} seeds` : `${done} seeds`;
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    say(`  ${of}, ${(simulatedMs / 3_600_000).toFixed(2)} simulated hours, ${failures.length} failures, ${seconds} s`);
  }, PROGRESS_MS);
  const threads = new Threads({
    count: Math.min(workers, seeds),
    heapMb: HEAP_MB,
    next: () => (isMore() ? { seed: next++, profile } : undefined),
    done: (outcome) => add(total, outcome),
  });
  const interrupt = () => threads.end();
  process.once("SIGINT", interrupt);
  try {
    await threads.run();
  } finally {
    process.off("SIGINT", interrupt);
    clearInterval(progress);
  }
}

function counts(title: string, of: Readonly<Record<string, number>>): void {
  const sorted = Object.entries(of).sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1));
  say(`${title}: ${sorted.map(([name, count]) => `${name} ${count}`).join(", ") || "none"}`);
}

function report(total: Total, seconds: number): void {
  const { seeds, simulatedMs, events, failures } = total;
  say("");
  counts("faults", total.faults);
  counts("messages", total.messages);
  counts("checked", total.checks);
  counts("achieved", total.achieved);
  say(
    `${seeds} seeds, ${(simulatedMs / 3_600_000).toFixed(2)} simulated hours, ${events} events in ${seconds.toFixed(1)} s: ` +
      `${Math.round(events / seconds)} events/s, ${(seeds / seconds).toFixed(2)} seeds/s`,
  );
  say(`${failures.length} failures`);
  for (const { plan, failure } of failures.slice(0, 20)) say(`  ${failure?.invariant}  ${reproduction(plan)}`);
}

/** The smallest plan that fails like this, and what happens in it. */
async function explain(failed: Outcome, seconds: number): Promise<void> {
  say("");
  if (seconds > 0) say(`making seed ${failed.plan.seed} smaller, for at most ${seconds} s`);
  const options = { run: simulate, clock: () => performance.now(), budgetMs: seconds * 1000 };
  const { outcome, tried } = seconds > 0 ? await shrink(failed, options) : { outcome: failed, tried: 0 };
  say(outcome.timeline.slice(-SHOWN_LINES).join("\n"));
  say(`${outcome.failure?.invariant}: ${outcome.failure?.message}`);
  say(`plan, ${tried} runs later: ${JSON.stringify(outcome.plan)}`);
  say(`of ${reproduction(failed.plan)}`);
}

async function main(): Promise<number> {
  const args = readArguments(process.argv.slice(2));
  const total: Total = {
    ...{ seeds: 0, simulatedMs: 0, events: 0, failures: [] },
    ...{ faults: {}, messages: {}, checks: {}, achieved: {} },
  };
  const began = performance.now();
  if (args.plan !== undefined) add(total, await simulate(JSON.parse(readFileSync(args.plan, "utf8"))));
  else await runSeeds(args, total);
  const seconds = (performance.now() - began) / 1000;
  const failures = total.failures.sort((a, b) => a.plan.seed - b.plan.seed);
  // Who tried again here what a thread died of would die of it too.
  const first = failures.find(({ failure }) => failure?.invariant !== THREAD_DIED);
  if (first) await explain(first, args.shrinkSeconds);
  report(total, seconds);
  return failures.length > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${USAGE}\n`);
  process.exitCode = 2;
}

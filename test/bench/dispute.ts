import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { createEngine, type Engine } from "../../offchain/inference/engine.ts";
import { costsOfDisputes, POSITIONS, UNHURRIED } from "../contracts/courts/dispute.ts";
import { found, openWorld } from "../contracts/fixture.ts";
import { tracing, Watcher } from "./disputes/armed.ts";
import { openingCosts, traceCosts } from "./disputes/traces.ts";

/** What it costs to be accountable: while nobody complains, and when somebody does. */

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const { rounds } = new Command("dispute")
  .description("Measures tokens a second with and without a watcher, traces, and every step of a dispute on chain.")
  .option("--rounds <n>", "how often the engine is measured with and without", Number, 20)
  .parse(["node", "dispute", ...process.argv.slice(2)])
  .opts<{ rounds: number }>();

const DECODED = 300;
const TRACED = [128, POSITIONS];
const MOST_STEPS = 7;
const MOST_GAS = 3_200_000;
/** What another network's game takes, in which a machine is stepped through and no inference is looked at. */
const GAME = { steps: 5, gas: 830_000 };

const say = (name: string, what: string) => process.stdout.write(`${name.padEnd(44)} ${what}\n`);
const whole = (value: number) => Math.round(value).toLocaleString("en");
const ids = [...readFileSync(here("../vectors/weft-austen/ref_ids.u8"))];

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] as number) + (sorted[Math.floor(middle)] as number)) / 2;
}

/** Tokens a second of one core, which other work of the machine changes least, and of the clock. */
async function rate(engine: Engine): Promise<{ core: number; clock: number }> {
  const cache = engine.createCache();
  const [began, before] = [performance.now(), process.cpuUsage()];
  for (const id of ids.slice(0, DECODED)) await engine.forward(cache, [id]);
  const { user, system } = process.cpuUsage(before);
  return { core: (1e6 * DECODED) / (user + system), clock: (1_000 * DECODED) / (performance.now() - began) };
}

const spread = (ratios: readonly number[]) => {
  const sorted = ratios.toSorted((a, b) => a - b);
  const at = (part: number) => (sorted[Math.round(part * (sorted.length - 1))] as number).toFixed(3);
  return `${median(ratios).toFixed(3)}, half of ${ratios.length} within ${at(0.25)} to ${at(0.75)}`;
};

/** Between two runs without it stands each with it, so that a busy machine is busy for both; two without say what chance does. */
async function hotPath(): Promise<void> {
  const engine = await createEngine(here("../../models/weft-austen"), crypto);
  const watcher = new Watcher(engine);
  await rate(engine);
  const [plain, watched, armed, chance]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let round = 0; round < rounds; round++) {
    const before = (await rate(engine)).core;
    watcher.arm();
    const during = (await rate(engine)).core;
    watcher.disarm();
    const after = (await rate(engine)).core;
    plain.push((before + after) / 2);
    watched.push(during);
    armed.push((2 * during) / (before + after));
    chance.push(before / after);
  }
  say("tokens a second and core, nobody watches", whole(median(plain)));
  say("and while a watcher waits for its turn", whole(median(watched)));
  say("  with it against without", spread(armed));
  say("  without it against without", spread(chance));
  const look = watcher.secondsOfALook();
  const share = (100 * look * watcher.looksASecond).toPrecision(2);
  say("  one look of it", `${(1e6 * look).toFixed(1)} µs, ${watcher.looksASecond} a second: ${share} % of a core`);
  watcher.end();
  if (!engine.exact) throw new Error("the model is not exact");
  const before = await rate(engine);
  const end = tracing(engine.exact, ids);
  const beside = await rate(engine);
  await end();
  const part = (beside.clock / before.clock).toFixed(2);
  say("tokens a second, answering an accusation", `${part} of those that it writes otherwise`);
  await engine.close();
}

function traces(): void {
  for (const length of TRACED) {
    const { trace, roots } = traceCosts(length);
    const { proof, group, groupRoots } = openingCosts(length, roots);
    const mib = (trace.mostMemory / 2 ** 20).toFixed(0);
    say(`trace of ${whole(length)} positions`, `${trace.seconds.toFixed(2)} s of one core, at most ${mib} MiB`);
    say(
      "  largest reply, largest proof",
      `${whole(Math.max(group, groupRoots))}, ${whole(proof.bytes)} bytes (${proof.kind})`,
    );
  }
}

async function onChain(): Promise<void> {
  const world = await openWorld(UNHURRIED);
  const costs = await costsOfDisputes(world, await found(world, 4));
  await world.close();
  const { "dispute: register a model": _, ...steps } = Object.fromEntries(
    Object.entries(costs).filter(([name]) => !name.endsWith("calldata")),
  );
  let [gas, bytes, most] = [0, 0, 0];
  say(`a dispute after ${whole(POSITIONS)} positions`, "gas, bytes of calldata");
  for (const [name, used] of Object.entries(steps)) {
    const data = costs[`${name}, calldata`] as number;
    say(`  ${name.replace("dispute: ", "")}`, `${whole(used).padStart(9)} ${whole(data).padStart(7)}`);
    [gas, bytes, most] = [gas + used, bytes + data, Math.max(most, data)];
  }
  const count = Object.keys(steps).length;
  say(`  together, in ${count} transactions`, `${whole(gas).padStart(9)} ${whole(bytes).padStart(7)}`);
  say("  largest calldata", `${whole(most)} bytes`);
  const of = (ours: number, goal: number) => `${(ours / goal).toFixed(2)} of ${whole(goal)}`;
  say("  against the goal", `${of(count, MOST_STEPS)} transactions, ${of(gas, MOST_GAS)} gas at most`);
  say("  against a game without inference", `${of(count, GAME.steps)} transactions, ${of(gas, GAME.gas)} gas`);
}

await hotPath();
traces();
await onChain();

import { parseArgs } from "node:util";
import { runMain } from "../../scripts/lib/errors.ts";
import { ScriptError } from "../../scripts/lib/script-error.ts";
import { tryLies } from "./courts/cut-trial.ts";
import { FOLD_KINDS, FoldTrial } from "./courts/fold-trial.ts";
import { Historian, openCourt, PATIENT } from "./courts/history.ts";
import { type Tried, tally } from "./courts/tally.ts";
import { found, openWorld } from "./fixture.ts";
import { PATIENCE } from "./fold-world.ts";
import { tryInference } from "./inference/inference-trial.ts";
import { outcomeOf } from "./inference/outcome.ts";
import { SHARES } from "./inference/plan.ts";

/**
 * `npm run trial -- [COURT] --corruptions N --seed S`: tells at least N random lies that the court is there for, each of which
 * must be found and convicted, and accuses who did not lie; every seed tells others. Says how many of each kind were.
 */

type Asked = { corruptions: number; seed: number };
type Say = (line: string) => void;

/** What became of each lie, and what else is to be said. */
type Outcome = { tried: Tried[]; notes?: string[]; faults?: string[] };

/** What tries a court. */
const COURTS: Record<string, (asked: Asked, say: Say) => Promise<Outcome>> = {
  inference: async (asked, say) => {
    // Whoever has enough is told what became of it so far.
    const enough = new AbortController();
    process.once("SIGINT", () => enough.abort());
    return outcomeOf(await tryInference({ ...asked, shares: SHARES, say, signal: enough.signal }));
  },
  cut: tryCut,
  fold: tryFold,
};
const FIRST = "inference";
/** Between two lines about how far it is. */
const SAID_MS = 10_000;
/** Lies for each honest story that is accused. */
const LIES_PER_HONEST = 4;

async function tryCut(asked: Asked, say: Say): Promise<Outcome> {
  const world = await openWorld(PATIENT);
  const tried: Tried[] = [];
  try {
    const historian = await Historian.of(world, await found(world, 4));
    const court = await openCourt(world, "CutCourt");
    await tryLies(historian, court, {
      ...asked,
      onProven(kind, gas) {
        tried.push({ kind, gas, isHonest: false });
        say(`${tried.length} convicted`);
      },
    });
    return { tried };
  } finally {
    await world.close();
  }
}

async function tryFold({ corruptions, seed }: Asked, say: Say): Promise<Outcome> {
  const world = await openWorld(PATIENCE);
  const tried: Tried[] = [];
  try {
    const trial = new FoldTrial(world, await found(world, 4));
    const count = Math.ceil(corruptions / FOLD_KINDS.length);
    for (const kind of FOLD_KINDS)
      for await (const gas of trial.convict(kind, { count, seed: `${seed} ` })) {
        tried.push({ kind, gas, isHonest: false });
        say(`${tried.length} convicted`);
      }
    for (let i = 0; i < corruptions / LIES_PER_HONEST; i++) {
      await trial.dismiss(`honest ${seed} ${i}`);
      tried.push({ kind: "every segment of a checkpoint", isHonest: true });
      say(`${i + 1} honest checkpoints dismissed`);
    }
    return { tried };
  } finally {
    await world.close();
  }
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(value))
    throw new ScriptError("BAD_ARGUMENT", `--${name} takes a whole number, not "${text}"`);
  return value;
}

const write = (line: string) => process.stdout.write(`${line}\n`);

/** Says it now and then. */
function nowAndThen(): Say {
  let last = Number.NEGATIVE_INFINITY;
  return (line) => {
    if (performance.now() - last < SAID_MS) return;
    last = performance.now();
    write(`${Math.round(last / 1_000)} s: ${line}`);
  };
}

await runMain(async () => {
  const options = {
    corruptions: { type: "string", default: "500" },
    seed: { type: "string", default: "1" },
  } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [name = FIRST] = positionals;
  const court = COURTS[name];
  if (!court) {
    const there = Object.keys(COURTS).join(", ");
    throw new ScriptError("BAD_ARGUMENT", `there is no trial "${name}": name one of ${there}`);
  }
  const asked = { corruptions: count("corruptions", values.corruptions), seed: count("seed", values.seed) };
  const { tried, notes = [], faults = [] } = await court(asked, nowAndThen());
  for (const line of [...tally(tried), ...notes]) write(line);
  write(`${Math.round(performance.now() / 1_000)} s`);
  const wrong = tried.flatMap(({ kind, fault }) => (fault === undefined ? [] : `${kind}: ${fault}`));
  const all = [...wrong, ...faults];
  if (all.length > 0) throw new ScriptError("TESTS_FAILED", `${all.length} came out wrong: ${all.join("; ")}`);
});

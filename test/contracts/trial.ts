import { parseArgs } from "node:util";
import { runMain } from "../../scripts/lib/errors.ts";
import { ScriptError } from "../../scripts/lib/script-error.ts";
import { tryLies } from "./courts/cut-trial.ts";
import { Historian, openCourt, PATIENT } from "./courts/history.ts";
import { found, openWorld } from "./fixture.ts";

/**
 * `npm run trial -- COURT --corruptions N --seed S`: tells at least N random lies that the court is there for, each of which
 * must be found and convicted; every seed tells others. Prints how many of each kind were.
 */

type Asked = { corruptions: number; seed: number };

/** What tries a court: how many lies were proven, by kind. */
const COURTS: Record<string, (asked: Asked) => Promise<Map<string, number>>> = { cut: tryCut };

async function tryCut(asked: Asked): Promise<Map<string, number>> {
  const world = await openWorld(PATIENT);
  try {
    const historian = await Historian.of(world, await found(world, 4));
    return await tryLies(historian, await openCourt(world, "CutCourt"), asked);
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

await runMain(async () => {
  const options = {
    corruptions: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
  } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [name = ""] = positionals;
  const court = COURTS[name];
  if (!court) {
    const there = Object.keys(COURTS).join(", ");
    throw new ScriptError("BAD_ARGUMENT", `there is no trial "${name}": name one of ${there}`);
  }
  const asked = { corruptions: count("corruptions", values.corruptions), seed: count("seed", values.seed) };
  const proven = [...(await court(asked))];
  for (const [kind, times] of proven) process.stdout.write(`${String(times).padStart(6)}  ${kind}\n`);
  const sum = proven.reduce((all, [, times]) => all + times, 0);
  process.stdout.write(`${sum} lies of ${proven.length} kinds, all convicted\n`);
});

import { parseArgs } from "node:util";
import { PROFILES, type ProfileName } from "./plan.ts";

export type Arguments = {
  profile: ProfileName;
  first: number;
  /** How many seeds, or simulated hours after which no further one is begun. */
  seeds: number;
  hours?: number;
  workers: number;
  shrinkSeconds: number;
  /** A file with a plan, instead of seeds. */
  plan?: string;
};

export const USAGE = `usage: npm run sim -- [options]
  --seed S        first seed (default 1); without --seeds only this one
  --seeds N       how many seeds (default 100)
  --hours H       as many seeds as it takes to simulate H hours, instead of --seeds
  --profile P     ${PROFILES.join(", ")} (default default)
  --workers W     threads (default 2)
  --shrink S      seconds for making the first failure smaller (default 60; 0 leaves it)
  --plan FILE     run the plan in a file, as printed for a failure`;

/** What somebody asked for that there is not. */
export class UsageError extends Error {}

/** @throws UsageError */
export function readArguments(args: readonly string[]): Arguments {
  const text = { type: "string" } as const;
  const options = { seed: text, seeds: text, hours: text, profile: text, workers: text, shrink: text, plan: text };
  const { values } = parsed(() => parseArgs({ args: [...args], options, allowPositionals: false }));
  const { profile = "default" } = values;
  if (!PROFILES.includes(profile as ProfileName))
    throw new UsageError(`there is no profile "${profile}"; there are ${PROFILES.join(", ")}`);
  const whole = (name: "seed" | "seeds" | "workers" | "shrink", least: number) => {
    const value = values[name];
    if (value !== undefined && !(/^\d+$/.test(value) && Number.isSafeInteger(+value) && +value >= least))
      throw new UsageError(`--${name} is a whole number of at least ${least}, not "${value}"`);
    return value === undefined ? undefined : Number(value);
  };
  const hours = values.hours === undefined ? undefined : Number(values.hours);
  if (hours !== undefined && !(hours > 0 && Number.isFinite(hours)))
    throw new UsageError(`--hours is a number above 0, not "${values.hours}"`);
  if (hours !== undefined && values.seeds !== undefined) throw new UsageError("give either --seeds or --hours");
  const first = whole("seed", 0);
  return {
    profile: profile as ProfileName,
    first: first ?? 1,
    seeds: hours !== undefined ? Number.POSITIVE_INFINITY : (whole("seeds", 1) ?? (first === undefined ? 100 : 1)),
    hours,
    workers: whole("workers", 1) ?? 2,
    shrinkSeconds: whole("shrink", 0) ?? 60,
    plan: values.plan,
  };
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

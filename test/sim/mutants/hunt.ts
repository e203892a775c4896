import { simulate } from "../simulation.ts";
import { planOf } from "../swarm.ts";

/** Simulates seeds until something does not hold; says in one line of JSON what, and after how many. */
const [first, most] = [Number(process.argv[2]), Number(process.argv[3])];
let found: { seed: number; seeds: number; invariant: string; message: string } | undefined;
for (let seed = first; seed < first + most && !found; seed++) {
  const { failure } = await simulate(planOf(seed, "default"));
  if (!failure) continue;
  const { invariant, message } = failure;
  found = { seed, seeds: seed - first + 1, invariant, message: message.slice(0, 200) };
}
process.stdout.write(`${JSON.stringify(found ?? null)}\n`);

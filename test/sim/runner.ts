import { parentPort } from "node:worker_threads";
import type { ProfileName } from "./plan.ts";
import { simulate } from "./simulation.ts";
import { planOf } from "./swarm.ts";

// Many errors are part of what is simulated, and each would walk the stack for nobody. Who explains a failure has the stack.
Error.stackTraceLimit = 0;

/** A thread that simulates one seed after another, as it is told. */
parentPort?.on("message", async ({ seed, profile }: { seed: number; profile: ProfileName }) => {
  parentPort?.postMessage(await simulate(planOf(seed, profile)));
});

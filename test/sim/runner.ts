import { parentPort } from "node:worker_threads";
import type { ProfileName } from "./plan.ts";
import { simulate } from "./simulation.ts";
import { planOf } from "./swarm.ts";

/** A thread that simulates one seed after another, as it is told. */
parentPort?.on("message", async ({ seed, profile }: { seed: number; profile: ProfileName }) => {
  parentPort?.postMessage(await simulate(planOf(seed, profile)));
});

import { Command } from "commander";
import { openingCosts, traceCosts } from "./disputes/traces.ts";

/** What a trace of a forward pass costs, and what a dispute about it takes to say. */

const { positions } = new Command("trace")
  .description("Traces weft-austen over whole contexts, and opens one element of every kind.")
  .option("--positions <n...>", "lengths of contexts", (n, all: number[] = []) => [...all, Number(n)])
  .parse(["node", "trace", ...process.argv.slice(2)])
  .opts<{ positions?: number[] }>();

const say = (name: string, what: string) => process.stdout.write(`${name.padEnd(34)} ${what}\n`);
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const kib = (bytes: number) => `${(bytes / 2 ** 10).toFixed(1)} KiB`;

for (const length of positions ?? [128, 1_000]) {
  const { tensors, valueBytes, trace, hashingSeconds, roots } = traceCosts(length);
  say(`${length} positions`, `${tensors} tensors, ${mib(valueBytes)} of values`);
  say("  trace", `${trace.seconds.toFixed(2)} s of one core; the longest step ${trace.longestStep.toFixed(0)} ms`);
  say("  of it hashing", `${((100 * hashingSeconds) / trace.seconds).toFixed(0)} %`);
  say("  memory of the process", `${mib(trace.mostMemory)} at most`);
  const { tensorRoots, groupRoots, group, proof, againSeconds, proofSeconds } = openingCosts(length, roots);
  say("  replies at most", `${kib(tensorRoots)} of tensor roots, ${kib(groupRoots)} of group roots`);
  say("  a group, a proof", `${kib(group)}, ${kib(proof.bytes)} (${proof.kind})`);
  say("  to get a tensor again, to prove", `${againSeconds.toFixed(2)} s, ${proofSeconds.toFixed(2)} s at most`);
}

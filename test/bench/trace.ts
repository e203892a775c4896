import { readFileSync } from "node:fs";
import { Command } from "commander";
import { decodeManifest } from "../../offchain/core/model-manifest.ts";
import { PART } from "../../offchain/core/model-program.ts";
import { firstDifference, tensorsAround } from "../../offchain/core/model-trace-find.ts";
import { TraceLayout, VALUE_BYTES } from "../../offchain/core/model-trace-layout.ts";
import { ModelOpener } from "../../offchain/core/model-trace-model.ts";
import { type ElementProof, proveElement, showGroup, showGroups } from "../../offchain/core/model-trace-proof.ts";
import { runProgram } from "../../offchain/core/model-trace-run.ts";
import { groupRoots, tensorsOf, tensorTree, traceOf } from "../../offchain/core/model-trace-tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { constantOf } from "../unit/inference/exact/austen.ts";

/** What a trace of a forward pass costs, and what a dispute about it takes to say. */

const { positions } = new Command("trace")
  .description("Traces weft-austen over whole contexts, and opens one element of every kind.")
  .option("--positions <n...>", "lengths of contexts", (n, all: number[] = []) => [...all, Number(n)])
  .parse(["node", "trace", ...process.argv.slice(2)])
  .opts<{ positions?: number[] }>();

const MIB = 2 ** 20;
const KIB = 2 ** 10;
const manifest = decodeManifest(new Uint8Array(readFileSync("models/weft-austen/manifest.bin")));
const { program } = manifest;
const golden = [...readFileSync("test/vectors/weft-austen/ref_ids.u8")];

const say = (name: string, what: string) => process.stdout.write(`${name.padEnd(34)} ${what}\n`);
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** CPU seconds of all steps, wall time of the longest one in ms, and the most memory that was seen. */
function measured<T>(steps: Generator<unknown, T>): { value: T; seconds: number; longest: number; most: number } {
  let [longest, most] = [0, 0];
  const began = cpu();
  for (;;) {
    const before = performance.now();
    const step = steps.next();
    longest = Math.max(longest, performance.now() - before);
    most = Math.max(most, process.memoryUsage.rss());
    if (step.done) return { value: step.value, seconds: cpu() - began, longest, most };
  }
}

/** Bytes of the arguments of `proveElement`, without ABI padding. */
function sizeOf({ head, op, run, operands }: ElementProof): number {
  const bytes = (parts: readonly Uint8Array[]) => parts.reduce((sum, { length }) => sum + length, 0);
  const runs = [run, ...operands.map((operand) => operand.run)];
  const tiles = runs.flatMap(({ tiles }) => tiles).reduce((sum, tile) => sum + bytes([tile.values, ...tile.proof]), 0);
  const leaves = operands.reduce((sum, { leaf, leafProof }) => sum + bytes([leaf, ...leafProof]), 0);
  return bytes([head, op.leaf, ...op.proof]) + leaves + tiles + runs.reduce((sum, { proof }) => sum + bytes(proof), 0);
}

function trace(length: number): void {
  const tokens = Array.from({ length }, (_, i) => golden[i % golden.length]);
  const layout = new TraceLayout(program, length);
  const values = layout.ops.reduce((sum, traced) => sum + traced.heads * layout.lengthOf(traced), 0);
  const { value, seconds, longest, most } = measured(traceOf(crypto, program, constantOf, tokens));
  const own = value.roots;
  say(`${length} positions`, `${own.length} tensors, ${((values * VALUE_BYTES) / MIB).toFixed(0)} MiB of values`);
  say("  trace", `${seconds.toFixed(2)} s of one core; the longest step ${longest.toFixed(0)} ms`);
  say("  of it hashing", `${((100 * hashing(tokens)) / seconds).toFixed(0)} %`);
  say("  memory of the process", `${(most / MIB).toFixed(0)} MiB at most`);
  disputes(layout, tokens, own);
}

/** CPU seconds. */
function hashing(tokens: readonly number[]): number {
  let sum = 0;
  for (const computed of runProgram(program, constantOf, tokens))
    if (computed) sum += measured(groupRoots(crypto, computed.values)).seconds;
  return sum;
}

/** Answers that are wrong in the last tile of one tensor of each kind: what is said until each is proven. */
function disputes(layout: TraceLayout, tokens: readonly number[], own: readonly Uint8Array[]): void {
  const model = new ModelOpener(crypto, manifest, constantOf);
  const numbers = [...new Map(layout.ops.map((one) => [one.op.kind, one.firstTensor])).values()];
  const wanted = new Set(numbers.flatMap((number) => [...tensorsAround(program, layout, number)]));
  const { value: tensors, seconds: again } = measured(tensorsOf(program, constantOf, tokens, wanted));
  const largest = { groups: 0, group: 0, proof: 0, kind: "", seconds: 0 };
  for (const number of numbers) {
    const theirs = (tensors.get(number) as Int32Array).slice();
    theirs[Math.max(0, theirs.length - PART)] ^= 1;
    const { root } = tensorTree(crypto, measured(groupRoots(crypto, theirs)).value);
    const tensorRoots = own.with(number, root);
    const author = { tokens, tensors: new Map([...tensors, [number, theirs]]) };
    const tensor = firstDifference(own, tensorRoots) as number;
    const { groupRoots: stated } = measured(showGroups(crypto, model, author, tensorRoots, tensor)).value;
    const mine = measured(groupRoots(crypto, tensors.get(tensor) as Int32Array)).value;
    const shown = { tensorRoots, tensor, groupRoots: stated, group: firstDifference(mine, stated) as number };
    const { values: bytes, proof: siblings } = showGroup(crypto, author, shown);
    const proven = measured(proveElement(crypto, model, { tokens, tensors }, { ...shown, bytes }));
    const { kind, name } = layout.opAt(number).op;
    if (!proven.value) throw new Error(`${name}: nothing was found`);
    const size = sizeOf(proven.value);
    if (size > largest.proof) Object.assign(largest, { proof: size, kind });
    largest.groups = Math.max(largest.groups, 32 * stated.length);
    largest.group = Math.max(largest.group, bytes.length + 32 * siblings.length);
    largest.seconds = Math.max(largest.seconds, proven.seconds);
  }
  const kib = (bytes: number) => `${(bytes / KIB).toFixed(1)} KiB`;
  say("  replies at most", `${kib(32 * own.length)} of tensor roots, ${kib(largest.groups)} of group roots`);
  say("  a group, a proof", `${kib(largest.group)}, ${kib(largest.proof)} (${largest.kind})`);
  say("  to get a tensor again, to prove", `${again.toFixed(2)} s, ${largest.seconds.toFixed(2)} s at most`);
}

for (const length of positions ?? [128, 1_000]) trace(length);

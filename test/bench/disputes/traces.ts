import { readFileSync } from "node:fs";
import { decodeManifest } from "../../../offchain/core/model-manifest.ts";
import { PART } from "../../../offchain/core/model-program.ts";
import { firstDifference, tensorsAround } from "../../../offchain/core/model-trace-find.ts";
import { TraceLayout, VALUE_BYTES } from "../../../offchain/core/model-trace-layout.ts";
import { ModelOpener } from "../../../offchain/core/model-trace-model.ts";
import { type ElementProof, proveElement, showGroup, showGroups } from "../../../offchain/core/model-trace-proof.ts";
import { runProgram } from "../../../offchain/core/model-trace-run.ts";
import { groupRoots, tensorsOf, tensorTree, traceOf } from "../../../offchain/core/model-trace-tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { constantOf } from "../../unit/inference/exact/austen.ts";

/** Seconds are those of one core, times of steps are wall time in ms; sizes are in bytes, without ABI padding. */
export type TraceCosts = {
  tensors: number;
  valueBytes: number;
  trace: { seconds: number; longestStep: number; mostMemory: number };
  hashingSeconds: number;
};
export type OpeningCosts = {
  tensorRoots: number;
  groupRoots: number;
  group: number;
  proof: { bytes: number; kind: string };
  /** To compute tensors again, and then to find and open what is wrong. */
  againSeconds: number;
  proofSeconds: number;
};

const manifest = decodeManifest(new Uint8Array(readFileSync("models/weft-austen/manifest.bin")));
const { program } = manifest;
const golden = [...readFileSync("test/vectors/weft-austen/ref_ids.u8")];
const tokensOf = (length: number) => Array.from({ length }, (_, i) => golden[i % golden.length] as number);

const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

function measured<T>(steps: Generator<unknown, T>) {
  let [longestStep, mostMemory] = [0, 0];
  const began = cpu();
  for (;;) {
    const before = performance.now();
    const step = steps.next();
    longestStep = Math.max(longestStep, performance.now() - before);
    mostMemory = Math.max(mostMemory, process.memoryUsage.rss());
    if (step.done) return { value: step.value, seconds: cpu() - began, longestStep, mostMemory };
  }
}

/** A trace of weft-austen over so many positions; and its roots. */
export function traceCosts(length: number): TraceCosts & { roots: Uint8Array[] } {
  const tokens = tokensOf(length);
  const layout = new TraceLayout(program, length);
  const values = layout.ops.reduce((sum, traced) => sum + traced.heads * layout.lengthOf(traced), 0);
  const { value, ...trace } = measured(traceOf(crypto, program, constantOf, tokens));
  let hashingSeconds = 0;
  for (const computed of runProgram(program, constantOf, tokens))
    if (computed) hashingSeconds += measured(groupRoots(crypto, computed.values)).seconds;
  return { tensors: value.roots.length, valueBytes: values * VALUE_BYTES, trace, hashingSeconds, roots: value.roots };
}

/** Bytes of the arguments of `proveElement`. */
function sizeOf({ head, op, run, operands }: ElementProof): number {
  const bytes = (parts: readonly Uint8Array[]) => parts.reduce((sum, { length }) => sum + length, 0);
  const runs = [run, ...operands.map((operand) => operand.run)];
  const tiles = runs.flatMap(({ tiles }) => tiles).reduce((sum, tile) => sum + bytes([tile.values, ...tile.proof]), 0);
  const leaves = operands.reduce((sum, { leaf, leafProof }) => sum + bytes([leaf, ...leafProof]), 0);
  return bytes([head, op.leaf, ...op.proof]) + leaves + tiles + runs.reduce((sum, { proof }) => sum + bytes(proof), 0);
}

/** Answers that are wrong in the last tile of one tensor of each kind: the most that is said until each is proven. */
export function openingCosts(length: number, own: readonly Uint8Array[]): OpeningCosts {
  const tokens = tokensOf(length);
  const layout = new TraceLayout(program, length);
  const model = new ModelOpener(crypto, manifest, constantOf);
  const numbers = [...new Map(layout.ops.map((one) => [one.op.kind, one.firstTensor])).values()];
  const wanted = new Set(numbers.flatMap((number) => [...tensorsAround(program, layout, number)]));
  const { value: tensors, seconds: againSeconds } = measured(tensorsOf(program, constantOf, tokens, wanted));
  const most = { groupRoots: 0, group: 0, proof: { bytes: 0, kind: "" }, proofSeconds: 0 };
  for (const number of numbers) {
    const theirs = (tensors.get(number) as Int32Array).slice();
    theirs[Math.max(0, theirs.length - PART)]! ^= 1;
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
    if (size > most.proof.bytes) most.proof = { bytes: size, kind };
    most.groupRoots = Math.max(most.groupRoots, 32 * stated.length);
    most.group = Math.max(most.group, bytes.length + 32 * siblings.length);
    most.proofSeconds = Math.max(most.proofSeconds, proven.seconds);
  }
  return { tensorRoots: 32 * own.length, againSeconds, ...most };
}

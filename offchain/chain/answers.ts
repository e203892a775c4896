import { type DecodeFunctionDataReturnType, decodeFunctionData, toFunctionSelector } from "viem";
import { writeEntry } from "../core/accused-cut.ts";
import { type Bytes, equal, fromHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import type { CommittedPlace } from "../core/checkpoints.ts";
import type { StatedHeader } from "../core/cut-proof.ts";
import { undefinedOn } from "../core/errors.ts";
import type { Shown } from "../core/events.ts";
import { headerHash } from "../core/header.ts";
import { OpenedTree } from "../core/opened-tree.ts";
import type { Crypto } from "../core/ports.ts";
import { type SaltedSnapshot, snapshotLeaf } from "../core/snapshot.ts";
import { rootOf, TREE } from "../core/tree.ts";
import { availabilityCourtAbi as abi } from "./abi.ts";
import { statedHeaderOf } from "./convert.ts";

export type Hashes = { crypto: Crypto; separator: Bytes };

export type Call = DecodeFunctionDataReturnType<typeof abi>;

/** So many calls are looked at in one transaction: whoever answers needs one, and whoever hides it among others can hide it better. */
const MOST_CALLS = 64;

const ANSWERS = new Set(
  abi.flatMap((item) =>
    item.type === "function" && item.name.startsWith("answer") ? [toFunctionSelector(item).slice(2)] : [],
  ),
);

/**
 * Everything in a transaction that reads like an answer to a challenge. One that is passed on by another contract stands
 * anywhere in it, and beside others that the court never saw: only the root says which it took.
 */
export function callsIn(input: Hex, id: Hex): Call[] {
  const calls: Call[] = [];
  const wanted = id.slice(2);
  // Every answer begins with its function and the id.
  for (let at = input.indexOf(wanted); at >= 0 && calls.length < MOST_CALLS; at = input.indexOf(wanted, at + 1)) {
    if (!ANSWERS.has(input.slice(at - 8, at))) continue;
    try {
      calls.push(decodeFunctionData({ abi, data: `0x${input.slice(at - 8)}` }));
    } catch {
      // It ends too early, or is something else.
    }
  }
  return calls;
}

const bytesOf = (hashes: readonly Hex[]) => hashes.map((one) => fromHex(one));

export function entryIn(call: Call, { crypto }: Hashes, { checkpoint, index }: CommittedPlace) {
  if (call.functionName !== "answerEntry") return undefined;
  const [, { operator, incarnation, head, ...counts }, siblings] = call.args;
  const hashes = { operator: fromHex(operator), incarnation: fromHex(incarnation), head: fromHex(head) };
  const [entry, proof] = [{ ...counts, ...hashes }, bytesOf(siblings)];
  const isThere = new OpenedTree(crypto, TREE.cut, checkpoint.cutRoot).add(index, writeEntry(entry), proof);
  return isThere ? ({ type: "entry", entry, proof } satisfies Shown) : undefined;
}

export function traceIn(call: Call, { crypto }: Hashes, { checkpoint, index }: CommittedPlace) {
  if (call.functionName !== "answerTrace") return undefined;
  const entry = { memoryRoot: fromHex(call.args[1]), proof: bytesOf(call.args[2]) };
  const tree = new OpenedTree(crypto, TREE.memoryTrace, checkpoint.memoryTraceRoot);
  return tree.add(index, entry.memoryRoot, entry.proof) ? ({ type: "trace", entry } satisfies Shown) : undefined;
}

export function headerIn(call: Call, { crypto, separator }: Hashes, { checkpoint, index }: CommittedPlace) {
  if (call.functionName !== "answerSegment") return undefined;
  const [, struct, signature, siblings] = call.args;
  const [header, proof] = [statedHeaderOf(struct), bytesOf(siblings)];
  const tree = new OpenedTree(crypto, TREE.segments, checkpoint.segmentsRoot);
  if (!tree.add(index, headerHash(crypto, separator, header), proof)) return undefined;
  return { header, signature: fromHex(signature), proof };
}

export function snapshotIn(call: Call, { crypto }: Hashes, { snapshotsRoot }: StatedHeader, index: number) {
  if (call.functionName !== "answerSnapshot") return undefined;
  const snapshot: SaltedSnapshot = { salt: fromHex(call.args[1]), body: fromHex(call.args[2]) };
  const proof = bytesOf(call.args[3]);
  const leaf = snapshotLeaf(crypto, snapshot);
  const root = undefinedOn("bad_proof", () => rootOf(crypto, TREE.snapshots, leaf, index, proof));
  return root && equal(root, snapshotsRoot) ? snapshot : undefined;
}

import { readFileSync } from "node:fs";
import { type Address, encodeFunctionData, type Hex, parseEventLogs } from "viem";
import { inferenceCourtAbi, modelRegistryAbi } from "../../../offchain/chain/abi.ts";
import { fromHex, toHex } from "../../../offchain/core/bytes.ts";
import { decodeManifest } from "../../../offchain/core/model-manifest.ts";
import { type Op, sizesOf } from "../../../offchain/core/model-program.ts";
import { readConstants } from "../../../offchain/inference/exact/safetensors.ts";
import { requestOf } from "../../helpers/core.ts";
import { extend } from "../../helpers/made.ts";
import type { Call, Operator, World } from "../fixture.ts";
import { setOf } from "../fixture.ts";
import { hex, type Known, type Place, PlainTrace, Prover } from "../plain-trace.ts";
import { Historian } from "./history.ts";

const AUSTEN = "models/weft-austen";
const GIVEN = [1, 2, 3];
export const POSITIONS = 1_000;
/** A dispute lasts as long as its hashing takes. */
export const UNHURRIED = {
  challengeWindowSeconds: 3_600,
  disputeWindowsSeconds: 1_800,
  longestPauseSeconds: 300,
  accusationWindowSeconds: 300,
  moveWindowSeconds: 300,
  retentionSeconds: 7_200,
  unbondingSeconds: 20_000,
};

function austen(): Known {
  const manifest = decodeManifest(new Uint8Array(readFileSync(`${AUSTEN}/manifest.bin`)));
  const weights = new Uint8Array(readFileSync(`${AUSTEN}/weights.safetensors`));
  const constants = readConstants(weights, manifest.program.constants);
  return { manifest, valuesOf: (name) => constants.get(name) as Int16Array };
}

/** A trace of which only what one element is made of has values; none of them is of a forward pass. */
function madeUp(known: Known, tokens: readonly number[], op: Op, place: Place): PlainTrace {
  const { ops } = known.manifest.program;
  const shown = new Set([op.name, ...Object.values(op).filter((one) => ops.some(({ name }) => name === one))]);
  const values = ops.flatMap((one) => {
    const { heads, parts, columns } = sizesOf(one, tokens.length);
    const count = tokens.length * parts * columns;
    return Array.from({ length: heads }, (_, head) => {
      const isRead = shown.has(one.name) && (heads === 1 || head === place.head);
      return isRead ? Array.from({ length: count }, (_, i) => ((i * 2_654_435_761) % 4_001) - 2_000) : undefined;
    });
  });
  return new PlainTrace(known, tokens, values);
}

/** What every step of a dispute about the default model costs after 1,000 positions, over its largest tensor. */
export async function costsOfDisputes(world: World, operators: readonly Operator[]): Promise<Record<string, number>> {
  const used: Record<string, number> = {};
  const { contracts } = world.deployment;
  const court = { address: contracts.inferenceCourt, abi: inferenceCourtAbi };
  const [accuser] = world.accounts as [Address];
  const accused = (operators[0] as Operator).owner;
  const known = austen();
  const written = Array.from({ length: POSITIONS - 1 }, (_, i) => i % 256);
  const tokens = [...GIVEN, ...written].slice(0, POSITIONS);
  const { ops } = known.manifest.program;
  const op = ops.find(({ kind }) => kind === "probability") as Op;
  const place = { head: 1, position: POSITIONS / 2, part: 0, column: POSITIONS / 2 };
  const trace = madeUp(known, tokens, op, place);
  // What reads the tables has to lead to entries that they have.
  if (op.kind !== "probability") throw new Error("the model has no probabilities");
  const named = (name: string) => ops.find((one) => one.name === name) as Op;
  trace.set(named(op.max), { ...place, column: 0 }, 3_000);
  trace.set(named(op.sum), { ...place, column: 0 }, 60_000);
  const prover = new Prover(trace);
  const send = async (name: string, call: Call) => {
    const { gas, logs } = await world.send(call);
    used[`dispute: ${name}`] = Number(gas);
    const data = encodeFunctionData(call as never);
    used[`dispute: ${name}, calldata`] = (data.length - 2) / 2;
    return logs;
  };
  const args = [prover.caseOf.model, prover.head, prover.headProof(), "weft-austen"];
  const models = { address: contracts.modelRegistry, abi: modelRegistryAbi };
  await send("register a model", { ...models, functionName: "registerExact", args });
  const historian = await Historian.of(world, operators);
  const writer = historian.track(0, "accused");
  const request = requestOf(GIVEN, { maxLength: written.length, model: fromHex(prover.caseOf.model as Hex) });
  writer.open(request).tokens("given", GIVEN).tokens("written", written);
  const made = historian.make(historian.genesis, extend(historian.genesis, [[writer.seal()]]));
  await historian.commit(made);
  for (const account of [accuser, accused]) {
    await world.send({ ...world.token, functionName: "mint", args: [account, 10n ** 24n] });
    await world.send({ ...world.token, functionName: "approve", args: [court.address, 10n ** 24n], account });
  }
  const tensor = trace.tensorOf(op, place.head);
  const { tiles, groups, tensor: tree } = trace.hashed(tensor);
  const group = Math.floor(trace.indexOf(op, place) / 4_096);
  const which = prover.answerAt();
  const traceProof = hex(trace.tree().proof(tensor));

  const open = [made.snapshotAt(0, 0), made.snapshotAt(0, 2), POSITIONS, 10n ** 24n];
  const logs = await send("accuse", { ...court, functionName: "accuse", args: open });
  const [event] = parseEventLogs({ abi: inferenceCourtAbi, logs, eventName: "Accused" });
  const about = event?.args.accused;
  const step = (name: string, functionName: string, args: unknown[], account = accuser) =>
    send(name, { ...court, functionName, args: [about, ...args], account });
  await step("answer", "answer", [hex(trace.roots())], accused);
  await step("demand a tensor", "demandTensor", [which, tensor]);
  const { number, leaf, proof } = prover.opAt(op);
  const roots = hex(groups.map(({ root }) => root));
  await step("post groups", "postGroups", [which, tensor, { number, leaf, proof }, roots, traceProof], accused);
  await step("demand a group", "demandGroup", [which, group]);
  const values = toHex(new Uint8Array(tiles.slice(16 * group, 16 * (group + 1)).flatMap((one) => [...one])));
  await step("post a group", "postGroup", [which, values, [...hex(tree.proof(group)), ...traceProof]], accused);
  await step("prove an element", "proveElement", [which, prover.element(op, place), setOf([...operators])]);
  return used;
}

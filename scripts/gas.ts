import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Address, encodeFunctionData, type Hex, keccak256, toHex } from "viem";
import { foldArgs } from "../offchain/chain/convert.ts";
import { fromHex } from "../offchain/core/bytes.ts";
import { costsOfCourts } from "../test/contracts/courts/costs.ts";
import { costsOfDisputes, UNHURRIED } from "../test/contracts/courts/dispute.ts";
import { PATIENT } from "../test/contracts/courts/history.ts";
import { type Call, found, type Operator, openWorld, setOf, type World } from "../test/contracts/fixture.ts";
import { dearest, PATIENCE, proofOf, stage } from "../test/contracts/fold-world.ts";
import { attest, commitCall, header, nextCheckpoint, signHeader, story, tokensBody } from "../test/contracts/quorum.ts";
import { contractNames, loadArtifact } from "./lib/artifacts.ts";
import { runMain } from "./lib/errors.ts";
import { paths } from "./lib/paths.ts";
import { ScriptError } from "./lib/script-error.ts";

/** What a contract may cost: the most that is allowed, and what it cost when it was last written down. */
type Cost = { unit: "gas" | "bytes"; limit: number; used: number };
type Costs = Record<string, Cost>;

const FILE = join(paths.root, "test", "contracts", "gas.json");
/** EIP-170. */
const MOST_BYTES = 24_576;

/** Everything that people pay for, on an embedded chain; the same at every run. */
async function measure(): Promise<Record<string, number>> {
  const used: Record<string, number> = {};
  const four = await openWorld();
  try {
    const operators = await found(four, 4);
    used["commit, 3 of 4"] = await commits(four, operators, 3);
    await measureOthers(four, operators, used);
  } finally {
    await four.close();
  }
  const accused = await openWorld(PATIENT);
  try {
    Object.assign(used, await costsOfCourts(accused, await found(accused, 4)));
  } finally {
    await accused.close();
  }
  const disputing = await openWorld(UNHURRIED);
  try {
    Object.assign(used, await costsOfDisputes(disputing, await found(disputing, 4)));
  } finally {
    await disputing.close();
  }
  const many = await openWorld({ maxOperators: 32 });
  try {
    used["commit, 22 of 32"] = await commits(many, await found(many, 32), 22);
  } finally {
    await many.close();
  }
  const judging = await openWorld(PATIENCE);
  try {
    await measureFolds(judging, await found(judging, 4), used);
  } finally {
    await judging.close();
  }
  for (const name of contractNames) used[`${name} code`] = (loadArtifact(name).deployedBytecode.length - 2) / 2;
  return used;
}

/** A commit by the smallest quorum, after others. */
async function commits(world: World, operators: Operator[], quorum: number): Promise<number> {
  let gas = 0n;
  for (const [i, signers] of [operators.length, quorum].entries()) {
    const next = await nextCheckpoint(world, { cutRoot: keccak256(toHex(`cut ${i}`)), entryCount: 4, segmentCount: 7 });
    const signatures = await attest(world, next, operators.slice(0, signers));
    gas = (await world.send(commitCall(world, next, setOf(operators), signatures))).gas;
  }
  return Number(gas);
}

async function measureOthers(world: World, operators: Operator[], used: Record<string, number>): Promise<void> {
  const [author, , , culprit] = operators as [Operator, Operator, Operator, Operator];
  const send = async (name: string, call: Call) => {
    used[name] = Number((await world.send(call)).gas);
  };
  const { ledger, registry, court, guardian, consumer } = world;
  const turn = keccak256(toHex("a turn"));
  const { segmentsRoot, proof } = story(world, author.owner, tokensBody(turn, 7, [1, 2, 3, 4]), 3, 2);
  const next = await nextCheckpoint(world, { segmentsRoot, segmentCount: 4 });
  await world.send(commitCall(world, next, setOf(operators), await attest(world, next, operators)));
  const included = { ...proof, number: next.number };
  used["snapshot inclusion, execution"] = await execution(world, {
    ...ledger,
    functionName: "verifySnapshot",
    args: [included],
  });
  await world.pass(world.deployment.parameters.challengeWindowSeconds);
  used["isFinal, execution"] = await execution(world, { ...ledger, functionName: "isFinal", args: [next.number] });
  await send("prove a token to a consumer", { ...consumer, functionName: "prove", args: [included, 8, 2] });

  const last = await nextCheckpoint(world);
  await world.send(commitCall(world, last, setOf(operators), await attest(world, last, operators)));
  const [, hash] = await world.chain.readContract({ ...ledger, functionName: "latestAttested" });
  await send("invalidate", { ...guardian, functionName: "invalidate", args: [ledger.address, last.number, hash] });
  await send("pause", { ...guardian, functionName: "pause", args: [10n] });
  await send("resume", { ...guardian, functionName: "resume" });

  const a = header(culprit.owner);
  const b = { ...a, snapshotsRoot: keccak256("0x02") };
  const evidence = [a, await signHeader(world, culprit, a), b, await signHeader(world, culprit, b)];
  await send("convict and slash, set of 4", {
    ...court,
    functionName: "convict",
    args: [...evidence, setOf(operators)],
  });
  await send("settle", { ...registry, functionName: "settle", args: [culprit.owner] });
  await send("request exit", { ...registry, functionName: "requestExit", account: author.owner });
}

/** A fold that is proven wrong, at its dearest, by the cells that it touches; and one conviction that follows. */
async function measureFolds(world: World, operators: Operator[], used: Record<string, number>): Promise<void> {
  const { foldCourt } = world;
  const [attester] = operators as [Operator];
  for (const [cells, positions, orders] of [
    [1, 1, [1]],
    [8, 4, [1, 2]],
    [64, 16, [3, 4, 5, 6]],
  ] as const) {
    const back = await world.remember();
    const story = dearest(world, operators, positions, [...orders]);
    const on = await stage(world, operators, story, [fromHex(keccak256(toHex(`no fold of ${cells}`)))]);
    const call = { ...foldCourt, functionName: "proveFold", args: foldArgs(proofOf(story, on, 0)) };
    const name = `prove a wrong fold, ${cells} ${cells === 1 ? "row" : "rows"}`;
    const bytes = (encodeFunctionData({ ...call } as never).length - 2) / 2;
    used[`${name}, calldata`] = bytes;
    used[name] = Number((await world.send(call)).gas);
    const number = BigInt(on.checkpoint.number);
    const hash = await world.chain.readContract({ ...world.ledger, functionName: "checkpointHash", args: [number] });
    const signature = await attester.signer.sign({ hash });
    const convict = { ...foldCourt, functionName: "convict", args: [hash, signature, setOf(operators)] };
    used["convict an attester, set of 4"] = Number((await world.send(convict)).gas);
    await back();
  }
}

/** Gas of a call's execution alone, without what the transaction and its bytes cost. */
async function execution(world: World, { address, abi, functionName, args }: Call): Promise<number> {
  const data = encodeFunctionData({ abi, functionName, args: args ?? [] } as never);
  const trace = (await world.request("debug_traceCall", [
    { from: world.accounts[0] as Address, to: address, data, gas: toHex(10_000_000) },
    "latest",
    { disableStorage: true, disableMemory: true, disableStack: true },
  ])) as { structLogs: { gas: number | Hex; gasCost: number | Hex; depth: number }[] };
  const outer = trace.structLogs.filter(({ depth }) => depth === 1);
  const [first, end] = [outer[0], outer.at(-1)];
  if (!first || !end) throw new ScriptError("REVERTED", `${functionName} was not traced`);
  return Number(first.gas) - Number(end.gas) + Number(end.gasCost);
}

function limitOf(name: string, used: number, known: Costs): Cost {
  const isCode = name.endsWith(" code");
  const unit = isCode || name.endsWith(" calldata") ? "bytes" : "gas";
  // What nobody set a limit for may grow by a tenth before somebody has to look at it.
  const limit = known[name]?.limit ?? (isCode ? MOST_BYTES : Math.ceil((used * 1.1) / 1000) * 1000);
  return { unit, limit, used };
}

async function main(): Promise<void> {
  const known = existsSync(FILE) ? (JSON.parse(readFileSync(FILE, "utf8")) as Costs) : {};
  const used = await measure();
  const costs: Costs = Object.fromEntries(Object.entries(used).map(([name, now]) => [name, limitOf(name, now, known)]));
  let [past, changed] = [0, 0];
  for (const [name, { unit, limit, used: now }] of Object.entries(costs)) {
    const before = known[name]?.used;
    const change = before === now ? "" : `was ${before ?? "not measured"}`;
    if (now > limit) past += 1;
    if (change) changed += 1;
    const verdict = now > limit ? "PAST THE LIMIT" : "";
    process.stdout.write(
      `${`${name.padEnd(38)} ${String(now).padStart(9)} ${unit.padEnd(5)} of ${String(limit).padStart(7)}  ${change} ${verdict}`.trimEnd()}\n`,
    );
  }
  if (process.argv.includes("--write")) writeFileSync(FILE, `${JSON.stringify(costs, null, 2)}\n`);
  else if (changed > 0) process.stderr.write(`${changed} changed: look at them, then "npm run gas -- --write"\n`);
  if (past > 0) process.stderr.write(`${past} past their limit\n`);
  if (past > 0 || (changed > 0 && !process.argv.includes("--write"))) process.exitCode = 1;
}

await runMain(main);

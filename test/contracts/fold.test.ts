import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { decodeFunctionData, type Hex, parseEventLogs } from "viem";
import { countArgs, endArgs, foldArgs } from "../../offchain/chain/convert.ts";
import type { Bytes } from "../../offchain/core/bytes.ts";
import type { Checkpoint } from "../../offchain/core/checkpoint.ts";
import { traceEntry, traceTree } from "../../offchain/core/fold-proof.ts";
import { Memories } from "../../offchain/core/memories.ts";
import type { MemoryDefinition } from "../../offchain/core/memory-definition.ts";
import { leafHash, TREE } from "../../offchain/core/tree.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { hashOf } from "../helpers/core.ts";
import { Random } from "../sim/random.ts";
import { type Call, found, type Operator, openWorld, reverts, setOf, type World } from "./fixture.ts";
import { CORRUPTIONS, corrupt, reordered } from "./fold-corruptions.ts";
import {
  commitRoots,
  definitions,
  found as foundIn,
  lecturesOf,
  PATIENCE,
  proofOf,
  type Stage,
  type Story,
  seeded,
  stage,
  tell,
  withEdges,
} from "./fold-world.ts";

const EACH = 12;
const STORIES = 10;

describe("FoldCourt", () => {
  let world: World;
  let operators: Operator[];
  let shapes: MemoryDefinition[];
  let restore: () => Promise<void>;

  before(async () => {
    world = await openWorld(PATIENCE);
    operators = await found(world, 4);
    shapes = definitions(Buffer.from((operators[0] as Operator).owner.slice(2), "hex"));
  });
  beforeEach(async () => {
    restore = await world.remember();
  });
  afterEach(() => restore());
  after(() => world.close());

  const fold = (proof: Parameters<typeof foldArgs>[0]) => ({
    ...world.foldCourt,
    functionName: "proveFold",
    args: foldArgs(proof),
  });
  const end = (...args: Parameters<typeof endArgs>) => ({
    ...world.foldCourt,
    functionName: "proveEnd",
    args: endArgs(...args),
  });
  const count = (...args: Parameters<typeof countArgs>) => ({
    ...world.foldCourt,
    functionName: "proveCount",
    args: countArgs(...args),
  });

  /** What three workers write and learn, on top of memories that there are already. */
  function storyOf(seed: string) {
    const random = new Random(seed);
    const lectures = lecturesOf(random, shapes, random.int(3, 6));
    const memories = seeded(random, shapes.slice(0, random.int(0, 4)), 24);
    const edges = withEdges(world, operators, random, memories, lectures);
    return { random, story: tell(world, operators, random, edges, lectures) };
  }

  /** One segment that learns one token into a memory that was empty. */
  function alone(): Story {
    const memory = { ...(shapes[1] as MemoryDefinition), orders: [2] };
    const lectures = [{ by: 0, ids: [1, 2, 3], memory, learnt: 1 }];
    return tell(world, operators, new Random("alone"), Memories.empty(crypto), lectures);
  }

  /** What a watcher brings to court, and where it says the first lie is. */
  function accuse(story: Story, on: Stage): { call: Call; index?: number } {
    const accusation = foundIn(story, on);
    assert.ok(accusation, "a watcher finds it");
    switch (accusation.type) {
      case "fold":
        return { call: fold(accusation.proof), index: accusation.proof.last.segmentIndex };
      case "end":
        return { call: end(accusation.checkpoint, accusation.parent, accusation.last) };
      case "count": {
        const { checkpoint, index, leaf, proof } = accusation;
        return { call: count(checkpoint, index, leaf, proof), index };
      }
    }
  }

  const hashAt = ({ number }: Checkpoint) =>
    world.chain.readContract({ ...world.ledger, functionName: "checkpointHash", args: [BigInt(number)] });

  async function assertCondemned({ checkpoint }: Pick<Stage, "checkpoint">, call: Call) {
    const hash = await hashAt(checkpoint);
    const { gas } = await world.send(call);
    assert.ok(gas < 2n ** 24n, `${gas} gas`);
    const { ledger, foldCourt, chain } = world;
    assert.equal(await chain.readContract({ ...foldCourt, functionName: "condemned", args: [hash] }), true);
    const number = BigInt(checkpoint.number);
    const record = await chain.readContract({ ...ledger, functionName: "checkpoint", args: [number] });
    assert.equal(record.fallen, true);
    await reverts(world, call, "AttesterCourtCondemnedBefore", [hash]);
  }

  /** Convicts a number of stories that are told wrongly; `wrongly` says how, if a story has what it takes. */
  async function convictAll(
    kind: string,
    wrongly: (story: Story, random: Random) => { trace: Bytes[]; index: number } | undefined,
  ) {
    for (let seed = 0, convicted = 0; convicted < EACH; seed++) {
      assert.ok(seed < 20 * EACH, "hardly a story has what this corruption needs");
      const { random, story } = storyOf(`${kind} ${seed}`);
      const wrong = wrongly(story, random);
      if (!wrong) continue;
      const back = await world.remember();
      const on = await stage(world, operators, story, wrong.trace);
      const { call, index } = accuse(story, on);
      assert.equal(index, wrong.index);
      await assertCondemned(on, call);
      await back();
      convicted += 1;
    }
  }

  for (const [kind, corruption] of Object.entries(CORRUPTIONS))
    test(`convicted: ${kind}`, () => convictAll(kind, (story, random) => corrupt(story, corruption, random, shapes)));

  test("convicted: entries in another order", () => convictAll("order", reordered));

  test("convicted: a memory root that is not the end of its trace, with segments and without", async () => {
    const { story } = storyOf("end");
    const { trace } = story;
    for (const memoryRoot of [hashOf("another"), hashOf("a third")]) {
      const back = await world.remember();
      const on = await stage(world, operators, story, trace, memoryRoot);
      await assertCondemned(on, accuse(story, on).call);
      await back();
    }
    const parent = await commitRoots(world, operators, { memoryRoot: hashOf("some") });
    const checkpoint = await commitRoots(world, operators, { memoryRoot: hashOf("another") });
    await assertCondemned({ checkpoint }, end(checkpoint, parent, traceEntry(crypto, [], -1)));
  });

  test("convicted: a trace with more or fewer entries than segments", async () => {
    const { story } = storyOf("count");
    const { trace } = story;
    const last = trace.at(-1) as Bytes;
    const several = [...trace, ...Array<Bytes>(trace.length).fill(last)];
    for (const told of [[...trace, last], several, trace.slice(0, -1), []]) {
      const back = await world.remember();
      const on = await stage(world, operators, story, told, last);
      const { call, index } = accuse(story, on);
      assert.equal(index, Math.min(told.length, trace.length));
      await assertCondemned(on, call);
      await back();
    }
  });

  test("honest checkpoints are never condemned, by any of their segments", async () => {
    let judged = 0;
    for (let seed = 0; seed < STORIES; seed++) {
      const back = await world.remember();
      const { story } = storyOf(`honest ${seed}`);
      const { trace } = story;
      const on = await stage(world, operators, story);
      const { checkpoint, parent } = on;
      assert.equal(foundIn(story, on), undefined);
      for (const index of trace.keys()) {
        await reverts(world, fold(proofOf(story, on, index)), "FoldCourtSound");
        const leaf = leafHash(crypto, TREE.memoryTrace, trace[index] as Bytes);
        await reverts(world, count(checkpoint, index, leaf, traceTree(crypto, trace).proof(index)), "FoldCourtSound");
        judged += 1;
      }
      await reverts(world, end(checkpoint, parent, traceEntry(crypto, trace, trace.length - 1)), "FoldCourtSound");
      await back();
    }
    console.log(`honest segments judged: ${judged}`);
  });

  test("a proof that says anything else about an honest checkpoint leads nowhere", async () => {
    const { random, story } = storyOf("liars");
    const on = await stage(world, operators, story);
    const other = hashOf("another");
    for (const index of story.trace.keys()) {
      const proof = proofOf(story, on, index);
      const { before, stated, last, openings, tokens, tokenSiblings } = proof;
      const nowhere = (changes: Partial<typeof proof>, part: string) =>
        reverts(world, fold({ ...proof, ...changes }), "FoldCourtNotProven", [part]);
      await nowhere({ parent: { ...on.parent, memoryRoot: other } }, "parent");
      await nowhere({ stated: { ...stated, memoryRoot: other } }, "trace");
      if (index > 0) await nowhere({ before: { ...before, memoryRoot: other } }, "trace");
      await nowhere({ last: { ...last, segmentIndex: story.trace.length } }, "segment");
      await nowhere({ last: { ...last, number: last.number - 1 } }, "number");
      await nowhere({ last: { ...last, salt: other.slice(0, 16) } }, "snapshot");
      if (last.snapshotIndex > 0) await nowhere({ last: { ...last, snapshotIndex: last.snapshotIndex - 1 } }, "last");
      if (openings.length === 0) continue;
      await nowhere({ openings: Uint8Array.of(...openings, 0) }, "openings");
      await nowhere({ rowsRoot: other }, tokens.length === 0 ? "memory" : "cell");
      if (tokens.length === 0) continue;
      await nowhere({ tokens: tokens.slice(1) }, "tokens");
      await nowhere({ tokens: tokens.map((id) => id ^ 1) }, "tokens");
      await nowhere({ tokenSiblings: tokenSiblings.slice(1) }, "tokens");
      for (let i = 0; i < 4; i++) {
        const forged = openings.slice();
        const at = random.int(0, forged.length - 1);
        forged[at] = (forged[at] as number) ^ random.int(1, 255);
        const sent = world.send(fold({ ...proof, openings: forged }));
        await assert.rejects(sent, /FoldCourtNotProven|FoldCourtSound/);
      }
    }
  });

  test("a memory is not kept from being created, or created otherwise, by what is said of an empty place", async () => {
    const story = alone();
    const proof = proofOf(story, await stage(world, operators, story), 0);
    await reverts(world, fold(proof), "FoldCourtSound");
    // Nobody's memory has the place; the openings are those of the place alone, with nothing beside it.
    const none = { slotMemory: hashOf("nobody's"), openings: new Uint8Array(8) };
    await reverts(world, fold({ ...proof, ...none }), "FoldCourtNotProven", ["place"]);
    // Beside the empty tile of an empty row stands a hash of something that has no cells.
    const forged = new Uint8Array(proof.openings.length + 44);
    forged.set(proof.openings.slice(0, 16));
    forged[15] = 1;
    forged.fill(7, 16, 48);
    forged.set(proof.openings.slice(16), 60);
    await reverts(world, fold({ ...proof, openings: forged }), "FoldCourtSound");
  });

  test("who attested is convicted by the signatures that stand in the commit", async () => {
    const { story } = storyOf("attesters");
    const { trace } = story;
    const on = await stage(world, operators, story, trace, hashOf("another"));
    const hash = await hashAt(on.checkpoint);
    const [log] = await world.chain.getContractEvents({
      ...world.ledger,
      eventName: "CheckpointCommitted",
      args: { number: BigInt(on.checkpoint.number) },
      fromBlock: 0n,
    });
    await assertCondemned(on, end(on.checkpoint, on.parent, traceEntry(crypto, trace, trace.length - 1)));
    const { input } = await world.chain.getTransaction({ hash: log?.transactionHash as Hex });
    const { args } = decodeFunctionData({ abi: world.ledger.abi, data: input });
    const signatures = (args as readonly Hex[])[2]?.slice(2).match(/.{130}/g) ?? [];
    assert.equal(signatures.length, operators.length);
    let left = operators;
    for (const signature of signatures) {
      const call = { ...world.foldCourt, functionName: "convict", args: [hash, `0x${signature}`, setOf(left)] };
      const { logs } = await world.send(call);
      const [event] = parseEventLogs({ abi: world.foldCourt.abi, logs, eventName: "AttesterConvicted" });
      left = left.filter(({ owner }) => owner !== event?.args.operator);
    }
    assert.deepEqual(left, []);
  });

  test("a final checkpoint is not judged any more", async () => {
    const { story } = storyOf("late");
    const { trace } = story;
    const { checkpoint, parent } = await stage(world, operators, story, trace, hashOf("another"));
    await world.pass(PATIENCE.challengeWindowSeconds);
    const call = end(checkpoint, parent, traceEntry(crypto, trace, trace.length - 1));
    await reverts(world, call, "CheckpointLedgerFinal", [BigInt(checkpoint.number)]);
  });
});

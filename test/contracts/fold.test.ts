import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { decodeFunctionData, type Hex, parseEventLogs } from "viem";
import type { Bytes } from "../../offchain/core/bytes.ts";
import { traceEntry } from "../../offchain/core/fold-proof.ts";
import { Memories } from "../../offchain/core/memories.ts";
import type { MemoryDefinition } from "../../offchain/core/memory-definition.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { hashOf } from "../helpers/core.ts";
import { Random } from "../sim/random.ts";
import { FOLD_KINDS, FoldTrial } from "./courts/fold-trial.ts";
import { found, type Operator, openWorld, reverts, setOf, type World } from "./fixture.ts";
import { commitRoots, PATIENCE, proofOf, type Story, stage, tell } from "./fold-world.ts";

const EACH = 12;
const STORIES = 10;

describe("FoldCourt", () => {
  let world: World;
  let operators: Operator[];
  let trial: FoldTrial;
  let restore: () => Promise<void>;

  before(async () => {
    world = await openWorld(PATIENCE);
    operators = await found(world, 4);
    trial = new FoldTrial(world, operators);
  });
  beforeEach(async () => {
    restore = await world.remember();
  });
  afterEach(() => restore());
  after(() => world.close());

  /** One segment that learns one token into a memory that was empty. */
  function alone(): Story {
    const memory = { ...(trial.shapes[1] as MemoryDefinition), orders: [2] };
    const lectures = [{ by: 0, ids: [1, 2, 3], memory, learnt: 1 }];
    return tell(world, operators, new Random("alone"), Memories.empty(crypto), lectures);
  }

  for (const kind of FOLD_KINDS)
    test(`convicted: ${kind}`, async () => {
      for await (const gas of trial.convict(kind, { count: EACH })) assert.ok(gas < 2n ** 24n, `${gas} gas`);
    });

  test("convicted: a memory root that is not the end of its trace, with segments and without", async () => {
    const { story } = trial.storyOf("end");
    const { trace } = story;
    for (const memoryRoot of [hashOf("another"), hashOf("a third")]) {
      const back = await world.remember();
      const on = await stage(world, operators, story, trace, memoryRoot);
      await trial.condemn(on, trial.accuse(story, on).call);
      await back();
    }
    const parent = await commitRoots(world, operators, { memoryRoot: hashOf("some") });
    const checkpoint = await commitRoots(world, operators, { memoryRoot: hashOf("another") });
    await trial.condemn({ checkpoint }, trial.end(checkpoint, parent, traceEntry(crypto, [], -1)));
  });

  test("convicted: a trace with more or fewer entries than segments", async () => {
    const { story } = trial.storyOf("count");
    const { trace } = story;
    const last = trace.at(-1) as Bytes;
    const several = [...trace, ...Array<Bytes>(trace.length).fill(last)];
    for (const told of [[...trace, last], several, trace.slice(0, -1), []]) {
      const back = await world.remember();
      const on = await stage(world, operators, story, told, last);
      const { call, index } = trial.accuse(story, on);
      assert.equal(index, Math.min(told.length, trace.length));
      await trial.condemn(on, call);
      await back();
    }
  });

  test("honest checkpoints are never condemned, by any of their segments", async () => {
    let judged = 0;
    for (let seed = 0; seed < STORIES; seed++) judged += await trial.dismiss(`honest ${seed}`);
    console.log(`honest segments judged: ${judged}`);
  });

  test("a proof that says anything else about an honest checkpoint leads nowhere", async () => {
    const { random, story } = trial.storyOf("liars");
    const on = await stage(world, operators, story);
    const other = hashOf("another");
    for (const index of story.trace.keys()) {
      const proof = proofOf(story, on, index);
      const { before, stated, last, openings, tokens, tokenSiblings } = proof;
      const nowhere = (changes: Partial<typeof proof>, part: string) =>
        reverts(world, trial.fold({ ...proof, ...changes }), "FoldCourtNotProven", [part]);
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
        const sent = world.send(trial.fold({ ...proof, openings: forged }));
        await assert.rejects(sent, /FoldCourtNotProven|FoldCourtSound/);
      }
    }
  });

  test("a memory is not kept from being created, or created otherwise, by what is said of an empty place", async () => {
    const story = alone();
    const proof = proofOf(story, await stage(world, operators, story), 0);
    await reverts(world, trial.fold(proof), "FoldCourtSound");
    // Nobody's memory has the place; the openings are those of the place alone, with nothing beside it.
    const none = { slotMemory: hashOf("nobody's"), openings: new Uint8Array(8) };
    await reverts(world, trial.fold({ ...proof, ...none }), "FoldCourtNotProven", ["place"]);
    // Beside the empty tile of an empty row stands a hash of something that has no cells.
    const forged = new Uint8Array(proof.openings.length + 44);
    forged.set(proof.openings.slice(0, 16));
    forged[15] = 1;
    forged.fill(7, 16, 48);
    forged.set(proof.openings.slice(16), 60);
    await reverts(world, trial.fold({ ...proof, openings: forged }), "FoldCourtSound");
  });

  test("who attested is convicted by the signatures that stand in the commit", async () => {
    const { story } = trial.storyOf("attesters");
    const { trace } = story;
    const on = await stage(world, operators, story, trace, hashOf("another"));
    const hash = await trial.hashAt(on.checkpoint);
    const [log] = await world.chain.getContractEvents({
      ...world.ledger,
      eventName: "CheckpointCommitted",
      args: { number: BigInt(on.checkpoint.number) },
      fromBlock: 0n,
    });
    await trial.condemn(on, trial.end(on.checkpoint, on.parent, traceEntry(crypto, trace, trace.length - 1)));
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
    const { story } = trial.storyOf("late");
    const { trace } = story;
    const { checkpoint, parent } = await stage(world, operators, story, trace, hashOf("another"));
    await world.pass(PATIENCE.challengeWindowSeconds);
    const call = trial.end(checkpoint, parent, traceEntry(crypto, trace, trace.length - 1));
    await reverts(world, call, "CheckpointLedgerFinal", [BigInt(checkpoint.number)]);
  });
});

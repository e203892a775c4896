import assert from "node:assert/strict";
import { countArgs, endArgs, foldArgs } from "../../../offchain/chain/convert.ts";
import type { Bytes } from "../../../offchain/core/bytes.ts";
import type { Checkpoint } from "../../../offchain/core/checkpoint.ts";
import { traceEntry, traceTree } from "../../../offchain/core/fold-proof.ts";
import type { MemoryDefinition } from "../../../offchain/core/memory-definition.ts";
import { leafHash, TREE } from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { Random } from "../../sim/random.ts";
import { type Call, type Operator, reverts, type World } from "../fixture.ts";
import { CORRUPTIONS, corrupt, reordered } from "../fold-corruptions.ts";
import {
  definitions,
  found as foundIn,
  lecturesOf,
  proofOf,
  type Stage,
  type Story,
  seeded,
  stage,
  tell,
  withEdges,
} from "../fold-world.ts";

/** All ways to tell a story wrongly. */
export const FOLD_KINDS: readonly string[] = [...Object.keys(CORRUPTIONS), "entries in another order"];

/** What a story is told to be, and the first segment that is wrong then; nothing if it has not what that takes. */
type Wrong = ReturnType<typeof reordered>;

/** Who brings what it finds before the court of memories, in a world with operators. */
export class FoldTrial {
  readonly world: World;
  readonly operators: Operator[];
  readonly shapes: MemoryDefinition[];

  constructor(world: World, operators: Operator[]) {
    this.world = world;
    this.operators = operators;
    this.shapes = definitions(Buffer.from((operators[0] as Operator).owner.slice(2), "hex"));
  }

  /** Tells a story wrongly in that way. */
  #corrupt(kind: string, story: Story, random: Random): Wrong | undefined {
    const corruption = CORRUPTIONS[kind];
    return corruption ? corrupt(story, corruption, random, this.shapes) : reordered(story);
  }

  fold(proof: Parameters<typeof foldArgs>[0]): Call {
    return { ...this.world.foldCourt, functionName: "proveFold", args: foldArgs(proof) };
  }

  end(...args: Parameters<typeof endArgs>): Call {
    return { ...this.world.foldCourt, functionName: "proveEnd", args: endArgs(...args) };
  }

  count(...args: Parameters<typeof countArgs>): Call {
    return { ...this.world.foldCourt, functionName: "proveCount", args: countArgs(...args) };
  }

  /** What three workers write and learn, on top of memories that there are already. */
  storyOf(seed: string): { random: Random; story: Story } {
    const { world, operators, shapes } = this;
    const random = new Random(seed);
    const lectures = lecturesOf(random, shapes, random.int(3, 6));
    const memories = seeded(random, shapes.slice(0, random.int(0, 4)), 24);
    const edges = withEdges(world, operators, random, memories, lectures);
    return { random, story: tell(world, operators, random, edges, lectures) };
  }

  /** What a watcher brings to court, and where it says the first lie is. */
  accuse(story: Story, on: Stage): { call: Call; index?: number } {
    const accusation = foundIn(story, on);
    assert.ok(accusation, "a watcher finds it");
    switch (accusation.type) {
      case "fold":
        return { call: this.fold(accusation.proof), index: accusation.proof.last.segmentIndex };
      case "end":
        return { call: this.end(accusation.checkpoint, accusation.parent, accusation.last) };
      case "count": {
        const { checkpoint, index, leaf, proof } = accusation;
        return { call: this.count(checkpoint, index, leaf, proof), index };
      }
    }
  }

  hashAt({ number }: Checkpoint) {
    const { chain, ledger } = this.world;
    return chain.readContract({ ...ledger, functionName: "checkpointHash", args: [BigInt(number)] });
  }

  /** Proves it, and that the checkpoint falls. @returns the gas of that */
  async condemn({ checkpoint }: Pick<Stage, "checkpoint">, call: Call): Promise<bigint> {
    const { ledger, foldCourt, chain } = this.world;
    const hash = await this.hashAt(checkpoint);
    const { gas } = await this.world.send(call);
    assert.equal(await chain.readContract({ ...foldCourt, functionName: "condemned", args: [hash] }), true);
    const number = BigInt(checkpoint.number);
    const record = await chain.readContract({ ...ledger, functionName: "checkpoint", args: [number] });
    assert.equal(record.fallen, true);
    await reverts(this.world, call, "AttesterCourtCondemnedBefore", [hash]);
    return gas;
  }

  /** Tells so many stories wrongly, each of which is to be found where it is wrong. Gives the gas of each proof. */
  async *convict(kind: string, { count, seed = "" }: { count: number; seed?: string }): AsyncGenerator<bigint> {
    for (let told = 0, convicted = 0; convicted < count; told++) {
      assert.ok(told < 20 * count, "hardly a story has what this corruption needs");
      const { random, story } = this.storyOf(`${kind} ${seed}${told}`);
      const wrong = this.#corrupt(kind, story, random);
      if (!wrong) continue;
      const back = await this.world.remember();
      const on = await stage(this.world, this.operators, story, wrong.trace);
      const { call, index } = this.accuse(story, on);
      assert.equal(index, wrong.index);
      yield await this.condemn(on, call);
      await back();
      convicted += 1;
    }
  }

  /** Nothing proves anything about an honest story. @returns how many segments it has */
  async dismiss(seed: string): Promise<number> {
    const { world, operators } = this;
    const back = await world.remember();
    const { story } = this.storyOf(seed);
    const { trace } = story;
    const on = await stage(world, operators, story);
    const { checkpoint, parent } = on;
    assert.equal(foundIn(story, on), undefined);
    for (const index of trace.keys()) {
      await reverts(world, this.fold(proofOf(story, on, index)), "FoldCourtSound");
      const leaf = leafHash(crypto, TREE.memoryTrace, trace[index] as Bytes);
      await reverts(
        world,
        this.count(checkpoint, index, leaf, traceTree(crypto, trace).proof(index)),
        "FoldCourtSound",
      );
    }
    await reverts(world, this.end(checkpoint, parent, traceEntry(crypto, trace, trace.length - 1)), "FoldCourtSound");
    await back();
    return trace.length;
  }
}

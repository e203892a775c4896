import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { toHex } from "../../offchain/core/bytes.ts";
import { Cut, segmentsTree, trackName } from "../../offchain/core/cut.ts";
import { judgeCut } from "../../offchain/core/false-cut.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import type { Made } from "../helpers/made.ts";
import { type Court, convict, proofOf, tell, tryLies } from "./courts/cut-trial.ts";
import { type Endings, endSome, slotOf, withEnded } from "./courts/endings.ts";
import { Historian, openCourt, PATIENT } from "./courts/history.ts";
import { liars } from "./courts/lies.ts";
import { accusationOf } from "./courts/statement.ts";
import { type Call, found, type Operator, openWorld, reverts, setOf, type World } from "./fixture.ts";

/** Three of each kind; `npm run trial -- cut` tells as many as it is asked for. */
const LIES = 3 * Object.keys(liars).length;

describe("CutCourt", () => {
  let world: World;
  let court: Court;
  let historian: Historian;
  let restore: () => Promise<void>;

  before(async () => {
    world = await openWorld(PATIENT);
    historian = await Historian.of(world, await found(world, 4));
    court = await openCourt(world, "CutCourt");
  });
  beforeEach(async () => {
    restore = await world.remember();
  });
  afterEach(() => restore());
  after(() => world.close());

  const call = (functionName: string, ...args: unknown[]): Call => ({ ...court, functionName, args });

  test("what is made here is what core makes", async () => {
    const honest = await tell(historian, 1);
    const parent = honest.parent as Made;
    const none = () => false;
    const before = Cut.empty(crypto).extend(crypto, parent.entries, none);
    const cut = before.extend(crypto, honest.entries, none);
    assert.equal(toHex(cut.root), toHex(honest.checkpoint.cutRoot));
    const hashes = new Map(
      honest.segments.map(({ header, hash }) => [`${trackName(header)} ${header.sequence}`, hash]),
    );
    const hashAt: Parameters<typeof segmentsTree>[3]["hashAt"] = (track, sequence) =>
      hashes.get(`${trackName(track)} ${sequence}`) as Uint8Array;
    const { root } = segmentsTree(crypto, before, cut, { hashAt });
    assert.equal(toHex(root), toHex(honest.checkpoint.segmentsRoot));
  });

  test(`each of ${LIES} lies is found in what is served, and proven by one transaction`, async () => {
    const proven = await tryLies(historian, court, { corruptions: LIES, seed: 1 });
    assert.deepEqual([...proven.values()], new Array(LIES / 3).fill(3));
  });

  describe("who has ended", () => {
    let endings: Endings;
    let operators: Operator[];
    let back: () => Promise<void>;

    before(async () => {
      back = await world.remember();
      operators = historian.operators as Operator[];
      endings = await endSome(world, operators);
    });
    after(() => back());

    /** Commits a checkpoint with an operator's track changed, after those that come before it. */
    async function commitChanged(which: "ending" | "next", operator: number, isEnded: boolean): Promise<Made> {
      const { historian, ending } = endings;
      const slot = slotOf(endings, operator);
      const made = withEnded(historian, endings[which], (s) => (s === slot ? { ended: isEnded } : {}));
      if (which === "next") await historian.commit(ending);
      await historian.commit(made);
      return made;
    }

    async function tellOf(which: "ending" | "next", operator: number, isEnded: boolean, functionName: string) {
      const made = await commitChanged(which, operator, isEnded);
      const proof = proofOf(endings.historian, made, [], functionName);
      assert.equal(proof.functionName, functionName);
      await convict(world, court, made, proof);
    }

    test("somebody who was convicted has not", () => tellOf("ending", 0, false, "proveConvicted"));
    test("somebody who left has not", () => tellOf("ending", 3, false, "proveGone"));
    test("somebody in the set has, by its old key", () => tellOf("next", 1, true, "proveMember"));
    test("somebody in the set has, though it asked to leave", () => tellOf("next", 2, true, "proveMember"));
    test("somebody in the set has, who joined later", () => tellOf("next", 4, true, "proveMember"));

    test("S9: nothing is found where exactly those have", async () => {
      const { historian, ending, next } = endings;
      for (const made of [ending, next])
        assert.deepEqual(judgeCut(crypto, accusationOf(historian, made)), { doubts: [] });
    });

    test("somebody in no set yet has: shown by the set that takes it in", async () => {
      const { historian } = endings;
      const made = await commitChanged("next", 5, true);
      const rule = "an operator that is in no operator set yet has not ended";
      assert.deepEqual(judgeCut(crypto, accusationOf(historian, made)), { doubts: [{ type: "unjudged", rule }] });
      await world.pass(world.deployment.parameters.epochDurationSeconds);
      const args = [setOf([...historian.operators])];
      await world.send({ ...world.registry, functionName: "activateEpoch", args });
      const proof = proofOf(await Historian.of(world, historian.operators), made, [], "a later set");
      assert.equal(proof.functionName, "proveMember");
      await convict(world, court, made, proof);
    });
  });

  test("S9: in honest histories nothing is found, whether their segments are held or only served", async () => {
    for (let seed = 0; seed < 8; seed++) {
      const honest = await tell(historian, seed);
      for (const held of [[], honest.segments])
        assert.deepEqual(judgeCut(crypto, accusationOf(historian, honest, held)), { doubts: [] });
      await restore();
      restore = await world.remember();
    }
  });

  test("S9: nothing that is opened of an honest checkpoint condemns it", async () => {
    const honest = await tell(historian, 7);
    await historian.commit(honest);
    const { accused } = honest;
    const { checkpoint } = accused;
    const slots = honest.entries.map((_, slot) => slot);
    const indices = honest.segments.map((_, index) => index);
    const sound = (functionName: string, ...args: unknown[]) =>
      reverts(world, call(functionName, ...args), "CutCourtSound");
    await sound("proveCounts", accused);
    for (const slot of [...slots, slots.length, 1 << 23]) await sound("proveCount", checkpoint, 3, honest.slotAt(slot));
    for (const index of [...indices, indices.length, 65535])
      await sound("proveCount", checkpoint, 2, honest.leafAt(index));
    for (const slot of slots) {
      const here = honest.entryAt(slot);
      const next = honest.entryAt(Math.min(slot + 1, slots.length - 1));
      await sound("proveEntry", accused, here);
      await sound("proveFirst", accused, here, next.entry, next.proof);
      for (const high of slots.slice(slot + 1)) await sound("proveOrder", accused, here, honest.entryAt(high));
      for (const index of indices) {
        const place = call("provePlace", accused, here, honest.headerAt(index));
        const from = honest.parent?.entries[slot]?.sequence ?? 0;
        const { first, sequence } = honest.entries[slot] as Made["entries"][number];
        const covers = index >= first && index < first + sequence - from;
        if (covers) await reverts(world, place, "CutCourtSound");
        else await reverts(world, place, "CutCourtNotProven", ["index"]);
      }
    }
    for (const index of indices) {
      const leaf = { index: 0n, leaf: honest.snapshotAt(index, 0).salt.padEnd(66, "0"), proof: [] };
      await reverts(world, call("proveHeader", checkpoint, honest.headerAt(index), leaf), "CutCourtNotProven");
    }
  });
});

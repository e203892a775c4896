import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { Abi, Address } from "viem";
import { toHex } from "../../offchain/core/bytes.ts";
import { Cut, segmentsTree, trackName } from "../../offchain/core/cut.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { type Sealed, type TrackWriter, writeSegments } from "../helpers/core.ts";
import { extend, Historian, type Made, openCourt } from "./courts/history.ts";
import { liars } from "./courts/lies.ts";
import { type Call, found, openWorld, reverts, type World } from "./fixture.ts";

/** Draws integers below a bound; the same at every run. */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return below === 0 ? 0 : Math.floor((state / 2 ** 32) * below);
  };
}

const LIES = 220;
const WORLDS = 4;

describe("CutCourt", () => {
  let world: World;
  let court: { address: Address; abi: Abi };
  let historian: Historian;
  let restore: () => Promise<void>;

  before(async () => {
    world = await openWorld();
    historian = await Historian.of(world, await found(world, 4));
    court = await openCourt(world, "CutCourt");
  });
  beforeEach(async () => {
    restore = await world.remember();
  });
  afterEach(() => restore());
  after(() => world.close());

  const call = (functionName: string, ...args: unknown[]): Call => ({ ...court, functionName, args });

  /** Some tracks that go on, one that does not and some new ones, beyond a parent that is committed; or only new ones. */
  async function tell(seed: number): Promise<{ parent: Made; honest: Made; tracks: TrackWriter[] }> {
    const pick = chance(seed);
    const tracks: TrackWriter[] = [];
    const advances: Sealed[][] = [];
    const write = (operator: number, label: string, count: number) => {
      const track = historian.track(operator, `${seed} ${label}`);
      tracks.push(track);
      advances.push(writeSegments(track, count, seed));
    };
    let parent = historian.genesis;
    if (seed % 4 > 0) {
      for (let i = 0; i < 3; i++) write(i, "old", 1 + pick(3));
      parent = historian.make(historian.genesis, extend(historian.genesis, advances));
      await historian.commit(parent);
    }
    const going = tracks.slice(0, 2);
    advances.length = 0;
    for (const track of going) advances.push(writeSegments(track, 1 + pick(3), seed + 100));
    for (let i = 0; i < 2 + pick(2); i++) write(i + 1, "new", 1 + pick(3));
    return { parent, honest: historian.make(parent, extend(parent, advances)), tracks };
  }

  test("what is made here is what core makes", async () => {
    const { parent, honest } = await tell(1);
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

  test(`each of ${LIES} random lies is proven by one transaction, and the checkpoint falls`, async () => {
    const names = Object.keys(liars);
    const proven = new Map<string, number>();
    for (let told = 0, seed = 0; told < LIES; seed++) {
      const back = await world.remember();
      const { honest } = await tell(seed);
      for (let i = 0; i < LIES / WORLDS && told < LIES; i++) {
        const name = names[i % names.length] as string;
        const lie = liars[name]?.(historian, honest, chance(seed * 1000 + i));
        if (!lie) continue;
        const again = await world.remember();
        await historian.commit(lie.made);
        const { checkpoint, hash } = lie.made;
        await world.send(call(lie.functionName, ...lie.args)).catch((error: { shortMessage?: string }) => {
          assert.fail(`${name} is not proven (story ${seed}, lie ${i}): ${error.shortMessage}`);
        });
        const args = [BigInt(checkpoint.number)] as const;
        const record = await world.chain.readContract({ ...world.ledger, functionName: "checkpoint", args });
        assert.ok(record.fallen, name);
        assert.equal(
          await world.chain.readContract({ ...court, functionName: "condemned", args: [toHex(hash)] }),
          true,
        );
        proven.set(name, (proven.get(name) ?? 0) + 1);
        told += 1;
        await again();
      }
      await back();
    }
    assert.deepEqual([...proven.keys()].sort(), names.sort());
  });

  test("S9: nothing that is opened of an honest checkpoint condemns it", async () => {
    const { honest } = await tell(7);
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

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Consensus } from "../../../offchain/core/consensus.ts";
import { type CutEntry, trackName } from "../../../offchain/core/cut.ts";
import type { Effect } from "../../../offchain/core/events.ts";
import type { Following } from "../../../offchain/core/following.ts";
import type { Replica } from "../../../offchain/core/replica.ts";
import { Retention } from "../../../offchain/core/retention.ts";
import { Track } from "../../../offchain/core/track.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";

const SECONDS = 25;
const hashOf = (number: number) => new Uint8Array(32).fill(number);

const TRACK = { operator: new Uint8Array(20).fill(7), incarnation: new Uint8Array(16).fill(8) };
const NAME = trackName(TRACK);

type Shown = { entries: CutEntry[]; named(name: string): CutEntry | undefined };

/** A cut that goes so far in the one track that there is. */
const cutTo = (sequence: number): Shown => {
  const entry = { ...TRACK, sequence, head: hashOf(sequence), ended: false, first: 0 };
  return { entries: sequence > 0 ? [entry] : [], named: (name) => (name === NAME ? entry : undefined) };
};

/** A track of which this much is held, and which notes how it is pruned. */
class Held extends Track {
  readonly pruned: { to: number; over: boolean }[] = [];
  #from = 0;
  readonly #to: number;

  constructor(to: number) {
    super(crypto, TRACK);
    this.#to = to;
  }

  override get base() {
    return { sequence: this.#from, head: hashOf(this.#from) };
  }

  override get sequence() {
    return this.#to;
  }

  override prune(to: number, _keep: ReadonlySet<string>, over: boolean): number {
    this.pruned.push({ to, over });
    this.#from = to;
    return to;
  }
}

/** A chain with a checkpoint every so many seconds, each final at once, without a segment in any unless it is told. */
function chain(every = 10) {
  const known = new Map<number, { hash: Uint8Array; cut?: Shown; memories?: object }>();
  /** Checkpoints whose memories cannot be worked out here, if not given. */
  const lost = new Set<number>();
  let areGone = false;
  const fallen = new Set<number>();
  const following = {
    time: 0,
    final: 0,
    /** Cuts that are on disk again. */
    left: 0,
    stranded: undefined as number | undefined,
    committedAt: (number: number) => (known.has(number) ? number * every : undefined),
    active: (time?: number) => time ?? following.time,
    forgetCuts() {
      const { left } = following;
      following.left = 0;
      return left > 0;
    },
    /** How far the memories on disk are. */
    get memoryBase() {
      return { number: following.stranded ?? following.final, move: () => [] };
    },
    get anchor() {
      const number = consensus.standing.filter((one) => known.get(one)?.cut).at(-1);
      return number === undefined ? undefined : { number, ...known.get(number) };
    },
  };
  const consensus = {
    committed: (number: number) => known.get(number),
    memoriesAt: (number: number) => (lost.has(number) ? known.get(number)?.memories : {}),
    views: { isLost: () => areGone },
    get standing() {
      return [0, ...known.keys()].filter((number) => !fallen.has(number));
    },
    get latest() {
      return [...known.values()].at(-1);
    },
  };
  const tracks = new Map<string, Track>();
  const replica = { tracks, replace: () => {}, registry: { isEnded: () => false } };
  const parts = [replica, consensus, following] as unknown as [Replica, Consensus, Following];
  return {
    begin: () => new Retention(...parts, SECONDS),
    tracks,
    commit(number: number, isShown = true, sequence = 0) {
      known.set(number, { hash: hashOf(number), cut: isShown ? cutTo(sequence) : undefined });
      following.final = number;
      following.time = number * every;
    },
    show: (number: number) => known.set(number, { hash: hashOf(number), cut: cutTo(0) }),
    replace: (number: number) => known.set(number, { hash: hashOf(100 + number) }),
    fell: (number: number) => fallen.add(number),
    at(time: number) {
      following.time = time;
    },
    /** The memories on disk, and in memory, are of this one, and lead nowhere. */
    strand(number: number) {
      following.stranded = number;
      for (const later of known.keys()) if (later > number) lost.add(later);
    },
    /** Nothing that may still come leads from them to later ones. */
    lose() {
      areGone = true;
    },
    give(number: number) {
      known.set(number, { ...(known.get(number) as { hash: Uint8Array }), memories: {} });
    },
    bringBackCuts() {
      following.left = 1;
    },
    cutOf: (number: number) => {
      const { hash, cut } = known.get(number) ?? {};
      return hash && cut && { hash, entries: cut.entries };
    },
  };
}

const before = (effects: readonly Effect[]) =>
  effects.flatMap((effect) =>
    effect.type === "store" && effect.record.type === "prune-checkpoints" ? effect.record.before : [],
  );

test("L8 what was final before a process began goes when its time is over, not a retention time after the start", () => {
  const world = chain();
  for (let number = 1; number <= 6; number++) world.commit(number);
  const again = world.begin();
  again.recall(world.cutOf);
  assert.deepEqual(before(again.advance()), [3]);
  world.at(66);
  assert.deepEqual(before(again.advance()), [4]);
});

test("L8 a reorganisation takes back only what it takes back", () => {
  const world = chain();
  const retention = world.begin();
  for (let number = 1; number <= 3; number++) {
    world.commit(number);
    assert.deepEqual(before(retention.advance()), []);
  }
  world.replace(2);
  world.at(50);
  assert.deepEqual(before(retention.advance()), [1], "the second is another now, and not marked");
  world.at(56);
  assert.deepEqual(before(retention.advance()), [3]);
});

test("S7 what was final on a fork, and fell on the one that counts, lets nothing be forgotten", () => {
  const world = chain();
  const retention = world.begin();
  for (let number = 1; number <= 3; number++) {
    world.commit(number);
    retention.advance();
  }
  for (const number of [2, 3]) world.fell(number);
  world.commit(4);
  world.at(60);
  assert.deepEqual(before(retention.advance()), [1]);
  world.at(66);
  assert.deepEqual(before(retention.advance()), [4]);
});

test("L8 as long as nobody shows us the latest cuts, an earlier one is what is known to be final", () => {
  const world = chain();
  const retention = world.begin();
  world.commit(1);
  world.commit(2, false);
  world.commit(3, false);
  assert.deepEqual(before(retention.advance()), []);
  world.at(36);
  assert.deepEqual(before(retention.advance()), [1]);
});

test("L8 of checkpoints that come close together the last is marked, so that a silence after them delays nothing", () => {
  const world = chain(1);
  const retention = world.begin();
  for (let number = 1; number <= 4; number++) {
    world.commit(number);
    retention.advance();
  }
  world.commit(28);
  retention.advance();
  world.at(4 + SECONDS + 1);
  assert.deepEqual(before(retention.advance()), [4]);
  const again = world.begin();
  again.recall(world.cutOf);
  assert.deepEqual(before(again.advance()), [4], "also after a restart");
});

test("L8 what is fetched or restored after its time was over goes too, with the next word from the chain", () => {
  const world = chain();
  const retention = world.begin();
  world.tracks.set(NAME, new Held(5));
  world.commit(1, true, 5);
  world.at(36);
  assert.deepEqual(before(retention.advance()), [1]);
  const again = new Held(5);
  world.tracks.set(NAME, again);
  assert.deepEqual(before(retention.advance()), [], "its cuts are forgotten once");
  assert.deepEqual(again.pruned, [{ to: 5, over: true }]);
  retention.advance();
  assert.equal(again.pruned.length, 1, "what is gone is not looked for again");
  world.bringBackCuts();
  assert.deepEqual(before(retention.advance()), [1], "unless they were brought back");
});

test("L8 who is shown a cut only when its time is over forgets by it at once", () => {
  const world = chain();
  const retention = world.begin();
  for (let number = 1; number <= 6; number++) {
    world.commit(number, number === 1);
    retention.advance();
  }
  world.at(66);
  world.show(3);
  assert.deepEqual(before(retention.advance()), [3]);
  world.show(2);
  assert.deepEqual(before(retention.advance()), [], "an earlier one says no more");
  world.show(4);
  assert.deepEqual(before(retention.advance()), [4]);
});

test("S7 a turn left open is over when its author has been silent, not while we are behind what is committed", () => {
  const world = chain();
  const retention = world.begin();
  const held = new Held(5);
  world.tracks.set(NAME, held);
  world.commit(1, true, 5);
  world.commit(2, true, 9);
  world.at(36);
  retention.advance();
  assert.deepEqual(held.pruned, [{ to: 5, over: false }]);
});

test("L8 where memories are lost and later ones were given nothing waits for the lost, though the latest cut has not come", () => {
  const world = chain();
  const retention = world.begin();
  for (let number = 1; number <= 6; number++) world.commit(number);
  world.commit(7, false);
  world.strand(1);
  world.at(76);
  assert.deepEqual(before(retention.advance()), [], "they may still be worked out");
  world.give(6);
  assert.deepEqual(before(retention.advance()), [5]);
});

test("L8 where memories are lost for good nothing waits until others give later ones", () => {
  const world = chain();
  const retention = world.begin();
  for (let number = 1; number <= 6; number++) world.commit(number);
  world.strand(1);
  world.at(76);
  assert.deepEqual(before(retention.advance()), [], "they may still be worked out");
  world.lose();
  assert.deepEqual(before(retention.advance()), [5]);
});

import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { type Bytes, toHex } from "../../../offchain/core/bytes.ts";
import { type Checkpoint, checkpointHash } from "../../../offchain/core/checkpoint.ts";
import type { Cut } from "../../../offchain/core/cut.ts";
import { checkpointOf } from "../../../offchain/core/cut.ts";
import { Errands } from "../../../offchain/core/errands.ts";
import type { Effect } from "../../../offchain/core/events.ts";
import { foldAccusation } from "../../../offchain/core/false-memory.ts";
import { traceEntry, traceTree } from "../../../offchain/core/fold-proof.ts";
import type { Following } from "../../../offchain/core/following.ts";
import type { Memories } from "../../../offchain/core/memories.ts";
import { StatedLeaves } from "../../../offchain/core/stated-leaves.ts";
import { heldSegments } from "../../../offchain/core/views.ts";
import { Witness } from "../../../offchain/core/witness.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { feed, foundingEvents, hashOf, type Keys, operatorAt, requestOf, TrackWriter } from "../../helpers/core.ts";
import { advanceOf, nodeOf, type Peer } from "../../helpers/mesh.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
const EVENTS = foundingEvents(members);
const PEERS = members.slice(1).map(({ operator }) => operator);
const LIE = hashOf("a lie");

/** Five segments, of which all but the first teach. */
function taught() {
  const writer = new TrackWriter(members[1]);
  const turn = writer.open(requestOf([1, 2, 3]));
  turn.tokens("given", [1, 2, 3]);
  const segments = [writer.seal()];
  for (let i = 0; i < 4; i++) {
    const first = turn.context.length;
    turn.tokens("written", [7, 8 + i]).learn(first, 2);
    segments.push(writer.seal());
  }
  return segments;
}
const SEGMENTS = taught();

/** What follows from the segments, on top of the genesis. */
function sumAt({ replica, consensus }: Peer) {
  const { latest, next } = consensus;
  const parent = { ...latest, cut: latest.cut as Cut, memories: latest.memories as Memories, next };
  const advances = [...replica.tracks.values()].map((track) => advanceOf(track));
  const cut = parent.cut.extend(crypto, advances, () => false);
  return { ...checkpointOf(crypto, parent, cut, replica.registry, heldSegments(replica)), cut };
}

type Told = { trace?: (truth: readonly Bytes[]) => readonly Bytes[]; memoryRoot?: Bytes; segmentCount?: number };

/** A worker that holds the segments, where the chain took this of them. */
function worker({ trace = (truth) => truth, ...changes }: Told, { fallen = false, final = 0 } = {}) {
  const node = nodeOf(members[0], EVENTS);
  feed(node.replica, SEGMENTS);
  const { replica, consensus } = node;
  const { checkpoint: truth, cut, trace: follows } = sumAt(node);
  const stated = trace(follows);
  const checkpoint: Checkpoint = {
    ...truth,
    memoryTraceRoot: traceTree(crypto, stated).root,
    memoryRoot: stated.at(-1) ?? truth.memoryRoot,
    ...changes,
  };
  const hash = checkpointHash(crypto, replica.separator, checkpoint);
  consensus.remember(1, hash, cut);
  consensus.commit(checkpoint, hash);
  if (fallen) consensus.fell(1, 0);
  let ids = 0;
  const errands = new Errands(replica, () => ++ids);
  for (const peer of PEERS) errands.peer(peer, true);
  const following = { final };
  const witness = new Witness(replica, consensus, following as Following, errands);
  return { ...node, checkpoint, hash, stated, errands, following, witness };
}

type World = ReturnType<typeof worker>;
type Served = (peer: string, first: number) => readonly Bytes[] | "silence" | undefined;

/** So many leaves a page, for this long. */
function run(world: World, serve: Served, until = 20_000, size = 2) {
  const asked: { peer: string; first: number }[] = [];
  const condemned: Extract<Effect, { type: "condemn" }>[] = [];
  const faults: string[] = [];
  const unserved: number[] = [];
  /** Indices of entries that were asked for on the chain, and shown there. */
  const shown: number[] = [];
  const { errands, witness, stated } = world;
  const take = (effects: readonly Effect[], now: number): void => {
    for (const effect of effects) {
      if (effect.type === "condemn") condemned.push(effect);
      if (effect.type === "unserved") unserved.push(now);
      if (effect.type === "challenge") {
        const { index } = effect.at;
        shown.push(index);
        const entry = traceEntry(crypto, stated, index);
        take(witness.show(effect.at, traceEntry(crypto, [...stated, LIE], index)), now); // of another trace
        for (const proof of [[], entry.proof.slice(1), [...entry.proof, LIE]])
          take(witness.show(effect.at, { ...entry, proof }), now); // of no trace
        take(witness.show(effect.at, entry), now);
      }
      if (effect.type === "fault") faults.push(`${effect.error.code} of ${toHex(effect.operator!)}`);
      if (effect.type !== "ask" || effect.question.type !== "tree") continue;
      const { first } = effect.question;
      const peer = toHex(effect.to);
      asked.push({ peer, first });
      const leaves = serve(peer, first);
      const errand = errands.get(effect.id);
      if (leaves === "silence" || errand?.kind !== "tree") continue;
      errands.done(errand);
      const page = leaves && { leaves: leaves.slice(first, first + size), more: first + size < leaves.length };
      take(witness.take(errand, page, now), now);
    }
  };
  for (let now = 0; now < until; now += 200) {
    world.consensus.views.of(world.consensus.latest);
    take(errands.tick(now), now);
    take(witness.tick(now), now);
  }
  return { asked, condemned, unserved, shown, faults: faults.filter((fault) => !fault.startsWith("deadline")) };
}

/** Everything from the third segment on is of something else. */
const falseFrom = (index: number) => (truth: readonly Bytes[]) =>
  truth.map((root, i) => (i < index ? root : crypto.keccak256(root, LIE)));

describe("who attests to false memories is brought to court", () => {
  let world: World;
  let honest: Served;
  beforeEach(() => {
    world = worker({ trace: falseFrom(2) });
    honest = () => world.stated;
  });

  test("the first false step is found by what the attesters state, page after page of one peer", () => {
    const { asked, condemned, faults, unserved } = run(world, honest);
    assert.deepEqual(
      asked.map(({ first }) => first),
      [0, 2, 4],
    );
    assert.equal(new Set(asked.map(({ peer }) => peer)).size, 1);
    assert.deepEqual([faults, unserved], [[], []]);
    const [accused] = condemned;
    assert.equal(condemned.length, 1, "once");
    assert.ok(accused?.lie.type === "fold");
    assert.deepEqual([accused.number, accused.hash, accused.lie.case.index], [1, world.hash, 2]);
    const accusation = foldAccusation(crypto, accused.lie, ({ sequence }) => SEGMENTS[sequence - 1]!);
    assert.ok(accusation.type === "fold");
    assert.deepEqual(accusation.proof.last.header, SEGMENTS[2]!.header);
    assert.deepEqual(accusation.proof.before.memoryRoot, world.stated[1]);
    assert.deepEqual(accusation.proof.stated.memoryRoot, world.stated[2]);
    assert.ok(accusation.proof.openings.length > 0);
  });

  test("nobody is asked where the committed roots tell: a memory root that is not the end of a true trace", () => {
    world = worker({ memoryRoot: LIE });
    const { asked, condemned } = run(world, honest);
    assert.deepEqual(asked, []);
    assert.equal(condemned[0]?.lie.type, "end");
  });

  test("a trace of another length than there are segments", () => {
    for (const trace of [
      (truth: readonly Bytes[]) => truth.slice(0, 3),
      (truth: readonly Bytes[]) => [...truth, LIE, LIE],
    ]) {
      world = worker({ trace });
      const { lie } = run(world, honest).condemned[0] ?? {};
      assert.ok(lie?.type === "count");
      assert.equal(lie.index, Math.min(world.stated.length, SEGMENTS.length));
    }
    world = worker({ segmentCount: SEGMENTS.length + 1 });
    assert.equal(run(world, honest).condemned[0]?.lie.type, "count");
  });

  test("what holds is not accused, and neither is what is final", () => {
    world = worker({});
    assert.deepEqual(run(world, honest).condemned, []);
    world = worker({ trace: falseFrom(2) }, { final: 1 });
    assert.deepEqual(run(world, honest), { asked: [], condemned: [], unserved: [], shown: [], faults: [] });
  });

  test("from another peer where one falls silent, has it not, or says something else", () => {
    const others = world.stated.map((root, i) => (i === 4 ? LIE : root));
    for (const end of ["silence", undefined, others] as const) {
      world = worker({ trace: falseFrom(2) });
      const peers = new Set<string>();
      const { condemned, faults } = run(world, (peer) => (peers.add(peer).size === 1 ? end : world.stated));
      assert.equal(peers.size, 2);
      assert.equal(condemned.length, 1);
      assert.deepEqual(faults, end === others ? [`bad_root of ${[...peers][0]}`] : []);
    }
  });

  test("L8 no more leaves are taken than the tree has room for", () => {
    const endless = Array<Bytes>(2 ** 16 + 2).fill(LIE);
    const { asked, faults } = run(world, (peer) => (peer === toHex(PEERS[0]!) ? endless : undefined), 200, 4096);
    assert.equal(asked.filter(({ peer }) => peer === toHex(PEERS[0]!)).length, 17);
    assert.deepEqual(faults, [`bad_root of ${toHex(PEERS[0]!)}`]);
  });

  test("that nobody serves it is said whenever everybody was asked, ever more rarely", () => {
    world = worker({ trace: (truth) => [...truth, truth.at(-1) as Bytes] });
    const { asked, condemned, unserved, shown } = run(world, () => undefined, 60_000);
    assert.deepEqual(condemned, []);
    assert.deepEqual([...new Set(shown)], [SEGMENTS.length - 1], "all are right, as the siblings of the last say");
    assert.ok(unserved.length >= 4 && unserved.length < 12, String(unserved));
    assert.equal(asked.length, unserved.length * PEERS.length);
    const waits = unserved.slice(1).map((at, i) => at - unserved[i]!);
    assert.deepEqual(
      waits,
      waits.toSorted((a, b) => a - b),
    );
    assert.equal(run(world, honest, 120_000).condemned.length, 1, "it is not too late");
  });

  test("what no peer serves is asked for on the chain, entry by entry, once patience is over", () => {
    const { condemned, unserved, shown } = run(world, () => undefined, 8_000);
    assert.equal(unserved.length, 3);
    assert.deepEqual(shown, [4, 1, 2]);
    const [{ lie } = assert.fail()] = condemned;
    assert.ok(lie.type === "fold" && lie.case.index === 2);
    assert.deepEqual(lie, run(worker({ trace: falseFrom(2) }), honest).condemned[0]?.lie, "the same as by its trace");
    world = worker({ trace: falseFrom(2), memoryRoot: LIE });
    assert.equal(run(world, () => undefined, 8_000).condemned[0]?.lie.type, "end");
  });

  test("again when the chain is read anew, and after a restart also when it had fallen before", () => {
    assert.equal(run(world, honest).condemned.length, 1);
    world.witness.reset();
    assert.equal(run(world, honest).condemned.length, 1);
    world = worker({ trace: falseFrom(2) }, { fallen: true });
    assert.equal(run(world, honest).condemned.length, 1);
  });

  test("whoever holds with a checkpoint serves its trace, and nobody another", () => {
    const page = ({ replica, consensus, hash }: World, changes = {}) =>
      new StatedLeaves(replica, consensus).page({ number: 1, hash, tree: "trace", first: 1, ...changes });
    assert.equal(page(world), undefined, "it says something else here");
    world = worker({});
    assert.deepEqual(page(world), { leaves: world.stated.slice(1), more: false });
    assert.equal(page(world, { hash: hashOf("another") }), undefined);
    assert.equal(page(world, { number: 2 }), undefined);
  });
});

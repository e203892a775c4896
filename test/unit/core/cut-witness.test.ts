import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Bytes, toHex, Writer } from "../../../offchain/core/bytes.ts";
import { type Checkpoint, checkpointHash } from "../../../offchain/core/checkpoint.ts";
import { Cut, type CutEntry, checkpointOf, encodeEntry } from "../../../offchain/core/cut.ts";
import { CutWitness, LATE_MS } from "../../../offchain/core/cut-witness.ts";
import { Errands } from "../../../offchain/core/errands.ts";
import type { Effect } from "../../../offchain/core/events.ts";
import type { Following } from "../../../offchain/core/following.ts";
import { writeHeader } from "../../../offchain/core/header.ts";
import { ListTree } from "../../../offchain/core/list-tree.ts";
import type { Memories } from "../../../offchain/core/memories.ts";
import { RefusedSegments } from "../../../offchain/core/refused.ts";
import type { RegistryEvent } from "../../../offchain/core/registry.ts";
import { StatedLeaves } from "../../../offchain/core/stated-leaves.ts";
import type { StatedTree } from "../../../offchain/core/stated-tree.ts";
import { leafHash, TREE } from "../../../offchain/core/tree.ts";
import { heldSegments } from "../../../offchain/core/views.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import {
  feed,
  foundingEvents,
  type Keys,
  numbered,
  operatorAt,
  type Sealed,
  setOf,
  TrackWriter,
  writeSegments,
} from "../../helpers/core.ts";
import { advanceOf, commitAlone, nodeOf } from "../../helpers/mesh.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
const EVENTS = foundingEvents(members);
const CONVICTED = numbered(
  [{ kind: "convicted", operator: members[1].operator, set: setOf([members[0], members[2], members[3]]) }],
  EVENTS.at(-1) as RegistryEvent,
);

type Change = {
  entries?: (truth: readonly CutEntry[]) => CutEntry[];
  checkpoint?: Partial<Checkpoint>;
  /** Leaves of the segments tree. */
  segments?: (truth: readonly Bytes[]) => readonly Bytes[];
  events?: readonly RegistryEvent[];
  /** Whether what is new is held. */
  held?: boolean;
};

/** A worker that knows a first checkpoint, and a second one that the chain took, with what is changed of the truth. */
function worker({ entries, checkpoint, segments, events = [], held = true }: Change) {
  const node = nodeOf(members[0], EVENTS);
  const { replica, consensus } = node;
  const writers = [members[1], members[2], members[3]].map((keys) => new TrackWriter(keys)) as TrackWriter[];
  const [going, staying, fresh] = writers as [TrackWriter, TrackWriter, TrackWriter];
  feed(replica, [...writeSegments(going, 2), ...writeSegments(staying, 2)]);
  commitAlone(
    node,
    [...replica.tracks.values()].map((track) => advanceOf(track)),
  );
  const added = [...writeSegments(going, 2, 1), ...writeSegments(fresh, 2)];
  const liar = nodeOf(members[0], EVENTS);
  feed(liar.replica, [...segmentsOf(writers), ...added]);
  for (const event of events) replica.step({ type: "registry", event });

  const { latest, next } = consensus;
  const parent = { ...latest, cut: latest.cut as Cut, memories: latest.memories as Memories, next };
  const tracks = [...liar.replica.tracks.values()].filter(({ key }) => key.operator !== staying.keys.operator);
  const cut = parent.cut.extend(
    crypto,
    tracks.map((track) => advanceOf(track)),
    () => false,
  );
  const truth = checkpointOf(crypto, parent, cut, replica.registry, heldSegments(liar.replica)).checkpoint;
  const shown = entries ? Cut.of(crypto, entries(cut.entries)) : cut;
  const hashes = [...cut.segmentsSince(parent.cut)].map((at) => heldSegments(liar.replica).hashAt(at, at.sequence));
  const headers = new Map(
    added.map(({ header, hash }) => [toHex(hash), writeHeader(new Writer(), header).done()] as const),
  );
  const leaves = (segments?.(hashes) ?? hashes).map((hash) => leafHash(crypto, TREE.segments, hash));
  const segmentsRoot = new ListTree(crypto, TREE.segments, leaves).root;
  const told = { ...truth, cutRoot: shown.root, segmentsRoot, ...checkpoint };
  const hash = checkpointHash(crypto, replica.separator, told);
  consensus.commit(told, hash);
  consensus.learnCut(2, shown.entries);
  if (held) feed(replica, added);
  let ids = 0;
  const errands = new Errands(replica, () => ++ids);
  for (const { operator } of members.slice(1)) errands.peer(operator, true);
  const witness = new CutWitness(replica, consensus, { final: 0 } as Following, errands, new RefusedSegments());
  const served = (segments?.(hashes) ?? hashes).map((hash) => headers.get(toHex(hash)) as Bytes);
  return { ...node, added, hash, served, errands, witness };
}

/** Segments that writers have sealed before, written again. */
function segmentsOf(writers: readonly TrackWriter[]): Sealed[] {
  return writers.slice(0, 2).flatMap(({ keys }) => writeSegments(new TrackWriter(keys), 2));
}

function provenBy(effects: readonly Effect[]): string | undefined {
  const [effect, ...more] = effects;
  assert.deepEqual(more, []);
  return effect?.type === "condemn" && effect.lie.type === "cut" ? effect.lie.proof.functionName : effect?.type;
}

/** More segments than anybody could walk. */
const LEAP = 2 ** 40;

const withEntry = (slot: number, change: Partial<CutEntry>) => (truth: readonly CutEntry[]) =>
  truth.map((entry, i) => (i === slot ? { ...entry, ...change } : entry));

describe("who attests to a false cut is brought to court", () => {
  test("a true one is looked at and believed", () => {
    const { witness, consensus } = worker({});
    assert.deepEqual(witness.tick(0), []);
    assert.ok(consensus.views.of(consensus.latest));
  });

  const nothing = (of: CutEntry): CutEntry => ({
    ...of,
    incarnation: new Uint8Array(16).fill(255),
    sequence: 0,
    first: 4,
  });
  const lies: [string, Change][] = [
    ["proveEntry", { entries: withEntry(0, { ended: true }) }],
    ["proveEntry", { entries: withEntry(1, { sequence: 1 }) }],
    [
      "proveEntry",
      { entries: (truth) => [...truth, nothing(truth.at(-1) as CutEntry)], checkpoint: { entryCount: 4 } },
    ],
    ["proveFirst", { entries: withEntry(1, { first: 7 }) }],
    ["proveFirst", { checkpoint: { segmentCount: 3 } }],
    ["proveFirst", { entries: withEntry(0, { sequence: LEAP }) }],
    ["proveFirst", { entries: withEntry(2, { sequence: LEAP }) }],
    ["proveCount", { checkpoint: { entryCount: 4 } }],
    ["proveConvicted", { events: CONVICTED }],
  ];
  for (const [nth, [functionName, change]] of lies.entries())
    test(`a false one is shown by ${functionName}, once, and nothing is built on it (${nth})`, () => {
      const { witness, consensus, hash } = worker(change);
      consensus.views.of(consensus.latest); // may be believed until it is looked at
      const effects = witness.tick(0);
      assert.equal(provenBy(effects), functionName);
      assert.ok(effects[0]?.type === "condemn");
      assert.deepEqual([effects[0].number, effects[0].hash], [2, hash]);
      assert.deepEqual(witness.tick(10_000), []);
      assert.equal(consensus.views.of(consensus.latest), undefined);
      assert.equal(consensus.propose(), undefined);
      witness.reset();
      assert.equal(provenBy(witness.tick(20_000)), functionName, "again when the chain is read anew");
    });

  test("a leap is counted and not walked, and shown whether or not anything is held", () => {
    const { witness, consensus } = worker({ entries: withEntry(2, { sequence: LEAP }), held: false });
    assert.equal(provenBy(witness.tick(0)), "proveFirst");
    assert.equal(consensus.views.of(consensus.latest), undefined);
  });

  const REVERSED: Change = { segments: (truth) => truth.toReversed() };

  /** Answers as each peer does, a page of two after the other; says what came of it. */
  function run(
    { witness, errands }: ReturnType<typeof worker>,
    serve: (nth: number) => readonly Bytes[] | undefined,
    until = 4_000,
  ) {
    const peers: string[] = [];
    const out: Effect[] = [];
    const take = (effects: readonly Effect[], now: number): void => {
      for (const effect of effects) {
        if (effect.type !== "ask") out.push(effect);
        const errand = effect.type === "ask" ? errands.get(effect.id) : undefined;
        if (errand?.kind !== "tree") continue;
        const peer = toHex(errand.peer);
        if (!peers.includes(peer)) peers.push(peer);
        const leaves = serve(peers.indexOf(peer));
        errands.done(errand);
        const { first } = errand;
        const page = leaves && { leaves: leaves.slice(first, first + 2), more: first + 2 < leaves.length };
        take(witness.take(errand, page, now), now);
      }
    };
    for (let now = 0; now < until; now += 200) take(witness.tick(now), now);
    return out;
  }

  test("other segments than those that lead to its heads: its attesters are asked which they are", () => {
    const world = worker(REVERSED);
    assert.equal(provenBy(run(world, () => world.served)), "provePlace");
    assert.equal(world.consensus.views.of(world.consensus.latest), undefined);
  });

  test("whoever has not got them, or says something else, is passed over", () => {
    const world = worker(REVERSED);
    const [fault, ...rest] = run(world, (nth) => [undefined, world.served.toReversed(), world.served][nth]);
    assert.ok(fault?.type === "fault" && fault.error.code === "bad_root");
    assert.equal(provenBy(rest), "provePlace");
  });

  test("that nobody serves them is said", () => {
    const [effect, ...more] = run(worker(REVERSED), () => undefined);
    assert.ok(effect?.type === "unserved" && effect.tree === "segments");
    assert.ok(more.every(({ type }) => type === "unserved"));
  });

  test("whoever holds with a checkpoint serves its headers, and nobody another", () => {
    const page = ({ replica, consensus, hash }: ReturnType<typeof worker>) =>
      new StatedLeaves(replica, consensus).page({ number: 2, hash, tree: "segments", first: 1 });
    const honest = worker({});
    assert.deepEqual(page(honest), { leaves: honest.served.slice(1), more: false });
    assert.equal(page(worker(REVERSED)), undefined);
    assert.equal(page(worker({ held: false })), undefined);
    assert.equal(page(worker({ entries: withEntry(2, { sequence: LEAP }) })), undefined);
  });

  test("L8 headers are worked out once; entries, which are at hand, are not kept as leaves too", () => {
    const { replica, consensus, hash } = worker({});
    const stated = new StatedLeaves(replica, consensus);
    const at = (tree: StatedTree) => stated.page({ number: 2, hash, tree, first: 1 });
    assert.equal(at("segments")?.leaves[0], at("segments")?.leaves[0]);
    assert.deepEqual(at("entries"), { leaves: consensus.latest.cut?.entries.slice(1).map(encodeEntry), more: false });
    assert.notEqual(at("entries")?.leaves[0], at("entries")?.leaves[0]);
  });

  test("what is not held yet is waited for", () => {
    const { witness, replica, added } = worker({ held: false, ...REVERSED });
    assert.deepEqual(witness.tick(0), []);
    feed(replica, added);
    assert.deepEqual(witness.tick(100), [], "not looked at all the time");
    assert.equal(provenBy(witness.tick(400)), "ask");
  });

  test("what is late is asked for as its headers, which show a lie, and nobody is suspected who does not serve them", () => {
    const late = { held: false };
    const world = worker({ ...late, ...REVERSED });
    assert.deepEqual(
      run(world, () => world.served, LATE_MS),
      [],
    );
    assert.equal(provenBy(run(world, () => world.served, LATE_MS + 1_000)), "provePlace");
    assert.equal(world.consensus.views.of(world.consensus.latest), undefined);
    assert.deepEqual(
      run(worker({ ...late, ...REVERSED }), () => undefined, LATE_MS + 4_000),
      [],
    );
    const honest = worker(late);
    let served = 0;
    const serve = () => {
      served += 1;
      return honest.served;
    };
    assert.deepEqual(run(honest, serve, LATE_MS + 4_000), []);
    assert.equal(served, 2, "two pages, once");
    feed(honest.replica, honest.added);
    assert.deepEqual(honest.witness.tick(LATE_MS + 5_000), []);
    assert.ok(honest.consensus.views.of(honest.consensus.latest));
  });
});

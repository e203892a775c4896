import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Bytes } from "../../../offchain/core/bytes.ts";
import { type Checkpoint, checkpointHash } from "../../../offchain/core/checkpoint.ts";
import { Cut, type CutEntry, checkpointOf } from "../../../offchain/core/cut.ts";
import { CutWitness } from "../../../offchain/core/cut-witness.ts";
import type { Effect } from "../../../offchain/core/events.ts";
import type { Following } from "../../../offchain/core/following.ts";
import { ListTree } from "../../../offchain/core/list-tree.ts";
import type { Memories } from "../../../offchain/core/memories.ts";
import type { RegistryEvent } from "../../../offchain/core/registry.ts";
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
  const leaves = (segments?.(hashes) ?? hashes).map((hash) => leafHash(crypto, TREE.segments, hash));
  const segmentsRoot = new ListTree(crypto, TREE.segments, leaves).root;
  const told = { ...truth, cutRoot: shown.root, segmentsRoot, ...checkpoint };
  const hash = checkpointHash(crypto, replica.separator, told);
  consensus.commit(told, hash);
  consensus.learnCut(2, shown.entries);
  if (held) feed(replica, added);
  const witness = new CutWitness(replica, consensus, { final: 0 } as Following);
  return { ...node, added, hash, witness };
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

const withEntry = (slot: number, change: Partial<CutEntry>) => (truth: readonly CutEntry[]) =>
  truth.map((entry, i) => (i === slot ? { ...entry, ...change } : entry));

describe("who attests to a false cut is brought to court", () => {
  test("a true one is looked at and believed", () => {
    const { witness, consensus } = worker({});
    assert.deepEqual(witness.tick(0), []);
    assert.ok(consensus.views.of(consensus.latest));
  });

  const lies: Record<string, Change> = {
    proveEntry: { entries: withEntry(0, { ended: true }) },
    proveFirst: { entries: withEntry(1, { first: 7 }) },
    proveCount: { checkpoint: { segmentCount: 3 } },
    proveConvicted: { events: CONVICTED },
  };
  for (const [functionName, change] of Object.entries(lies))
    test(`a false one is shown by ${functionName}, once, and nothing is built on it`, () => {
      const { witness, consensus, hash } = worker(change);
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

  test("other segments than those that lead to its heads: nothing shows it until somebody serves what they are", () => {
    const { witness, consensus } = worker({ segments: (truth) => truth.toReversed() });
    const [effect] = witness.tick(0);
    assert.ok(effect?.type === "unserved" && effect.tree === "segments");
    assert.equal(consensus.views.of(consensus.latest), undefined);
  });

  test("what is not held yet is waited for", () => {
    const { witness, replica, added } = worker({ held: false, segments: (truth) => truth.toReversed() });
    assert.deepEqual(witness.tick(0), []);
    feed(replica, added);
    assert.deepEqual(witness.tick(100), [], "not looked at all the time");
    assert.equal(provenBy(witness.tick(400)), "unserved");
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Checkpoint, genesisCheckpoint } from "../../../offchain/core/checkpoint.ts";
import { Checkpoints } from "../../../offchain/core/checkpoints.ts";
import { Cut } from "../../../offchain/core/cut.ts";
import { Memories } from "../../../offchain/core/memories.ts";
import { Track } from "../../../offchain/core/track.ts";
import { Views } from "../../../offchain/core/views.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { wrongPaths } from "../../helpers/audited.ts";
import { audit, events, genesis, make, members, REGISTRY } from "../../helpers/audited-world.ts";
import { feed, hashOf, replicaOf, SEPARATOR, type Sealed, TrackWriter, writeSegments } from "../../helpers/core.ts";
import { Made } from "../../helpers/made.ts";
import { nodeOf } from "../../helpers/mesh.ts";

const NOTHING = Memories.empty(crypto).root;

/** Checkpoints with these memory roots, one after another, whose cuts nobody has shown. */
function committed(...roots: Uint8Array[]) {
  const genesis = genesisCheckpoint(crypto, hashOf("registry"));
  const cut = Cut.empty(crypto);
  const checkpoints = new Checkpoints(crypto, () => ({
    ...{ checkpoint: genesis, hash: hashOf("0"), parent: 0 },
    ...{ cut, memories: Memories.empty(crypto) },
  }));
  for (const [i, memoryRoot] of roots.entries()) {
    const { latest } = checkpoints;
    const checkpoint: Checkpoint = { ...genesis, number: i + 1, parent: latest.hash, memoryRoot };
    checkpoints.commit(checkpoint, hashOf(`${i + 1}`));
  }
  return { checkpoints, views: new Views(replicaOf(members[0], events), checkpoints) };
}

test("where nothing was learnt, nothing needs to be held to know the memories", () => {
  const { checkpoints, views } = committed(NOTHING, NOTHING, NOTHING);
  assert.deepEqual(views.of(checkpoints.latest)?.root, NOTHING);
});

test("what nothing was held of is compared once it is, also where nothing was learnt", () => {
  const said = make(genesis, writeSegments(new TrackWriter(members[1]), 2));
  for (const trace of [[hashOf("a lie"), NOTHING], [NOTHING], [NOTHING, NOTHING, NOTHING], said.trace]) {
    const made = new Made(SEPARATOR, genesis, said, REGISTRY, { trace });
    const { replica, consensus } = nodeOf(members[0], events);
    const isWrong = () => {
      const memories = consensus.views.of(consensus.latest);
      assert.equal(memories === undefined, consensus.views.isWrong(consensus.latest));
      return memories === undefined;
    };
    consensus.commit(made.checkpoint, made.hash);
    assert.equal(isWrong(), false, "nobody can tell");
    consensus.learnCut(1, made.entries);
    assert.equal(isWrong(), false);
    feed(replica, said.segments);
    assert.equal(isWrong(), trace !== said.trace);
  }
});

test("what is from before everything that is held is not compared any more", () => {
  const writer = new TrackWriter(members[1]);
  const first = make(genesis, writeSegments(writer, 2));
  const made = make(first, writeSegments(writer, 1));
  const { replica, consensus } = nodeOf(members[0], events);
  const { sequence, head } = first.entries[0]!;
  replica.replace(new Track(crypto, writer.track, { sequence, head }));
  for (const one of [first, made]) {
    consensus.commit(one.checkpoint, one.hash);
    consensus.learnCut(one.checkpoint.number, one.entries);
    consensus.views.of(consensus.latest);
  }
  const known = () => [1, 2].map((number) => consensus.committed(number)?.memories !== undefined);
  assert.deepEqual(known(), [true, false]);
  feed(replica, made.segments);
  assert.ok(consensus.views.of(consensus.latest));
  assert.deepEqual(known(), [true, true]);
});

test("false memories on which others were built before anything was held are brought to court", () => {
  const tracks = [1, 2].map((i) => new TrackWriter(members[i]!)) as [TrackWriter, TrackWriter];
  const said = make(genesis, writeSegments(tracks[0], 2));
  const wrong = new Made(SEPARATOR, genesis, said, REGISTRY, { trace: [hashOf("a lie"), NOTHING] });
  const next = make(wrong, writeSegments(tracks[1], 2));
  const later = (segment: Sealed, nth: number) =>
    nth > 20 || said.segments.indexOf(segment) < 0 ? segment : undefined;
  const world = audit({ onChain: true, segment: later }).take(wrong).read(next);
  const [{ number, lie } = assert.fail(), ...more] = world.misremembered;
  assert.deepEqual([number, lie.type, more], [1, "fold", []]);
  const trial = { onChain: true, path: wrongPaths[1] };
  assert.deepEqual(audit(trial).read(wrong).misremembered, [], "what is shown with another path is passed over");
});

test("a memory that is said to be gone is not believed by who cannot see why", () => {
  const { checkpoints, views } = committed(NOTHING, hashOf("some"), NOTHING);
  assert.equal(views.of(checkpoints.latest), undefined);
  assert.equal(views.isWrong(checkpoints.latest), false, "nor is it known to be wrong");
});

test("memories are lost where a cut on the way to them is not owed any more, and nobody need have it", () => {
  const { checkpoints, views } = committed(hashOf("some"), hashOf("more"), hashOf("most"));
  for (const number of [2, 3]) checkpoints.learnCut(number, []);
  assert.equal(views.isLost(checkpoints.latest, 0), false);
  assert.equal(views.isLost(checkpoints.latest, 1), false, "that of 1 may still come");
  assert.equal(views.isLost(checkpoints.latest, 2), true);
});

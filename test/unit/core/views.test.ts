import assert from "node:assert/strict";
import { test } from "node:test";
import { type Checkpoint, genesisCheckpoint } from "../../../offchain/core/checkpoint.ts";
import { Checkpoints } from "../../../offchain/core/checkpoints.ts";
import { Cut } from "../../../offchain/core/cut.ts";
import { Memories } from "../../../offchain/core/memories.ts";
import { Views } from "../../../offchain/core/views.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { foundingEvents, hashOf, operatorAt, replicaOf } from "../../helpers/core.ts";

const members = [0, 1, 2, 3].map(operatorAt);
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
  return { checkpoints, views: new Views(replicaOf(members[0]!, foundingEvents(members)), checkpoints) };
}

test("where nothing was learnt, nothing needs to be held to know the memories", () => {
  const { checkpoints, views } = committed(NOTHING, NOTHING, NOTHING);
  assert.deepEqual(views.of(checkpoints.latest)?.root, NOTHING);
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

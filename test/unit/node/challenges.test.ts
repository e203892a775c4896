import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Challenge } from "../../../offchain/chain/answerer.ts";
import type { Asked, Opening } from "../../../offchain/core/availability.ts";
import { equal, Writer } from "../../../offchain/core/bytes.ts";
import type { Checkpoint } from "../../../offchain/core/checkpoint.ts";
import { KEPT_CUTS } from "../../../offchain/core/checkpoints.ts";
import { encodeEntries } from "../../../offchain/core/cut.ts";
import { headerHash } from "../../../offchain/core/header.ts";
import { memorySlot } from "../../../offchain/core/memories.ts";
import { memoryId } from "../../../offchain/core/memory-definition.ts";
import { leafHash, rootOf, TREE } from "../../../offchain/core/tree.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { Archive } from "../../../offchain/node/archive.ts";
import { Challenges } from "../../../offchain/node/challenges.ts";
import { hashOf, MEMORY, requestOf, SEPARATOR, TrackWriter } from "../../helpers/core.ts";
import { members, StoredWorker } from "./stored.ts";

/** S7: what was committed is served for the retention time, from what is on disk, also where no view of it is kept. */

const OLD = 2;
const LATEST = KEPT_CUTS + 8;
const slot = memorySlot(memoryId(crypto, MEMORY));
let worker: StoredWorker;

before(() => {
  worker = new StoredWorker();
  const writer = new TrackWriter(members[1]);
  for (let number = 1; number <= LATEST; number++) {
    const turn = writer.open(requestOf([1, 2], { nonce: hashOf(`asked ${number}`) })).tokens("given", [1, 2]);
    turn.tokens("written", [number, 5]).learn(2, 2);
    const taught = writer.seal();
    turn.close();
    worker.time += 1;
    worker.hold(taught, writer.seal());
    worker.commit(worker.propose());
  }
});
after(() => worker.end());

function challenges() {
  const { protocol, store } = worker;
  return new Challenges({ protocol, archive: new Archive(crypto, protocol.consensus, store), store });
}

const committed = (number: number) => worker.protocol.consensus.committed(number) ?? assert.fail();

function open(number: number, asked: Asked, hash = committed(number).hash) {
  const challenge: Challenge = {
    kind: "challenged",
    id: "0x",
    number,
    hash,
    asked,
    deadline: 0,
    block: 0,
    logIndex: 0,
  };
  return challenges().open(challenge);
}

/** Does the checkpoint say so? */
function proves({ segmentsRoot, cutRoot, memoryRoot, memoryTraceRoot }: Checkpoint, path: Asked["path"], of: Opening) {
  const at = path.at(-1) as number;
  switch (of.kind) {
    case "entry":
      return equal(
        rootOf(crypto, TREE.cut, leafHash(crypto, TREE.cut, encodeEntries([of.entry]).slice(4)), at, of.proof),
        cutRoot,
      );
    case "segment": {
      const leaf = leafHash(crypto, TREE.segments, headerHash(crypto, SEPARATOR, of.header));
      return equal(rootOf(crypto, TREE.segments, leaf, at, of.proof), segmentsRoot);
    }
    case "trace": {
      const leaf = leafHash(crypto, TREE.memoryTrace, of.memoryRoot);
      return equal(rootOf(crypto, TREE.memoryTrace, leaf, at, of.proof), memoryTraceRoot);
    }
    case "memory": {
      const leaf = leafHash(crypto, TREE.memory, new Writer().fixed(of.id, 32).fixed(of.rowsRoot, 32).done());
      return equal(rootOf(crypto, TREE.memory, leaf, at, of.proof), memoryRoot);
    }
    default:
      return true;
  }
}

const ASKED: Asked[] = [
  { kind: "entry", path: [0] },
  { kind: "segment", path: [1] },
  { kind: "trace", path: [1] },
  { kind: "memory", path: [2, slot] },
  { kind: "snapshot", path: [0, 2] },
  { kind: "context", path: [0, 2] },
  { kind: "row", path: [1, slot, 0] },
  { kind: "tile", path: [1, slot, 0, 1] },
];

for (const when of ["at once", "after a restart"])
  test(`every kind is opened of a late checkpoint and of an old one, ${when}`, async () => {
    if (when !== "at once") worker.restart();
    assert.equal(worker.protocol.consensus.memoriesAt(OLD), undefined, "no view is kept of it");
    for (const number of [OLD, LATEST])
      for (const asked of ASKED) {
        const opening = await open(number, asked);
        if (opening.kind === "unavailable") assert.fail(`${asked.kind} of ${number}: ${opening.reason}`);
        assert.equal(opening.kind, asked.kind);
        assert.ok(proves(committed(number).checkpoint, asked.path, opening), `${asked.kind} of ${number}`);
      }
  });

test("nothing is opened of a checkpoint that is not on record", async () => {
  const other = await open(OLD, { kind: "entry", path: [0] }, hashOf("another"));
  assert.deepEqual(other, { kind: "unavailable", reason: "the checkpoint is not on record here" });
});

test("it knows what it attested to", () => {
  const { hash } = committed(OLD);
  worker.store.write([{ type: "attested", number: OLD, hash }]);
  assert.equal(challenges().attested(OLD, hash), true);
  assert.equal(challenges().attested(OLD, hashOf("another")), false);
});

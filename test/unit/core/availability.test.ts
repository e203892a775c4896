import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Asked, type Content, openingOf, type Unavailable } from "../../../offchain/core/availability.ts";
import { equal } from "../../../offchain/core/bytes.ts";
import { KEPT_CUTS } from "../../../offchain/core/checkpoints.ts";
import { Cut } from "../../../offchain/core/cut.ts";
import { memorySlot } from "../../../offchain/core/memories.ts";
import { memoryId } from "../../../offchain/core/memory-definition.ts";
import { PastMemories } from "../../../offchain/core/past-memories.ts";
import { heldSegments } from "../../../offchain/core/views.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { feed, foundingEvents, MEMORY, operatorAt, requestOf, TrackWriter } from "../../helpers/core.ts";
import { advanceOf, commitAlone, nodeOf, type Peer } from "../../helpers/mesh.ts";

const ROUNDS = KEPT_CUTS + 8;
const keys = operatorAt(0);
const other = { ...MEMORY, salt: new Uint8Array(32).fill(7) };

/** One worker whose turn learns a token with every checkpoint, now into one memory and now into another. */
function taught() {
  const node = nodeOf(keys, foundingEvents([keys]));
  const writer = new TrackWriter(keys);
  const turn = writer.open(requestOf([1, 2, 3], { maxLength: 1000 })).tokens("given", [1, 2, 3]);
  const cuts = new Map([[0, Cut.empty(crypto)]]);
  for (let round = 0; round < ROUNDS; round++) {
    turn.tokens("written", [round % 5]);
    turn.learn(turn.context.length - 1, 1, { memory: round % 3 === 0 ? other : MEMORY });
    feed(node.replica, [writer.seal()]);
    const [track] = node.replica.tracks.values();
    if (track) commitAlone(node, [advanceOf(track)]);
    cuts.set(round + 1, node.consensus.latest.cut as Cut);
  }
  return { node, cuts };
}

function done<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

const pastOf = ({ replica, consensus }: Peer, cuts: ReadonlyMap<number, Cut>) =>
  new PastMemories(replica, consensus, (number) => cuts.get(number));

describe("memories of old checkpoints", () => {
  test("are those of later ones without what was learnt since, at every number", () => {
    const { node, cuts } = taught();
    const { consensus } = node;
    assert.equal(consensus.memoriesAt(2), undefined, "no view is kept of it");
    for (const number of [2, 7, 3, 1, ROUNDS - 1, ROUNDS]) {
      const memories = done(pastOf(node, cuts).at(number));
      assert.deepEqual(memories?.root, consensus.committed(number)?.checkpoint.memoryRoot, `checkpoint ${number}`);
    }
  });

  test("are not known where a cut, or a segment, is not held any more", () => {
    const { node, cuts } = taught();
    const lacking = new Map(cuts);
    lacking.delete(4);
    assert.equal(done(pastOf(node, lacking).at(2)), undefined);
    assert.ok(done(pastOf(node, lacking).at(6)));
    const gone = nodeOf(keys, foundingEvents([keys]));
    assert.equal(done(pastOf({ ...node, replica: gone.replica }, cuts).at(2)), undefined);
  });
});

describe("what is asked for", () => {
  const { node, cuts } = taught();
  const { replica, consensus } = node;
  const contentOf = (number: number, change: Partial<Content> = {}): Content => ({
    checkpoint: consensus.committed(number)?.checkpoint ?? assert.fail(),
    cut: cuts.get(number),
    parent: cuts.get(number - 1),
    segments: heldSegments(replica),
    segmentAt: () => undefined,
    runAt: (track, place) => replica.track(track)?.runAt(place),
    memories: done(pastOf(node, cuts).at(number - 1)),
    ...change,
  });
  const slot = memorySlot(memoryId(crypto, MEMORY));
  const reasonOf = (content: Content, asked: Asked) => {
    const { kind, reason } = openingOf(crypto, content, asked) as Unavailable;
    assert.equal(kind, "unavailable");
    return reason;
  };

  test("is shown of an old checkpoint as of a late one", () => {
    for (const number of [3, ROUNDS]) {
      const { checkpoint } = contentOf(number);
      const trace = openingOf(crypto, contentOf(number), { kind: "trace", path: [0] });
      assert.ok(trace.kind === "trace" && equal(trace.memoryRoot, checkpoint.memoryRoot));
      assert.equal(openingOf(crypto, contentOf(number), { kind: "memory", path: [1, slot] }).kind, "memory");
    }
  });

  test("what is not held is a value that says so", () => {
    assert.match(reasonOf(contentOf(3, { cut: undefined }), { kind: "entry", path: [0] }), /cut/);
    assert.match(reasonOf(contentOf(3, { parent: undefined }), { kind: "segment", path: [0] }), /cut/);
    assert.match(reasonOf(contentOf(3), { kind: "snapshot", path: [0, 0] }), /segment/);
    assert.match(reasonOf(contentOf(3), { kind: "segment", path: [9] }), /segment/);
    assert.match(reasonOf(contentOf(3, { memories: undefined }), { kind: "trace", path: [0] }), /memory/);
    assert.match(reasonOf(contentOf(3, { runAt: () => undefined }), { kind: "context", path: [0, 0] }), /turn/);
    assert.match(reasonOf(contentOf(3), { kind: "row", path: [1, slot - 1, 0] }), /memory/);
  });

  test("a cut that leaps is counted and not walked: nothing of its segments is shown, and no memory before it", () => {
    const leaps = Cut.of(
      crypto,
      (cuts.get(4) as Cut).entries.map((entry) => ({ ...entry, sequence: 2 ** 40 })),
    );
    const content = contentOf(4, { cut: leaps });
    for (const kind of ["segment", "snapshot", "context", "trace", "memory"] as const)
      assert.match(reasonOf(content, { kind, path: [2 ** 39, 0] }), /as many segments/);
    assert.equal(done(pastOf(node, new Map([...cuts, [4, leaps]])).at(3)), undefined);
  });

  test("nothing is shown that the checkpoint does not say: of another memory, trace or fork", () => {
    const { checkpoint } = contentOf(3);
    const later = contentOf(4).checkpoint;
    const says = (change: Partial<typeof checkpoint>) => contentOf(3, { checkpoint: { ...checkpoint, ...change } });
    const { memoryRoot, memoryTraceRoot, segmentsRoot } = later;
    assert.match(reasonOf(says({ memoryRoot }), { kind: "memory", path: [1, slot] }), /memory/);
    assert.match(reasonOf(says({ memoryTraceRoot }), { kind: "trace", path: [0] }), /trace/);
    assert.match(reasonOf(says({ segmentsRoot }), { kind: "context", path: [0, 1] }), /fork/);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { equal } from "../../offchain/core/bytes.ts";
import type { Committed } from "../../offchain/core/checkpoints.ts";
import { trackName } from "../../offchain/core/cut.ts";
import { learn, taughtBy } from "../../offchain/core/fold.ts";
import type { Memories } from "../../offchain/core/memories.ts";
import type { MemoryDefinition } from "../../offchain/core/memory-definition.ts";
import { COSINE_ONE } from "../../offchain/core/sketch.ts";
import { surveyOf } from "../../offchain/core/survey.ts";
import type { Track } from "../../offchain/core/track.ts";
import {
  equivocation,
  feed,
  hashOf,
  type Keys,
  MEMORY,
  requestOf,
  type Sealed,
  TrackWriter,
  type TurnWriter,
} from "../helpers/core.ts";
import { advanceOf, commitAlone, nodeOf, type Peer } from "../helpers/mesh.ts";
import { EVENTS, LIAR, MEMBERS, runs, SEED } from "./world.ts";

const TAUGHT: readonly MemoryDefinition[] = [
  MEMORY,
  { columns: 200, orders: [3], salt: hashOf("another"), writers: [] },
  { columns: 256, orders: [1, 2], salt: hashOf("its own"), writers: [MEMBERS[0].operator] },
];

const lesson = fc.record({ count: fc.integer({ min: 1, max: 6 }), id: fc.nat({ max: 1 }), memory: fc.nat({ max: 3 }) });
type Lesson = typeof lesson extends fc.Arbitrary<infer L> ? L : never;
const worlds = fc.array(fc.tuple(fc.nat({ max: 2 }), fc.array(lesson, { minLength: 1, maxLength: 6 })), {
  minLength: 1,
  maxLength: 4,
});

/** A track that writes runs of few different ids; what follows most of them teaches one of the memories. */
function teach(keys: Keys, label: string, lessons: readonly Lesson[], story = 0): Sealed[] {
  const writer = new TrackWriter(keys, label);
  let turn: TurnWriter | undefined;
  return lessons.map(({ count, id, memory }, i) => {
    if (id === 0) turn = void turn?.close();
    const given = { nonce: hashOf(`${label} ${i}`), maxLength: 1000 };
    turn ??= writer.open(requestOf([1], given)).tokens("given", [1]);
    const first = turn.context.length;
    turn.tokens(
      "written",
      Array.from({ length: count }, (_, position) => (story + id * position) % 3),
    );
    const definition = TAUGHT[memory];
    if (definition) turn.learn(first, count, { memory: definition });
    return writer.seal();
  });
}

const from = ({ consensus }: Peer, { name }: Track) => consensus.latest.cut?.named(name)?.sequence ?? 0;
const agrees = ({ consensus }: Peer, track: Track) => consensus.latest.cut?.agrees(track) ?? true;
const mayGoOn = (node: Peer, track: Track) =>
  agrees(node, track) &&
  track.sequence > from(node, track) &&
  track.base.sequence <= from(node, track) &&
  !node.replica.evidence.has(track.owner);

/** What the live view has to be, worked out anew: the committed memories and every lesson after them, tracks in any order. */
function expected(node: Peer, order: 1 | -1) {
  const base = node.consensus.latest.memories as Memories;
  let memories = base;
  let liveIncrements = 0;
  const cells = new Set<string>();
  for (const track of [...node.replica.tracks.values()].sort((a, b) => (a.name < b.name ? -order : order)))
    for (let sequence = from(node, track) + 1; sequence <= track.sequence; sequence++) {
      const counts = agrees(node, track) && !node.replica.evidence.has(track.owner);
      const taught = counts ? track.lessonAt(sequence) : undefined;
      if (!taught) continue;
      memories = learn(memories, taught);
      for (const { order, row, column, count } of taughtBy(taught)) {
        liveIncrements += count;
        cells.add([...taught.memory.salt, order, row, column].join());
      }
    }
  const survey = surveyOf(base);
  const cosine = surveyOf(memories).sketch.cosine(survey.sketch);
  const liveCells = cells.size;
  return { memories, figures: { memories: survey.memories, cells: survey.cells, liveIncrements, liveCells, cosine } };
}

function check(node: Peer, order: 1 | -1): void {
  const live = node.consensus.live();
  const { memories, figures } = expected(node, order);
  assert.deepEqual(live.figures, figures);
  assert.equal(live.moved, COSINE_ONE - figures.cosine);
  assert.deepEqual(live.memories?.root, memories.root);
}

const ACTS = "deliver deliver commit commit rewind fork fall reorg again prune prune accuse check check".split(" ");
const script = fc.array(
  fc.record({
    act: fc.constantFrom(...ACTS),
    what: fc.nat(),
    count: fc.nat({ max: 6 }),
  }),
  { minLength: 10, maxLength: 40 },
);

describe(`live memory, seed ${SEED}`, () => {
  test("S1 it is what is committed and heard, whatever comes, goes, falls or is taken back, and ends at what is committed", () => {
    const done = new Map<string, number>();
    let ended = 0;
    fc.assert(
      fc.property(worlds, script, (tracks, steps) => {
        // Two stories of each: what the chain takes back may have been another one.
        const world = tracks.map(([member, lessons], i) =>
          [0, 1].map((story) => teach(MEMBERS[member]!, `track ${i}`, lessons, story)),
        );
        const fell: Committed[] = [];
        const liar = teach(LIAR, "liar", [{ count: 3, id: 1, memory: 0 }]);
        const { a, b } = equivocation(LIAR, "liar, too", 0, 1);
        const node = nodeOf(MEMBERS[0], EVENTS);
        const { replica, consensus } = node;
        feed(replica, liar);
        for (const [i, { act, what, count }] of steps.entries()) {
          const held = [...replica.tracks.values()];
          const track = held[what % held.length] as Track;
          const base = Math.max(from(node, track), track.base.sequence);
          let did = true;
          const told = (segments: readonly Sealed[] = []) => {
            for (const segment of segments) replica.step({ type: "restore", segment, hash: segment.hash });
          };
          if (act === "deliver") told(world[what % world.length]![0]!.slice(0, count));
          else if (act === "fork" && track.sequence > base) {
            replica.rewind(track.key, base);
            told(world.find(([one]) => trackName(one![0]!.header) === track.name)?.[count % 4 ? 1 : 0]);
          } else if (act === "commit" && mayGoOn(node, track))
            commitAlone(node, [advanceOf(track, count % 2 ? base + 1 : track.sequence)]);
          else if (act === "rewind" && track.sequence > base)
            replica.rewind(track.key, Math.max(base, track.sequence - count));
          else if (act === "fall" && consensus.standing.length > 1) {
            const at = Math.max(1, consensus.standing.length - 1 - (count % 3));
            consensus.fell(consensus.standing[at]!, consensus.standing[at - 1]!);
          } else if (act === "reorg") {
            fell.splice(0, fell.length, ...consensus.standing.slice(1).map((number) => consensus.committed(number)!));
            consensus.reset();
          } else if (act === "again" && fell.length > 0) {
            for (const { checkpoint, hash } of fell)
              if (checkpoint.number === consensus.next && equal(checkpoint.parent, consensus.latest.hash))
                consensus.commit(checkpoint, hash);
          } else if (act === "prune" && base > 0) {
            track.prune(base, new Set(), count === 0);
            replica.replace(track);
          } else if (act === "accuse") replica.step({ type: "evidence", evidence: { a: a[0]!, b: b[0]! } });
          else if (act === "check") check(node, i % 2 ? 1 : -1);
          else did = false;
          if (did) done.set(act, (done.get(act) ?? 0) + 1);
        }
        check(node, 1);
        for (const track of replica.tracks.values()) if (mayGoOn(node, track)) commitAlone(node, [advanceOf(track)]);
        const { memoryRoot } = consensus.latest.checkpoint;
        if ([...replica.tracks.values()].some((track) => from(node, track) < track.base.sequence)) return;
        ended += 1;
        assert.deepEqual(consensus.live().memories?.root, memoryRoot);
        assert.deepEqual(consensus.live().figures, {
          ...expected(node, 1).figures,
          liveIncrements: 0,
          liveCells: 0,
          cosine: COSINE_ONE,
        });
      }),
      runs(150),
    );
    assert.ok(ended > 50, `${ended} ended with all that is held committed`);
    assert.ok(
      [...done.values()].every((times) => times > 25) && done.size === new Set(ACTS).size,
      JSON.stringify([...done]),
    );
  });
});

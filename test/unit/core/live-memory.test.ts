import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Cut } from "../../../offchain/core/cut.ts";
import { COSINE_ONE } from "../../../offchain/core/sketch.ts";
import type { Track } from "../../../offchain/core/track.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import {
  beatOf,
  feed,
  foundingEvents,
  hashOf,
  operatorAt,
  requestOf,
  type Sealed,
  TrackWriter,
} from "../../helpers/core.ts";
import { advanceOf, commitAlone, nodeOf, type Peer } from "../../helpers/mesh.ts";

const members = [0, 1, 2, 3].map(operatorAt);
const events = foundingEvents(members);
const node = (): Peer => nodeOf(members[0]!, events);

/** Each segment closes a turn and writes another, which learns two positions. Stories part with the first. */
function lessons(count: number, story = 0): Sealed[] {
  const writer = new TrackWriter(members[1]!, "teaches");
  let turn: ReturnType<TrackWriter["open"]> | undefined;
  return Array.from({ length: count }, (_, i) => {
    turn?.close();
    turn = writer.open(requestOf([1], { nonce: hashOf(`${story} ${i}`) })).tokens("given", [1]);
    turn.tokens("written", [2 + story, 3 + i]).learn(1, 2);
    return writer.seal();
  });
}

const teacher = ({ replica }: Peer): Track => [...replica.tracks.values()][0] as Track;

function restore({ replica }: Peer, segments: readonly Sealed[]): void {
  for (const segment of segments) replica.step({ type: "restore", segment, hash: segment.hash });
}

describe("the live view of memories", () => {
  test("L8 holds what no checkpoint has; a segment is looked at once as it comes and once as it is committed", () => {
    const own = node();
    let looked = 0;
    for (const segment of lessons(20)) {
      feed(own.replica, [segment]);
      const track = teacher(own);
      if (looked === 0) {
        const { lessonAt } = track;
        track.lessonAt = (sequence) => {
          looked += 1;
          return lessonAt.call(track, sequence);
        };
      }
      assert.ok(own.consensus.live().moved > 0);
    }
    assert.equal(looked, 20);
    // Contexts of 1 and 2 tokens, before two positions of which the first has one token before it.
    assert.equal(own.consensus.live().figures?.liveIncrements, 20 * 3);
    commitAlone(own, [advanceOf(teacher(own))]);
    looked = 0;
    const { figures } = own.consensus.live();
    assert.equal(looked, 20);
    assert.deepEqual([figures?.liveIncrements, figures?.liveCells, figures?.cosine], [0, 0, COSINE_ONE]);
    assert.equal(figures?.memories, 1);
    own.consensus.live();
    assert.equal(looked, 20);
  });

  test("what is pruned as soon as it is committed is not counted any more", () => {
    const own = node();
    feed(own.replica, lessons(4));
    assert.ok(own.consensus.live().moved > 0);
    const track = teacher(own);
    commitAlone(own, [advanceOf(track)]);
    assert.equal(track.prune(4, new Set(), true), 4);
    own.replica.replace(track);
    assert.equal(own.consensus.live().figures?.liveIncrements, 0);
  });

  test("of another fork than the one that is committed nothing counts, until that one is here", () => {
    const own = node();
    restore(own, lessons(2, 0));
    commitAlone(own, [advanceOf(teacher(own), 1)]);
    const { checkpoint, hash } = own.consensus.latest;
    own.consensus.reset();
    own.replica.rewind(teacher(own).key, 0);
    restore(own, lessons(3, 1));
    assert.equal(own.consensus.live().figures?.liveIncrements, 3 * 3);
    own.consensus.commit(checkpoint, hash);
    assert.equal(own.consensus.live().figures?.liveIncrements, 0);
    own.replica.rewind(teacher(own).key, 0);
    restore(own, lessons(3, 0));
    assert.equal(own.consensus.live().figures?.liveIncrements, 2 * 3);
  });

  test("a false cut that leaps beyond what is held is not walked", () => {
    const own = node();
    feed(own.replica, lessons(2));
    const cut = own.consensus.latest.cut!.extend(crypto, [advanceOf(teacher(own))], () => false);
    assert.ok(own.consensus.live().moved > 0);
    const leaps = Cut.of(
      crypto,
      cut.entries.map((entry) => ({ ...entry, sequence: 2 ** 40 })),
    );
    const figures = own.replica.live.on({ cut: leaps, memories: own.consensus.latest.memories! }).figures;
    assert.equal(figures?.liveIncrements, 0);
  });

  test("nothing is said while the memories of the latest checkpoint are not known", () => {
    const [own, other] = [node(), node()];
    for (const { replica } of [own, other]) feed(replica, lessons(2));
    commitAlone(own, [advanceOf(teacher(own), 1)]);
    const { checkpoint, hash } = own.consensus.latest;
    other.consensus.commit(checkpoint, hash);
    assert.equal(other.consensus.live().figures, undefined);
    assert.equal(other.consensus.live().moved, 0);
  });

  test("S10 equal heads of which other increments follow are reported", () => {
    const [own, broken] = [node(), nodeOf(members[2]!, events)];
    const writer = new TrackWriter(members[1]!, "teaches");
    const turn = writer
      .open(requestOf([1]))
      .tokens("given", [1])
      .tokens("written", [2, 3]);
    const first = writer.seal();
    turn.tokens("written", [4]).learn(3, 1);
    const second = writer.seal();
    for (const { replica } of [own, broken]) feed(replica, [first]);
    // A bit of its memory has turned: the context of what is learnt next is another one there.
    const [held] = teacher(broken).turns.values();
    held!.runs[1] = { ...held!.runs[1]!, ids: [2, 3 ^ 64] };
    for (const { replica } of [own, broken]) feed(replica, [second]);
    assert.deepEqual(broken.replica.heads.all(), own.replica.heads.all());
    const beat = { type: "beat", from: members[2]!.operator, beat: beatOf(broken.replica), now: 0 } as const;
    assert.deepEqual(
      own.replica.step(beat).map((effect) => effect.type === "fault" && effect.kind),
      ["drift"],
    );
  });
});

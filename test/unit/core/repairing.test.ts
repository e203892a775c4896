import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toHex } from "../../../offchain/core/bytes.ts";
import { trackName } from "../../../offchain/core/cut.ts";
import { Track } from "../../../offchain/core/track.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import {
  equivocation,
  feed,
  foundingEvents,
  type Keys,
  operatorAt,
  type Sealed,
  TrackWriter,
  writeSegments,
} from "../../helpers/core.ts";
import { asked, fetchingAt, kindsOf, RETENTION, WINDOW } from "../../helpers/fetching.ts";
import { advanceOf, commitAlone, gossip, netsOf, offer } from "../../helpers/mesh.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
const [, b, c, d] = members;
const events = foundingEvents(members);

/** A worker that has read of a final checkpoint over these tracks, with its cut, and holds nothing of it yet. */
function late(tracks: readonly (readonly Sealed[])[]) {
  const nodes = netsOf(members, events).net();
  for (const { replica } of nodes) feed(replica, tracks.flat());
  gossip(nodes, 0);
  const { checkpoint, hash, cut } = offer(nodes[0])!;
  const worker = fetchingAt(members[0], events);
  worker.consensus.remember(checkpoint.number, hash, cut);
  const committed = { kind: "committed", checkpoint, hash, committedAt: 1, block: 1, logIndex: 0 } as const;
  worker.following.take({ type: "events", events: [committed], time: 1 + WINDOW });
  assert.equal(worker.following.final, 1);
  return worker;
}

const one = new TrackWriter(b, "one");
const two = new TrackWriter(c, "two");
const nine = writeSegments(one, 9);
const another = writeSegments(one.fork(), 2, 7);
const [ofOne, ofTwo] = [[...nine, ...writeSegments(one, 1, 1)], writeSegments(two, 3, 2)];

describe("what is committed is repaired", () => {
  test("who holds nothing of it begins where everything is final", () => {
    const { fetching, replica } = late([ofOne, ofTwo]);
    assert.deepEqual(kindsOf(fetching.tick(0)), ["base", "base"]);
    for (const writer of [one, two]) {
      const { base, sequence } = replica.track(writer.track)!;
      assert.deepEqual([base.sequence, base.head, sequence], [writer.sequence, writer.head, writer.sequence]);
    }
    assert.deepEqual(fetching.tick(1), [], "once");
  });

  test("whose beginning no connected peer has any more begins there too, and not while one may have it", () => {
    const { fetching, replica, hear, answer } = late([ofOne, ofTwo]);
    feed(replica, ofTwo);
    for (const peer of [c, d]) hear(peer, [{ ...one.track, sequence: 10 }], 0);
    const tail = ofOne.slice(4);
    const [first] = asked(fetching.tick(0));
    assert.deepEqual([first?.track, first?.from, first?.to], [trackName(one.track), 1, 10]);
    assert.deepEqual(kindsOf(answer(first!.id, tail, 1)), []);
    assert.equal(replica.track(one.track), undefined, "the other peer may have it");
    const [second] = asked(fetching.tick(2));
    assert.notEqual(second?.peer, first?.peer);
    assert.deepEqual(kindsOf(answer(second!.id, tail, 3)), ["base"]);
    assert.deepEqual(replica.track(one.track)?.base, { sequence: 10, head: one.head });
  });

  test("who lacks it as well is asked too, once all who should have it do not: two would wait for one another", () => {
    const { fetching, replica, hear, answer } = late([ofOne, ofTwo]);
    feed(replica, ofTwo);
    hear(c, [{ ...one.track, sequence: 10 }], 0);
    hear(d, [], 0);
    for (const peer of [c, d]) {
      const [question] = asked(fetching.tick(1));
      assert.equal(question?.peer, toHex(peer.operator));
      assert.equal(replica.track(one.track), undefined);
      answer(question.id, [], 1);
    }
    assert.equal(replica.track(one.track)?.base.sequence, 10);
  });

  test("S7 nor before the time of what is held of it is over by what this worker has read of the chain itself", () => {
    const { fetching, following, retention, replica, hear, answer } = late([ofOne, ofTwo]);
    feed(replica, [...ofTwo, ...ofOne.slice(0, 3)]);
    retention.advance();
    hear(c, [{ ...one.track, sequence: 10 }], 0);
    // The peer has read on, and forgotten the beginning; or it lies.
    const unserved = (time: number, now: number) => {
      following.take({ type: "events", events: [], time });
      retention.advance();
      const [question] = asked(fetching.tick(now));
      assert.equal(question?.from, 4);
      return kindsOf(answer(question.id, ofOne.slice(6), now));
    };
    assert.deepEqual(unserved(1 + RETENTION, 1), [], "anybody may still ask for the first three");
    assert.deepEqual([replica.track(one.track)?.base.sequence, replica.track(one.track)?.sequence], [0, 3]);
    assert.deepEqual(unserved(2 + RETENTION, 2), ["base"]);
    assert.equal(replica.track(one.track)?.base.sequence, 10);
  });

  test("where no known cut tells whether it is over, the last one that is owed does, once a peer has shown it", () => {
    const { nodes } = netsOf(members, events).settled([]);
    const [builder] = nodes;
    feed(builder.replica, ofOne);
    const { fetching, following, retention, replica, hear, answer } = fetchingAt(members[0], events);
    const commits = Array.from({ length: 70 }, (_, i) => {
      commitAlone(builder, i === 0 ? [advanceOf(builder.replica.track(one.track)!)] : []);
      const { checkpoint, hash } = builder.consensus.latest;
      return { kind: "committed", checkpoint, hash, committedAt: 1 + i, block: 1 + i, logIndex: 0 } as const;
    });
    const { entries } = builder.consensus.latest.cut!;
    feed(replica, ofOne.slice(0, 3));
    following.take({ type: "events", events: commits, time: 2 + RETENTION });
    for (const number of following.unknownCuts()) following.learnCut(number, entries);
    retention.advance();
    hear(c, [{ ...one.track, sequence: 10 }], 0);
    const unserved = () => answer(asked(fetching.tick(1))[0]!.id, ofOne.slice(6), 1);
    for (const [shown, kinds] of [
      [undefined, []],
      [[], ["cut"]],
      [entries, []],
    ] as const) {
      const [effect, ...more] = unserved();
      assert.ok(effect?.type === "ask" && more.length === 0);
      assert.deepEqual(effect.question, { type: "cut", number: 1 }, "the first of 70: its time alone is over");
      assert.deepEqual(kindsOf(fetching.answered(effect.id, { type: "cut", entries: shown }, 1)), kinds);
    }
    assert.deepEqual(kindsOf(unserved()), ["base"]);
  });

  test("what is beyond there of a fork that the chain did not take goes first", () => {
    const { common, a, b: taken } = equivocation(d, "begun anew", 4, 9);
    const { nodes } = netsOf(members, events).settled([]);
    const [builder] = nodes;
    feed(builder.replica, [...common, ...taken]);
    const { fetching, following, retention, replica, hear, answer } = fetchingAt(members[0], events);
    const track = builder.replica.track(a[0]!.header)!;
    for (const [i, sequence] of [5, 13].entries()) {
      commitAlone(builder, [advanceOf(track, sequence)]);
      const { checkpoint, hash, cut } = builder.consensus.latest;
      const event = { kind: "committed", checkpoint, hash, committedAt: 1 + 40 * i, block: 1, logIndex: i } as const;
      following.take({ type: "events", events: [event], time: 2 + RETENTION });
      following.learnCut(checkpoint.number, cut!.entries);
    }
    retention.advance();
    assert.equal(following.final, 1);
    feed(replica, [...common, ...a.slice(0, 4)]);
    hear(c, [{ ...track.key, sequence: 13 }], 0);
    const misfit = answer(asked(fetching.tick(1))[0]!.id, taken.slice(4), 1);
    assert.deepEqual(kindsOf(misfit), []);
    assert.deepEqual(kindsOf(answer(asked(fetching.tick(2))[0]!.id, taken.slice(4), 2)), ["rewind", "base"]);
    assert.deepEqual([replica.track(track.key)?.base.sequence, replica.track(track.key)?.sequence], [5, 5]);
  });

  test("only what each segment's author signed is taken, in one piece, to the committed head", () => {
    const { fetching, replica, hear, answer, taken } = late([ofOne, ofTwo]);
    feed(replica, ofTwo);
    hear(c, [{ ...one.track, sequence: 10 }], 0);
    const [flipped, gap] = [[...ofOne], ofOne.filter((_, i) => i !== 4)];
    // By another operator: the hash of a header does not cover its signature.
    flipped[3] = { ...ofOne[3]!, signature: ofTwo[0]!.signature };
    for (const lie of [flipped, gap, [...nine, another[0]!]]) {
      const [question] = asked(fetching.tick(1));
      assert.deepEqual(kindsOf(answer(question!.id, lie, 2)), ["repair"]);
      assert.deepEqual(taken, []);
    }
    for (const more of [ofTwo[0]!, another[1]!]) {
      const [question] = asked(fetching.tick(3));
      const strange = answer(question!.id, [...ofOne, more], 4);
      assert.deepEqual(kindsOf(strange), ["fetch"], "segments that were not asked for");
      assert.ok(strange.some((effect) => effect.type === "forget"));
    }
    answer(asked(fetching.tick(5))[0]!.id, ofOne, 6);
    assert.deepEqual(taken, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("a fork that the chain did not take is dropped from where both agree", () => {
    const { common, a, b: taken } = equivocation(d, "two faces", 2, 3);
    const { fetching, replica, hear, answer } = late([[...common, ...taken]]);
    feed(replica, [...common, ...a.slice(0, 1)]);
    const track = a[0]!.header;
    hear(c, [{ operator: track.operator, incarnation: track.incarnation, sequence: 5 }], 0);
    const [question] = asked(fetching.tick(0));
    assert.deepEqual([question?.from, question?.to], [4, 5], "as if it went on from ours");
    assert.deepEqual(kindsOf(answer(question!.id, taken.slice(1), 1)), []);
    assert.deepEqual(replica.track(track)?.head, a[0]!.hash, "it does not");
    const [again] = asked(fetching.tick(2));
    assert.equal(again?.from, 1, "no earlier checkpoint says where both agree");
    assert.deepEqual(kindsOf(answer(again!.id, [...common, ...taken], 3)), ["rewind"]);
    assert.deepEqual(replica.track(track)?.head, taken[2]!.hash);
  });
});

describe("what stands before a base is fetched", () => {
  const long = new TrackWriter(b, "long");
  const segments = writeSegments(long, 210);

  /** A worker whose copy of the track begins after 200, and that has been shown 201, of a turn opened in 1. */
  function begun() {
    const worker = fetchingAt(members[0], events);
    const { replica, fetching, hear } = worker;
    replica.replace(new Track(crypto, long.track, { sequence: 200, head: segments[199]!.hash }));
    hear(c, [{ ...long.track, sequence: 200 }], 0);
    const [effect] = feed(replica, segments.slice(200, 201), c.operator);
    assert.ok(effect?.type === "history");
    return { ...worker, first: asked(fetching.needsHistory(effect.track, 0))[0]! };
  }
  const part = (from: number, to: number) => segments.slice(from - 1, to);

  test("64 segments, and twice as many each time, until the turn's beginning is found", () => {
    const { replica, answer, first } = begun();
    assert.deepEqual([first.from, first.to], [137, 200]);
    const [second] = asked(answer(first.id, part(137, 200), 1));
    assert.deepEqual([second?.from, second?.to], [73, 200]);
    const [third] = asked(answer(second!.id, part(73, 200), 2));
    assert.deepEqual([third?.from, third?.to], [1, 200]);
    const found = kindsOf(answer(third!.id, part(1, 200), 3));
    assert.deepEqual([found.length, found[0], new Set(found.slice(1))], [201, "base", new Set(["segment"])]);
    const track = replica.track(long.track)!;
    assert.deepEqual([track.base.sequence, track.sequence], [0, 200]);
    feed(replica, part(201, 210));
    assert.deepEqual(track.head, long.head, "and the track goes on");
  });

  test("believed only when it is signed and leads to our head", () => {
    const signature = ofTwo[0]!.signature;
    const lies = [
      part(137, 199),
      part(137, 200).filter((_, i) => i !== 30),
      part(137, 200).map((segment, i) => (i === 30 ? { ...segment, signature } : segment)),
      [],
    ];
    for (const lie of lies) {
      const { replica, answer, first } = begun();
      assert.deepEqual(kindsOf(answer(first.id, lie, 1)), ["history"]);
      assert.equal(replica.track(long.track)?.base.sequence, 200);
    }
  });

  test("ever more rarely, at last once a minute, when nobody has it", () => {
    const { fetching, answer, first } = begun();
    answer(first.id, [], 0);
    const times = [0];
    for (let now = 100; now < 600_000; now += 100)
      for (const { id } of asked(fetching.tick(now))) {
        answer(id, [], now);
        times.push(now);
      }
    const waits = times.slice(1).map((time, i) => time - times[i]!);
    assert.deepEqual(waits.slice(0, 8), [800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000]);
    assert.equal(waits.at(-1), 60_000);
  });
});

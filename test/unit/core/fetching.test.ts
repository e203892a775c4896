import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BURST_BYTES, BYTES_PER_SECOND } from "../../../offchain/core/budgets.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import { trackName } from "../../../offchain/core/cut.ts";
import type { Effect } from "../../../offchain/core/events.ts";
import { LIMIT_NEW_TRACKS } from "../../../offchain/core/room.ts";
import { beatOf, feed, foundingEvents, type Keys, operatorAt, TrackWriter, writeSegments } from "../../helpers/core.ts";
import { asked, fetchingAt } from "../../helpers/fetching.ts";
import { commitAll, netsOf, offer } from "../../helpers/mesh.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
const [, b, c, d] = members;
const events = foundingEvents(members);

const trackAt = (i: number, keys = b) => ({ ...new TrackWriter(keys, `track ${i}`).track });

describe("fetching", () => {
  test("what a peer is said to hold is fetched after 400 ms: 1,024 segments, one question per track", () => {
    const { fetching, answer, hear } = fetchingAt(members[0], events);
    hear(c, [{ ...trackAt(0), sequence: 3_000 }], 0);
    assert.deepEqual(asked(fetching.tick(400)), []);
    const [one, ...more] = asked(fetching.tick(401));
    assert.deepEqual([one?.from, one?.to, one?.peer, more.length], [1, 1_024, toHex(c.operator), 0]);
    assert.deepEqual(asked(fetching.tick(900)), [], "it is being asked for");
    answer(one!.id, [], 901);
    assert.equal(asked(fetching.tick(1_400)).length, 1);
  });

  test("who does not give what it is said to hold is not asked again before the others, however much is missing", () => {
    for (let missing = 1; missing <= 6; missing++) {
      const { fetching, answer, hear } = fetchingAt(members[0], events);
      const heads = Array.from({ length: missing }, (_, i) => ({ ...trackAt(i), sequence: 1 }));
      for (const peer of [b, c, d]) hear(peer, heads, 0);
      const by = new Map<string, string[]>();
      for (let now = 0; now < 6_000; now += 200)
        for (const { id, peer, track } of asked(fetching.tick(now))) {
          by.set(track, [...(by.get(track) ?? []), peer]);
          answer(id, [], now);
        }
      for (const peers of by.values())
        for (let i = 0; i + 3 <= peers.length; i++)
          assert.equal(new Set(peers.slice(i, i + 3)).size, 3, `${missing} tracks are missing`);
    }
  });

  test("a peer is asked for 16 things at once; the others come when it has answered", () => {
    const { fetching, answer, hear } = fetchingAt(members[0], events);
    const heads = Array.from({ length: 20 }, (_, i) => ({ ...trackAt(i), sequence: 1 }));
    hear(c, heads, 0);
    const first = asked(fetching.tick(401));
    assert.equal(first.length, 16);
    assert.equal(new Set(first.map(({ track }) => track)).size, 16);
    assert.deepEqual(asked(fetching.tick(802)), []);
    for (const { id } of first.slice(0, 3)) answer(id, [], 803);
    assert.equal(asked(fetching.tick(1_203)).length, 3);
  });

  test("a new track for which there is no room is not asked for until somebody proposes it", () => {
    const { fetching, replica, hear } = fetchingAt(members[0], events);
    for (let i = 0; i < LIMIT_NEW_TRACKS; i++) feed(replica, writeSegments(new TrackWriter(b, `held ${i}`), 1));
    const more = trackAt(0);
    hear(c, [{ ...more, sequence: 3 }], 0);
    for (let now = 0; now <= 5_000; now += 100) assert.deepEqual(asked(fetching.tick(now)), []);
    replica.room.call(d.operator, [more], 4);
    assert.equal(asked(fetching.tick(5_100))[0]?.to, 3);
  });

  test("a question is given up after 15 s, however busily its peer drips, and asked anew", () => {
    const { fetching, hear } = fetchingAt(members[0], events);
    hear(c, [{ ...trackAt(0), sequence: 5 }], 0);
    const [one] = asked(fetching.tick(401));
    for (let now = 1_401; now < 15_401; now += 1_000) {
      fetching.answered(one!.id, { type: "segments", segments: [], last: false }, now);
      assert.deepEqual(fetching.tick(now), []);
    }
    const effects = fetching.tick(15_401);
    assert.ok(effects.some((effect) => effect.type === "forget" && effect.id === one!.id));
    assert.ok(effects.some((effect) => effect.type === "fault" && effect.error.code === "deadline"));
    assert.equal(asked(effects).length, 1);
  });

  test("an unknown cut is asked of one peer at a time, and of another after 5 s", () => {
    const { fetching, consensus } = fetchingAt(members[0], events);
    const { nodes } = netsOf(members, events).settled([[b, "1", 3]]);
    const { checkpoint, hash } = offer(nodes[0]!)!;
    consensus.commit(checkpoint, hash);
    for (const { operator } of [c, d]) fetching.peer(operator, true);
    const cuts = (effects: readonly Effect[]) =>
      effects.flatMap((effect) =>
        effect.type === "ask" && effect.question.type === "cut" ? [[effect.question.number, toHex(effect.to)]] : [],
      );
    const first = cuts(fetching.tick(0));
    assert.deepEqual(
      first.map(([number]) => number),
      [1],
    );
    assert.deepEqual(cuts(fetching.tick(4_999)), []);
    const peers = new Set(first.map(([, peer]) => peer));
    for (let now = 5_000; now <= 20_000; now += 5_000) for (const [, peer] of cuts(fetching.tick(now))) peers.add(peer);
    assert.equal(peers.size, 2);
  });

  test("L8 with a cut goes what it says is over: the next block may be long in coming", (t) => {
    const { fetching, consensus, retention } = fetchingAt(members[0], events);
    const { nodes } = netsOf(members, events).settled([[b, "1", 3]]);
    const { checkpoint, hash, cut } = offer(nodes[0]!)!;
    consensus.commit(checkpoint, hash);
    fetching.peer(c.operator, true);
    const [ask] = fetching.tick(0);
    assert.ok(ask?.type === "ask" && ask.question.type === "cut");
    t.mock.method(retention, "advance", () => (consensus.latest.cut ? [{ type: "announce" }] : []));
    const effects = fetching.answered(ask.id, { type: "cut", entries: cut.entries }, 1);
    assert.deepEqual(effects.at(-1), { type: "announce" }, "with the cut known already");
  });

  test("nothing is fetched of an author whose budget is used up, until it has some again", () => {
    const { fetching, budgets, hear } = fetchingAt(members[0], events);
    budgets.authors.take(b.operator, BURST_BYTES, 0);
    hear(
      c,
      [
        { ...trackAt(0), sequence: 5 },
        { ...trackAt(0, d), sequence: 5 },
      ],
      0,
    );
    budgets.authors.take(b.operator, BYTES_PER_SECOND, 401);
    assert.deepEqual(
      asked(fetching.tick(401)).map(({ track }) => track),
      [trackName(trackAt(0, d))],
    );
    assert.equal(asked(fetching.tick(2_000)).length, 1);
  });

  test("nothing is taken of a peer whose answers told nothing for long, until it has some budget again", () => {
    const { fetching, budgets, hear, answer, taken } = fetchingAt(members[0], events);
    const writer = new TrackWriter(b);
    const segments = writeSegments(writer, 3);
    hear(c, [{ ...writer.track, sequence: 3 }], 0);
    const [one] = asked(fetching.tick(401));
    budgets.senders.take(c.operator, BURST_BYTES, 401);
    answer(one!.id, segments, 401);
    assert.deepEqual(taken, []);
    const [again] = asked(fetching.tick(802));
    answer(again!.id, segments, 802);
    assert.deepEqual(taken, [1, 2, 3]);
  });

  test("what is committed is fetched whole: 1,024 segments a question, taken only with the committed head", () => {
    const { fetching, replica, consensus, answer, taken } = fetchingAt(members[0], events);
    const writer = new TrackWriter(b, "1");
    const segments = [...writeSegments(writer, 515), ...writeSegments(writer, 515, 1)];
    const { nodes } = netsOf(members, events).settled([], { capacity: 2_000 });
    for (const node of nodes)
      for (const segment of segments) node.replica.step({ type: "restore", segment, hash: segment.hash });
    for (const node of nodes)
      for (const from of [b, c, d]) {
        const heads = [{ ...writer.track, sequence: 1_030, head: writer.head }];
        node.replica.step({ type: "beat", from: from.operator, beat: beatOf(node.replica, { heads }), now: 0 });
      }
    const made = offer(nodes[0]!)!;
    commitAll([{ keys: members[0], replica, consensus }], made);
    const heads = [{ ...writer.track, sequence: 1_030, head: writer.head }];
    replica.step({ type: "beat", from: c.operator, beat: beatOf(replica, { heads }), now: 0 });
    fetching.peer(c.operator, true);
    const [first] = asked(fetching.tick(0));
    assert.deepEqual([first?.from, first?.to], [1, 1_024]);
    const part = (from: number, to: number) => segments.slice(from - 1, to);
    const [second] = asked(answer(first!.id, part(1, 1_024), 1));
    assert.deepEqual([second?.from, second?.to], [1_025, 1_030], "only what is not here yet");
    const refused = answer(second!.id, part(1_025, 1_029), 1);
    assert.deepEqual(
      refused.map((effect) => effect.type === "fault" && effect.kind),
      ["repair"],
    );
    assert.deepEqual(taken, []);
    const [again] = asked(fetching.tick(2));
    const [rest] = asked(answer(again!.id, part(1, 1_024), 1));
    answer(rest!.id, part(1_025, 1_030), 1);
    assert.deepEqual([taken.length, taken.at(-1)], [1_030, 1_030]);
  });
});

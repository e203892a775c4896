import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Context } from "../../../offchain/core/context.ts";
import { Conversations } from "../../../offchain/core/conversations.ts";
import { trackName } from "../../../offchain/core/cut.ts";
import type { Effect } from "../../../offchain/core/replica.ts";
import { turnId } from "../../../offchain/core/segment.ts";
import { Track } from "../../../offchain/core/track.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import {
  beatOf,
  equivocation,
  feed,
  foundingEvents,
  hashOf,
  numbered,
  operatorAt,
  replicaOf,
  requestOf,
  setOf,
  signerOf,
  TrackWriter,
  writeSegments,
} from "../../helpers/core.ts";

const members = [0, 1, 2, 3].map(operatorAt);
const [self, b, c, d] = members as [(typeof members)[0], (typeof members)[0], (typeof members)[0], (typeof members)[0]];
const events = foundingEvents(members);
const fresh = () => replicaOf(self, events);
const kinds = (effects: Effect[]) => effects.map((effect) => (effect.type === "fault" ? effect.kind : effect.type));

describe("track", () => {
  test("a segment follows the head or is out of order; a change is of one head", () => {
    const writer = new TrackWriter(b);
    const [one, two, three] = writeSegments(writer, 3);
    const track = new Track(crypto, writer.track);
    assert.throws(() => track.examine(two!, two!.hash), { code: "out_of_order" });
    const change = track.examine(one!, one!.hash);
    track.apply(change);
    assert.throws(() => track.apply(change), { code: "out_of_order" });
    assert.throws(() => track.examine(one!, one!.hash), { code: "out_of_order" });
    assert.throws(() => track.examine(three!, three!.hash), { code: "out_of_order" });
    track.apply(track.examine(two!, two!.hash));
    assert.deepEqual(track.head, two!.hash);
    assert.deepEqual(
      [0, 1, 2, 3].map((at) => track.hashAt(at)),
      [track.id, one!.hash, two!.hash, undefined],
    );
  });

  test("a segment of another fork does not follow, not even when it is restored", () => {
    const { common, a, b: other } = equivocation(b, "fork", 1, 2);
    const replica = fresh();
    feed(replica, [...common, ...a.slice(0, 1)]);
    const next = other[1]!;
    const track = replica.track(next.header)!;
    assert.throws(() => track.examine(next, next.hash), { code: "out_of_order" });
    const effects = replica.step({ type: "restore", segment: next, hash: next.hash });
    assert.deepEqual(kinds(effects), ["invalid_segment"]);
    assert.equal(replica.track(next.header)?.stopped, undefined);
    assert.deepEqual(track.head, a[0]!.hash);
  });

  test("snapshots other than the signed ones are a damaged copy, not the author's fault", () => {
    const writer = new TrackWriter(b);
    const [one, two] = writeSegments(writer, 2);
    const replica = fresh();
    const damaged = { ...one!, snapshots: one!.snapshots.map((s) => ({ ...s, salt: new Uint8Array(16) })) };
    assert.deepEqual(kinds(feed(replica, [damaged])), ["invalid_segment"]);
    assert.deepEqual(kinds(feed(replica, [one!, two!])), ["persist", "announce", "persist", "announce"]);
  });

  test("a signed segment that breaks a rule stops its track before it, and only that track", () => {
    const writer = new TrackWriter(b);
    const segments = writeSegments(writer, 2);
    writer.open(requestOf([1], { maxLength: 0 }));
    const bad = writer.seal();
    const onTop = writeSegments(writer, 1, 5);
    const replica = fresh();
    assert.deepEqual(kinds(feed(replica, [...segments, bad])).at(-1), "invalid_segment");
    const digest = replica.digest();
    assert.deepEqual(kinds(feed(replica, [bad, ...onTop])), ["stopped", "stopped"]);
    assert.equal(replica.track(writer.track)?.sequence, 2);
    assert.deepEqual(replica.digest(), digest);
    assert.equal(replica.evidence.size, 0);
    assert.deepEqual(kinds(feed(replica, writeSegments(new TrackWriter(b, "2"), 1))), ["persist", "announce"]);
  });
});

describe("replica", () => {
  test("a gap is fetched from whoever showed what lies beyond it", () => {
    const replica = fresh();
    const segments = writeSegments(new TrackWriter(b), 4);
    feed(replica, segments.slice(0, 1));
    const [effect] = feed(replica, segments.slice(3), c.operator);
    assert.ok(effect?.type === "fetch");
    assert.deepEqual([effect.from, effect.to, effect.peer], [2, 4, c.operator]);
    assert.deepEqual(feed(replica, segments.slice(3)), []);
    assert.equal(replica.tracks.size, 1);
  });

  test("a head that forks from ours is walked back to, by segment and by beat", () => {
    const { common, a, b: other } = equivocation(b, "fork", 1, 2);
    const replica = fresh();
    feed(replica, [...common, ...a]);
    const beyond = new TrackWriter(b, "fork");
    Object.assign(beyond, { sequence: 3, head: other.at(-1)!.hash });
    const [next] = writeSegments(beyond, 1, 9);
    const [walk] = feed(replica, [next!], c.operator);
    assert.ok(walk?.type === "fetch");
    assert.deepEqual([walk.from, walk.to], [3, 3]);
    assert.deepEqual(kinds(feed(replica, [next!])), ["out_of_order"]);

    const heads = [{ ...beyond.track, sequence: 2, head: other[0]!.hash }];
    const [heard] = replica.step({ type: "beat", from: c.operator, beat: beatOf(replica, { heads }), now: 1 });
    assert.ok(heard?.type === "fetch");
    assert.deepEqual([heard.from, heard.to, heard.peer], [2, 2, c.operator]);

    assert.deepEqual(kinds(feed(replica, [other[0]!], c.operator)), ["persist-evidence", "announce", "accuse"]);
    assert.deepEqual(
      kinds(replica.step({ type: "beat", from: c.operator, beat: beatOf(replica, { heads }), now: 2 })),
      [],
    );
  });

  test("who left or was convicted writes no more; who rotated writes with the new key", () => {
    const replica = fresh();
    const writer = new TrackWriter(b);
    feed(replica, writeSegments(writer, 2));
    const next = signerOf("next key");
    const rotated = {
      kind: "rotated",
      operator: b.operator,
      oldSigner: b.signer.address,
      newSigner: next.address,
    } as const;
    const later = new TrackWriter({ operator: b.operator, signer: next }, "2");
    const segments = writeSegments(later, 2);
    assert.deepEqual(kinds(feed(replica, segments.slice(0, 1))), ["unentitled"]);
    const at = replica.registry;
    const [rotation, conviction] = numbered(
      [rotated, { kind: "convicted", operator: b.operator, set: setOf([self, c, d]) }],
      at,
    );
    replica.step({ type: "registry", event: rotation! });
    assert.deepEqual(kinds(feed(replica, segments.slice(0, 1))), ["persist", "announce"]);
    replica.step({ type: "registry", event: conviction! });
    assert.deepEqual(kinds(feed(replica, segments.slice(1))), ["unentitled"]);
  });

  test("S1: segments of a retired key are taken whether they come before or after the rotation", () => {
    const segments = writeSegments(new TrackWriter(b), 3);
    const [rotation] = numbered(
      [{ kind: "rotated", operator: b.operator, oldSigner: b.signer.address, newSigner: signerOf("next").address }],
      fresh().registry,
    );
    const [before, after] = [fresh(), fresh()];
    feed(before, segments);
    before.step({ type: "registry", event: rotation! });
    after.step({ type: "registry", event: rotation! });
    feed(after, segments);
    assert.equal(after.heads.all()[0]?.sequence, 3);
    assert.deepEqual(before.digest(), after.digest());
  });

  test("S1 a contradiction is evidence in whatever order: also when the segment heard first breaks a rule", () => {
    const writer = new TrackWriter(b);
    const other = writer.fork();
    writer.open(requestOf([1])).close();
    const [broken, [sound]] = [writer.seal(), writeSegments(other, 1)];
    for (const order of [
      [broken, sound!],
      [sound!, broken],
    ]) {
      const replica = fresh();
      feed(replica, order);
      assert.equal(replica.evidence.size, 1);
    }
  });

  test("turns that name each other as parents are walked once, not for ever", () => {
    const writer = new TrackWriter(b);
    const id = turnId(crypto, writer.id, { sequence: 1, index: 0 });
    const parent = { checkpoint: { number: 0, hash: hashOf("genesis") }, turn: id, position: 1 };
    writer.open(requestOf([2], {}, [1]), { parent, start: Context.of(crypto, [1]) });
    const replica = fresh();
    feed(replica, [writer.seal()]);
    const turn = replica.turn(id);
    assert.ok(turn);
    assert.deepEqual([...replica.ancestry(turn)], [turn]);
    assert.equal(new Conversations(crypto, replica).tokens(turn), undefined);
  });

  test("a segment of our own disk that is held already says nothing", () => {
    const replica = fresh();
    const [segment] = writeSegments(new TrackWriter(b), 1);
    feed(replica, [segment!]);
    assert.deepEqual(replica.step({ type: "restore", segment: segment!, hash: segment!.hash }), []);
  });

  test("evidence is kept once, and says nothing when it is false", () => {
    const { a, b: other } = equivocation(b, "fork", 0, 1);
    const replica = fresh();
    const evidence = { a: a[0]!, b: other[0]! };
    assert.deepEqual(kinds(replica.step({ type: "evidence", evidence })), ["persist-evidence", "announce", "accuse"]);
    assert.deepEqual(replica.step({ type: "evidence", evidence }), []);
    const false_ = { a: a[0]!, b: a[0]! };
    assert.deepEqual(kinds(fresh().step({ type: "evidence", evidence: false_ })), ["bad_evidence"]);
  });

  test("a prefix is held by a quorum when more than two thirds of the stake say so, of the same fork", () => {
    const replica = fresh();
    const writer = new TrackWriter(b);
    const segments = writeSegments(writer, 4);
    feed(replica, segments);
    const track = replica.track(writer.track)!;
    const say = (from: Uint8Array, sequence: number, head = segments[sequence - 1]!.hash) => {
      const heads = [{ ...writer.track, sequence, head }];
      replica.step({ type: "beat", from, beat: beatOf(replica, { heads }), now: 1 });
      return replica.heldByQuorum(track);
    };
    assert.equal(replica.heldByQuorum(track), 0);
    assert.equal(say(b.operator, 4), 0);
    assert.equal(say(operatorAt(9).operator, 4), 0, "who has no stake does not count");
    assert.equal(say(c.operator, 2), 2);
    assert.equal(say(d.operator, 3), 3);
    assert.equal(say(c.operator, 3, hashOf("another fork")), 3, "self, b and d");
    replica.step({ type: "beat", from: d.operator, beat: beatOf(replica, { heads: [] }), now: 0 });
    assert.equal(replica.heldByQuorum(track), 0);
  });

  test("a quorum's holding is noted when the segments come after the beats, too", () => {
    const replica = fresh();
    const writer = new TrackWriter(b);
    const segments = writeSegments(writer, 2);
    const heads = [{ ...writer.track, sequence: 2, head: segments[1]!.hash }];
    for (const { operator } of [b, c, d])
      replica.step({ type: "beat", from: operator, beat: beatOf(replica, { heads }), now: 1 });
    feed(replica, segments);
    replica.step({ type: "beat", from: b.operator, beat: beatOf(replica, { heads: [] }), now: 5 });
    assert.deepEqual(replica.heldSince.get(trackName(writer.track)), [{ sequence: 2, at: 5 }]);
  });

  test("what a beat said of an operator that joins later is not forgotten", () => {
    const replica = replicaOf(self, events.slice(0, 1));
    const writer = new TrackWriter(b);
    const segments = writeSegments(writer, 1);
    const heads = [{ ...writer.track, sequence: 1, head: segments[0]!.hash }];
    for (const { operator } of [b, c, d])
      replica.step({ type: "beat", from: operator, beat: beatOf(replica, { heads }), now: 1 });
    for (const event of events.slice(1)) replica.step({ type: "registry", event });
    feed(replica, segments);
    assert.equal(replica.heldByQuorum(replica.track(writer.track)!), 1);
  });

  test("what a liar said, before or after it was heard of, is in no digest", () => {
    const { common, a, b: other } = equivocation(b, "fork", 1, 2);
    const evidence = { a: a[0]!, b: other[0]! };
    const honest = writeSegments(new TrackWriter(c), 2);
    const [early, late, forked] = [fresh(), fresh(), fresh()];
    early.step({ type: "evidence", evidence });
    feed(early, [...honest, ...common, ...a]);
    feed(late, [...common, ...a, ...honest]);
    late.step({ type: "evidence", evidence });
    feed(forked, [...common, ...other, ...honest]);
    forked.step({ type: "evidence", evidence });
    assert.deepEqual(late.digest(), early.digest());
    assert.deepEqual(forked.digest(), early.digest());
    const [conviction] = numbered(
      [{ kind: "convicted", operator: c.operator, set: setOf([self, b, d]) }],
      late.registry,
    );
    const short = fresh();
    short.step({ type: "evidence", evidence });
    for (const replica of [short, late]) replica.step({ type: "registry", event: conviction! });
    assert.deepEqual(late.digest(), short.digest(), "who is out writes nothing that counts any more");
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CutEntry } from "../../../offchain/core/cut.ts";
import { judgeCut } from "../../../offchain/core/false-cut.ts";
import { RefusedSegments } from "../../../offchain/core/refused.ts";
import { headerHash, snapshotTree } from "../../../offchain/core/segment.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { accusationOf } from "../../contracts/courts/statement.ts";
import type { Served } from "../../helpers/audited.ts";
import { audit, events, genesis, make, members } from "../../helpers/audited-world.ts";
import { begin, GIVEN, HISTORY, later, openings, prompts } from "../../helpers/breaches.ts";
import { requestOf, SEPARATOR, type Sealed, TrackWriter, writeSegments } from "../../helpers/core.ts";
import type { Made } from "../../helpers/made.ts";

const [, liar, peer] = members;

/** A worker condemns the last of these, once, with what is found by whoever is served everything. */
function isFound(checkpoints: readonly Made[], served?: Served): void {
  const world = audit(served);
  for (const made of checkpoints) world.read(made);
  const last = checkpoints.at(-1)!;
  const verdict = judgeCut(crypto, accusationOf({ separator: SEPARATOR, events }, last));
  assert.ok("proof" in verdict);
  assert.deepEqual(world.condemned, [{ number: last.checkpoint.number, proof: verdict.proof }]);
  assert.deepEqual(world.misremembered, []);
}

/** A turn that is begun in a first checkpoint, and closed for another request in the second. */
function closedForAnother(keys = liar) {
  const story = begin(new TrackWriter(keys));
  const begun = [story.writer.seal()];
  const [, act] = later.find(([message]) => message === "the close is of another request")!;
  act(story);
  return { writer: story.writer, begun, closed: story.writer.seal() };
}

describe("a committed segment that breaks a rule is kept, and shown with what is on disk", () => {
  for (const [index, [message, act]] of [...openings, ...later].entries())
    test(`${message} (${index})`, () => {
      const story = begin(new TrackWriter(liar));
      const parent = make(genesis, [story.writer.seal()]);
      act(story);
      isFound([parent, make(parent, [story.writer.seal()], writeSegments(new TrackWriter(peer), 2))]);
    });

  for (const [index, [message, act]] of prompts.entries())
    test(`${message} (prompt ${index})`, () => {
      const writer = new TrackWriter(liar);
      act(writer.open(requestOf(GIVEN, {}, HISTORY)));
      isFound([make(genesis, [writer.seal()])]);
    });

  test("between others of its track, and beside another's", () => {
    const [one, other] = [closedForAnother(), closedForAnother(peer)];
    const parent = make(genesis, one.begun, other.begun);
    const advances = [one, other].map(({ closed, writer }) => [closed, ...writeSegments(writer, 3)]);
    isFound([parent, make(parent, ...advances)]);
  });

  test("also where all of it is in one checkpoint, and another track beside it is withheld", () => {
    const { begun, closed } = closedForAnother();
    isFound([make(genesis, [...begun, closed])]);
    const beside = writeSegments(new TrackWriter(peer), 2);
    const segment = (one: Sealed) => (beside.includes(one) ? undefined : one);
    isFound([make(genesis, [...begun, closed], beside)], { segment });
    isFound(
      [make(make(genesis, begun), [closed], beside)].flatMap((made) => [made.parent!, made]),
      { segment },
    );
  });

  test("what is built upon it is not accused of it", () => {
    const { begun, closed } = closedForAnother();
    const parent = make(genesis, begun);
    const wrong = make(parent, [closed]);
    const world = audit()
      .read(parent)
      .read(wrong)
      .read(make(wrong, writeSegments(new TrackWriter(peer), 2)));
    assert.deepEqual(
      world.condemned.map(({ number }) => number),
      [2],
    );
  });

  test("a damaged copy of it is not: another peer is asked", () => {
    const { begun, closed } = closedForAnother();
    const parent = make(genesis, begun);
    const damaged = { ...closed, snapshots: closed.snapshots.map((one) => ({ ...one, salt: new Uint8Array(16) })) };
    isFound([parent, make(parent, [closed])], {
      segment: (segment, nth) => (segment === closed && nth < 3 ? damaged : segment),
    });
  });

  test("also where it is shown on the chain only", () => {
    const { begun, closed } = closedForAnother();
    const parent = make(genesis, begun);
    isFound([parent, make(parent, [closed])], {
      onChain: true,
      segment: (segment) => (segment === closed ? undefined : segment),
    });
  });

  test("and where what is shown there is the header of none", () => {
    const [empty, next] = writeSegments(new TrackWriter(liar), 2) as [Sealed, Sealed];
    for (const change of [{ snapshotCount: 0, snapshotsRoot: snapshotTree(crypto, []).root }, { snapshotCount: 257 }]) {
      const header = { ...empty.header, ...change };
      const odd = { ...empty, header, hash: headerHash(crypto, SEPARATOR, header), snapshots: [] };
      for (const listed of [[odd], [odd, next]])
        isFound([make(genesis, listed)], { onChain: true, lacks: ["segments"], segment: () => undefined });
    }
  });

  test("nothing is found where its beginning is not on disk any more, and that is said", () => {
    const { begun, closed } = closedForAnother();
    const parent = make(genesis, begun);
    const world = audit();
    world.read(parent).forget();
    const [condemned] = world.read(make(parent, [closed])).condemned;
    assert.ok(condemned?.proof instanceof Error);
    assert.match(condemned.proof.message, /earlier unserved/);
  });
});

describe("RefusedSegments", () => {
  const held = (sealed: readonly Sealed[]) => sealed.map((segment) => ({ segment, hash: segment.hash }));
  const entryOf = (writer: TrackWriter): CutEntry => ({
    ...writer.track,
    sequence: writer.sequence,
    head: writer.head,
    ended: false,
    first: 0,
  });
  const one = new TrackWriter(liar, "one");
  const segments = writeSegments(one, 4).slice(1);

  test("what leads to a committed head is known by its place; snapshots only of the first", () => {
    const refused = new RefusedSegments();
    refused.keep(held(segments));
    assert.ok(refused.leadsTo(entryOf(one)));
    for (const change of [{ sequence: 3 }, { head: segments[0]!.hash }])
      assert.ok(!refused.leadsTo({ ...entryOf(one), ...change }));
    const [first, second] = [2, 3].map((sequence) => refused.at(one.track, sequence));
    assert.deepEqual(first, {
      header: segments[0]!.header,
      hash: segments[0]!.hash,
      snapshots: segments[0]!.snapshots,
    });
    assert.deepEqual(second, { header: segments[1]!.header, hash: segments[1]!.hash });
    assert.deepEqual(
      [1, 5].map((sequence) => refused.at(one.track, sequence)),
      [undefined, undefined],
    );
  });

  test("it is kept as long as the same is committed", () => {
    const refused = new RefusedSegments();
    refused.keep(held(segments));
    refused.retain([entryOf(one)]);
    assert.ok(refused.leadsTo(entryOf(one)));
    refused.retain([{ ...entryOf(one), head: segments[0]!.hash }]);
    assert.ok(!refused.leadsTo(entryOf(one)));
  });

  test("L8 no more snapshots than of 16 tracks, nor headers than a checkpoint has", () => {
    const refused = new RefusedSegments();
    const writers = Array.from({ length: 17 }, (_, i) => new TrackWriter(liar, `many ${i}`));
    for (const writer of writers) refused.keep(held(writeSegments(writer, 1)));
    const withSnapshots = writers.filter(({ track }) => refused.at(track, 1)?.snapshots);
    assert.equal(withSnapshots.length, 16);
    assert.ok(writers.every((writer) => refused.leadsTo(entryOf(writer))));
    const most = 2 ** 16 - 17;
    const long = (length: number) => new Array(length).fill(held(segments)[2]);
    const known = () => [3, 4].map((sequence) => refused.at(one.track, sequence) !== undefined);
    refused.keep([held(segments)[1]!, ...long(most)]);
    assert.ok(refused.leadsTo(entryOf(one)), "nor is it fetched again");
    assert.deepEqual(known(), [true, false]);
    refused.keep([held(segments)[1]!, ...long(most - 1)]);
    assert.ok(refused.leadsTo(entryOf(one)));
    assert.deepEqual(known(), [true, true]);
  });
});

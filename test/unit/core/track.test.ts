import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { toHex, Writer } from "../../../offchain/core/bytes.ts";
import { WeftError } from "../../../offchain/core/errors.ts";
import { snapshotTree } from "../../../offchain/core/segment.ts";
import { type Base, Track } from "../../../offchain/core/track.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { collect } from "../../helpers/collect.ts";
import { hashOf, operatorAt, requestOf, type Sealed, TrackWriter, type TurnWriter } from "../../helpers/core.ts";
import { runs } from "../../property/world.ts";

const GIVEN = [1, 2];

type Move = { kind: "open" | "write" | "learn" | "close"; pick: number };

const move: fc.Arbitrary<Move> = fc.record({
  kind: fc.constantFrom("open", "write", "learn", "close", "close"),
  pick: fc.nat(),
});
const story = fc.array(fc.array(move, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 9 });

type Told = { writer: TrackWriter; segments: Sealed[]; turns: TurnWriter[] };

/** An honest track with turns beside each other, that learn too, and of which some are never closed. */
function tell(moves: readonly (readonly Move[])[]): Told {
  const writer = new TrackWriter(operatorAt(0));
  const open: TurnWriter[] = [];
  const turns: TurnWriter[] = [];
  let learner: TurnWriter | undefined;
  const act = ({ kind, pick }: Move) => {
    const at = open.length === 0 ? 0 : pick % open.length;
    const turn = open[at];
    if (!turn || kind === "open") {
      const request = requestOf(GIVEN, { nonce: hashOf(`nonce ${turns.length}`), maxLength: 1000 });
      const opened = writer.open(request).tokens("given", GIVEN);
      open.push(opened);
      turns.push(opened);
    } else if (turn.context.length === GIVEN.length || kind === "write") turn.tokens("written", [pick % 512]);
    else if (kind === "learn") learner = turn;
    else open.splice(at, 1)[0]?.close();
  };
  const segments = moves.map((batch) => {
    for (const one of batch) act(one);
    if (learner && open.includes(learner)) learner.tokens("written", [7]).learn(learner.context.length - 1, 1);
    learner = undefined;
    return writer.seal();
  });
  return { writer, segments, turns };
}

function take(track: Track, segments: readonly Sealed[]): Track {
  for (const segment of segments) track.apply(track.examine(segment, segment.hash));
  return track;
}

const trackOf = ({ writer }: Told, base?: Base) => new Track(crypto, writer.track, base);

const runsIn = (track: Track, sequence: number) =>
  [0, 1, 2, 3, 4, 5].map((index) => track.runAt({ sequence, index })?.run);

/** Everything that can be seen of a track after `from`. */
function seen(track: Track, told: Told, from = track.base.sequence) {
  const sequences = Array.from({ length: told.segments.length - from + 2 }, (_, i) => from + i);
  return {
    head: track.head,
    sequence: track.sequence,
    hashes: sequences.map((sequence) => track.hashAt(sequence)),
    signed: sequences.map((sequence) => sequence > from && track.signedAt(sequence)),
    drift: sequences.map((sequence) => track.drift(sequence)),
    runs: sequences.slice(1).flatMap((sequence) => runsIn(track, sequence)),
    stopped: track.stopped,
    stoppedBy: track.stoppedBy,
    turns: [...track.turns]
      .filter(([, turn]) => turn.opened.sequence > from)
      .map(([, { context, ...turn }]) => ({ ...turn, length: context.length, peaks: [...context.peaks] })),
  };
}

describe("rewind", () => {
  test("what is taken back has never been, and the track goes on from there", () => {
    const place = fc.record({ story, to: fc.nat(), again: fc.nat() });
    fc.assert(
      fc.property(place, ({ story, to, again }) => {
        const told = tell(story);
        const { segments } = told;
        const kept = to % (segments.length + 1);
        const track = take(trackOf(told), segments);
        track.rewind(kept);
        assert.deepEqual(seen(track, told), seen(take(trackOf(told), segments.slice(0, kept)), told));
        const further = kept + (again % (segments.length - kept + 1));
        take(track, segments.slice(kept, further));
        assert.deepEqual(seen(track, told), seen(take(trackOf(told), segments.slice(0, further)), told));
        take(track, segments.slice(further));
        assert.deepEqual(seen(track, told), seen(take(trackOf(told), segments), told));
      }),
      runs(150),
    );
  });

  test("a turn's place after a rewind is its latest, a learning one too, and a close goes alone", () => {
    const writer = new TrackWriter(operatorAt(0));
    const turn = writer.open(requestOf(GIVEN)).tokens("given", GIVEN).tokens("written", [3]);
    const segments = [writer.seal()];
    turn.learn(2, 1);
    segments.push(writer.seal());
    turn.close();
    segments.push(writer.seal());
    const track = take(new Track(crypto, writer.track), segments);
    track.rewind(2);
    assert.deepEqual(track.turn(turn.id)?.latest, { sequence: 2, index: 0 });
    assert.equal(track.turn(turn.id)?.close, undefined);
    assert.equal(track.turn(turn.id)?.context.length, 3);
    take(track, segments.slice(2));
    track.rewind(1);
    assert.deepEqual(track.turn(turn.id)?.latest, { sequence: 1, index: 2 });
    take(track, segments.slice(1));
    assert.equal(track.turn(turn.id)?.close?.length, 3);
  });

  test("a stopped track goes on, at its head too; what is before the base cannot be gone back to", () => {
    const told = tell([[{ kind: "open", pick: 0 }], [{ kind: "open", pick: 0 }]]);
    const track = take(trackOf(told, { sequence: 1, head: told.segments[0]!.hash }), told.segments.slice(1));
    track.stopped = new WeftError("invalid_snapshot", "no");
    track.stoppedBy = { signed: told.segments[1]!, hash: told.segments[1]!.hash };
    assert.throws(() => track.rewind(0), { code: "out_of_range", field: "to" });
    assert.ok(track.stopped);
    track.rewind(2);
    assert.equal(track.stopped, undefined);
    assert.equal(track.stoppedBy, undefined);
    assert.equal(track.sequence, 2);
  });

  test("a change that was worked out before a rewind is of another head", () => {
    const told = tell([[{ kind: "open", pick: 0 }], [{ kind: "open", pick: 0 }]]);
    const fork = new TrackWriter(operatorAt(0));
    fork.open(requestOf([7]));
    const other = fork.seal();
    const track = take(trackOf(told), told.segments.slice(0, 1));
    const change = track.examine(told.segments[1]!, told.segments[1]!.hash);
    track.rewind(0);
    take(track, [other]);
    assert.throws(() => track.apply(change), { code: "out_of_order" });
  });
});

describe("prune", () => {
  const cuts = fc.array(fc.record({ after: fc.nat(), to: fc.nat(), keep: fc.option(fc.nat()) }), { maxLength: 4 });

  test("a track that forgot its beginning is in everything else as if it had not, and so is one that never held it", () => {
    const past = fc.record({ story, cuts, over: fc.boolean() });
    fc.assert(
      fc.property(past, ({ story, cuts, over }) => {
        const told = tell(story);
        const { segments } = told;
        const whole = trackOf(told);
        const pruned = trackOf(told);
        for (const [index, segment] of segments.entries()) {
          for (const track of [whole, pruned]) take(track, [segment]);
          // Over can only be said of a track that has ended.
          const ended = over && index === segments.length - 1;
          for (const { after, to, keep } of cuts) {
            if (after % segments.length !== index && !ended) continue;
            const kept = keep === null ? undefined : [...whole.turns.keys()][keep % (whole.turns.size || 1)];
            const before = pruned.base.sequence;
            const wanted = to % (segments.length + 2);
            const base = pruned.prune(wanted, new Set(kept ? [kept] : []), ended);
            assert.equal(base, pruned.base.sequence);
            assert.equal(base, latestBase(whole, before, Math.min(wanted, index + 1), kept, ended));
          }
          const { base } = pruned;
          assert.deepEqual(seen(pruned, told), seen(whole, told, base.sequence));
          assert.equal(pruned.turns.size, seen(whole, told, base.sequence).turns.length, "nothing else is held");
          if (base.sequence > 0) assert.equal(pruned.drift(base.sequence - 1), undefined);
          for (let gone = 1; gone <= base.sequence; gone++)
            assert.ok(runsIn(pruned, gone).every((run) => run === undefined));
          const born = take(trackOf(told, base), segments.slice(base.sequence, index + 1));
          assert.deepEqual(seen(born, told), seen(pruned, told));
        }
        const { base } = pruned;
        const back = base.sequence + Math.floor((segments.length - base.sequence) / 2);
        for (const track of [whole, pruned]) track.rewind(back);
        assert.deepEqual(seen(pruned, told), seen(whole, told, base.sequence));
      }),
      runs(150),
    );
  });

  /** The rule, said once more: the farthest place up to `to` that no turn is open at. */
  function latestBase(whole: Track, from: number, to: number, kept: string | undefined, over: boolean): number {
    const parts = (at: number) =>
      [...whole.turns].some(([id, { opened, latest, close }]) => {
        const mayGoOn = (!close && !over) || id === kept;
        return opened.sequence > from && opened.sequence <= at && (latest.sequence > at || mayGoOn);
      });
    for (let at = to; at > from; at--) if (!parts(at)) return at;
    return from;
  }

  test("the base stays before an open turn, a kept one and one that goes on; an open one of a track that is over goes", () => {
    const writer = new TrackWriter(operatorAt(0));
    const [a, b, c] = ["a", "b", "c"].map((label) => requestOf(GIVEN, { nonce: hashOf(label) }));
    const segments: Sealed[] = [];
    const seal = () => segments.push(writer.seal());
    const first = writer.open(a!).tokens("given", GIVEN).tokens("written", [3]).close();
    seal();
    const second = writer.open(b!).tokens("given", GIVEN).tokens("written", [3]);
    seal();
    second.close();
    const third = writer.open(c!);
    seal();
    const track = take(new Track(crypto, writer.track), segments);
    assert.equal(track.prune(3, new Set([toHex(first.id)])), 0);
    assert.equal(track.prune(2), 1, "a turn is not cut in two");
    assert.equal(track.prune(3), 1, "nor is the one beside an open one");
    assert.equal(track.prune(0), 1, "a base does not go back");
    assert.deepEqual([...track.turns.keys()], [second.id, third.id].map(toHex));
    assert.equal(track.prune(99, new Set(), true), 3);
    assert.equal(track.turns.size, 0);
    assert.deepEqual(track.base, { sequence: 3, head: segments[2]!.hash });
  });

  test("a turn from before the base needs history; without a base it is invalid", () => {
    const writer = new TrackWriter(operatorAt(0));
    const turn = writer.open(requestOf(GIVEN));
    const first = writer.seal();
    turn.tokens("given", GIVEN);
    const second = writer.seal();
    const track = new Track(crypto, writer.track, { sequence: 1, head: first.hash });
    assert.throws(() => track.examine(second, second.hash), { code: "needs_history", field: "turn", remedy: /fetch/ });
    assert.equal(track.stopped, undefined);
    const fresh = new TrackWriter(operatorAt(0));
    Object.assign(fresh.open(requestOf(GIVEN)), { id: hashOf("never opened") }).tokens("given", GIVEN);
    const forged = fresh.seal();
    assert.throws(() => new Track(crypto, fresh.track).examine(forged, forged.hash), { code: "invalid_snapshot" });
  });

  test("a segment of nothing is none", () => {
    const { segments, writer } = tell([[{ kind: "open", pick: 0 }]]);
    const [{ header, ...sealed }] = segments as [Sealed];
    const empty = { ...header, snapshotsRoot: snapshotTree(crypto, []).root, snapshotCount: 0 };
    const track = new Track(crypto, writer.track);
    assert.throws(() => track.examine({ ...sealed, header: empty, snapshots: [] }, hashOf("its")), {
      code: "malformed",
      field: "snapshotCount",
    });
  });

  test("what is pruned or rewound is not held on to", async () => {
    const track = new Track(crypto, new TrackWriter(operatorAt(0)).track);
    const refs = (() => {
      const writer = new TrackWriter(operatorAt(0));
      const segments = ["a", "b", "c"].map((label) => {
        const turn = writer.open(requestOf(GIVEN, { nonce: hashOf(label) })).tokens("given", GIVEN);
        turn.tokens("written", [3]).close();
        return writer.seal();
      });
      take(track, segments);
      const turns = [...track.turns.values()];
      return [0, 1, 2].map((i) => ({
        turn: new WeakRef(turns[i]!),
        run: new WeakRef(turns[i]!.runs[0]!),
        signed: new WeakRef(track.signedAt(i + 1)!),
        header: new WeakRef(track.signedAt(i + 1)!.header),
        hash: i === 0 && new WeakRef(track.hashAt(i + 1)!),
      }));
    })();
    track.prune(1);
    track.rewind(2);
    await new Promise((done) => setImmediate(done));
    collect();
    const held = refs.map((of) => Object.values(of).map((ref) => ref && ref.deref() !== undefined));
    assert.deepEqual(held[1], [true, true, true, true, false]);
    assert.deepEqual(held[0]?.slice(0, 4), [false, false, false, false]);
    assert.deepEqual(held[2]?.slice(0, 4), [false, false, false, false]);
  });
});

test("the drift is the sum of what each segment changed, as every replica works it out", () => {
  const writer = new TrackWriter(operatorAt(0));
  const turn = writer.open(requestOf(GIVEN)).tokens("given", GIVEN);
  const segments = [writer.seal()];
  const parts: bigint[] = [];
  const track = take(new Track(crypto, writer.track), segments);
  const part = (closed: number) => {
    const { length, root } = turn.context;
    const changed = new Writer().raw(writer.head).raw(turn.id).u32(length).raw(root).u8(closed).done();
    parts.push(BigInt(toHex(crypto.keccak256(changed).slice(0, 8))));
  };
  part(0);
  turn.tokens("written", [3]).close();
  take(track, [writer.seal()]);
  part(1);
  assert.equal(track.drift(0), (parts[0]! + parts[1]!) % 2n ** 64n);
  assert.equal(track.drift(1), parts[1]);
  assert.equal(track.drift(2), 0n);
  assert.equal(track.drift(3), undefined);
  assert.equal(track.drift(-1), undefined);
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Context } from "../../../offchain/core/context.ts";
import type { Request } from "../../../offchain/core/request.ts";
import type { Snapshot } from "../../../offchain/core/snapshot.ts";
import { Track } from "../../../offchain/core/track.ts";
import { turnTokens } from "../../../offchain/core/turn.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { hashOf, MEMORY, operatorAt, requestOf, TrackWriter, type TurnWriter } from "../../helpers/core.ts";

const HISTORY = [11, 12, 13, 14];
const GIVEN = [21, 22];

type Story = { writer: TrackWriter; track: Track; turn: TurnWriter };

/** A turn on `HISTORY` and `GIVEN`, opened at position 2 of its parent and applied up to its given tokens. */
function story(changes: Partial<Request> = {}): Story {
  const writer = new TrackWriter(operatorAt(0));
  const track = new Track(crypto, writer.track);
  const request = requestOf(GIVEN, { maxLength: 4, ...changes }, HISTORY);
  const turn = writer.open(request, {
    parent: { checkpoint: { number: 0, hash: hashOf("genesis") }, turn: hashOf("parent"), position: 2 },
    start: Context.of(crypto, HISTORY.slice(0, 2)),
  });
  turn.tokens("carried", [13, 14]).tokens("given", GIVEN);
  apply(track, writer);
  return { writer, track, turn };
}

function apply(track: Track, writer: TrackWriter) {
  const segment = writer.seal();
  track.apply(track.examine(segment, segment.hash));
}

/** Everything that can be seen of a track. */
const seen = (track: Track) =>
  structuredClone({
    sequence: track.sequence,
    head: track.head,
    drift: track.drift(0),
    turns: [...track.turns.values()].map((turn) => ({
      latest: turn.latest,
      length: turn.context.length,
      root: turn.context.root,
      runs: turn.runs,
      learns: turn.learns,
      closed: turn.close !== undefined,
    })),
  });

/** The next segment must be refused for exactly this reason, and leave no trace, good snapshots before the bad one included. */
function refused({ writer, track }: Story, message: string, code = "invalid_snapshot") {
  const before = seen(track);
  const segment = writer.seal();
  assert.throws(() => track.examine(segment, segment.hash), { name: "WeftError", code, message });
  assert.deepEqual(seen(track), before);
}

/** Alters what was just added, without the helper's care for consistency. */
function alter(writer: TrackWriter, change: (snapshot: Snapshot) => Snapshot) {
  writer.pending.push(change(writer.pending.pop() as Snapshot));
}

const openings: [string, (s: Story) => void, string?][] = [
  [
    "the request's fields do not hash to its id",
    ({ writer }) => {
      writer.open(requestOf([1]));
      alter(writer, (s) => ({ ...s, requestId: hashOf("another") }) as Snapshot);
    },
  ],
  ["an answer has at least one token", ({ writer }) => writer.open(requestOf([1], { maxLength: 0 }))],
  ["the context would overflow", ({ writer }) => writer.open(requestOf([1], { maxLength: 2 ** 24 - 1 }))],
  [
    "a turn begins at its parent's position, or at 0",
    ({ writer }) => writer.open(requestOf([1], {}, HISTORY), { start: Context.of(crypto, HISTORY) }),
  ],
  [
    "a turn begins at its parent's position, or at 0",
    ({ writer }) =>
      writer.open(requestOf([1], {}, HISTORY), {
        parent: { checkpoint: { number: 0, hash: hashOf("g") }, turn: hashOf("p"), position: 3 },
        start: Context.of(crypto, HISTORY),
      }),
  ],
  [
    "a turn begins at or before its given tokens",
    ({ writer }) =>
      writer.open(requestOf([1, 2], {}, []), {
        parent: { checkpoint: { number: 0, hash: hashOf("g") }, turn: hashOf("p"), position: 1 },
        start: Context.of(crypto, [1]),
      }),
  ],
  [
    "the context at 4 is not the one that the request binds",
    ({ writer }) =>
      writer.open(requestOf([1], {}, HISTORY), {
        parent: { checkpoint: { number: 0, hash: hashOf("g") }, turn: hashOf("p"), position: 4 },
        start: Context.of(crypto, [1, 2, 3, 4]),
      }),
  ],
  [
    "length 4 has 1 peaks, not 0",
    ({ writer }) => {
      writer.open(requestOf([1], {}, HISTORY), {
        parent: { checkpoint: { number: 0, hash: hashOf("g") }, turn: hashOf("p"), position: 4 },
        start: Context.of(crypto, HISTORY),
      });
      alter(writer, (s) => ({ ...s, start: { length: 4, peaks: [] } }) as Snapshot);
    },
    "malformed",
  ],
];

const later: [string, (s: Story) => void, string?][] = [
  ["the turn is closed", ({ turn }) => turn.tokens("written", [1]).close().tokens("written", [2])],
  [
    "the snapshot does not name the turn's latest place",
    ({ turn }) => {
      turn.latest = { sequence: 1, index: 1 };
      turn.tokens("written", [1]);
    },
  ],
  ["learning follows right after what the turn has written", ({ turn }) => turn.tokens("carried", [1]).learn(6, 1)],
  ["learning follows right after what the turn has written", ({ turn }) => turn.learn(5, 1)],
  [
    "learning follows right after what the turn has written",
    ({ writer, track, turn }) => {
      turn.tokens("written", [1, 2]).learn(6, 1);
      apply(track, writer);
      turn.learn(7, 1);
    },
  ],
  [
    "learning names positions that are not written right before it",
    ({ turn }) => turn.tokens("written", [1]).learn(6, 0),
  ],
  [
    "learning names positions that are not written right before it",
    ({ turn }) => turn.tokens("written", [1]).learn(5, 1),
  ],
  [
    "learning names positions that are not written right before it",
    ({ turn }) => turn.tokens("written", [1]).learn(6, 2),
  ],
  [
    "learning names positions that are not written right before it",
    ({ turn }) => turn.tokens("written", [1]).tokens("written", [2]).learn(6, 2),
  ],
  [
    "at most 64 positions times orders are learnt at once",
    ({ writer }) => {
      const turn = writer.open(requestOf(GIVEN, { maxLength: 33 })).tokens("given", GIVEN);
      turn.tokens("written", new Array(33).fill(1)).learn(GIVEN.length, 33);
    },
  ],
  [
    "learning states another start than the turn's",
    ({ turn }) => turn.tokens("written", [1]).learn(6, 1, { start: 3 }),
  ],
  ["learning is the last of its segment", ({ turn }) => turn.tokens("written", [1]).learn(6, 1).close()],
  [
    "learning states another context than the turn's",
    ({ turn }) => turn.tokens("written", [1]).learn(6, 1, { length: 6 }),
  ],
  [
    "learning states another context than the turn's",
    ({ turn }) => turn.tokens("written", [1]).learn(6, 1, { root: hashOf("another") }),
  ],
  ["a turn closed for its length has the length asked for", ({ turn }) => turn.tokens("written", [1]).close("length")],
  [
    "the close is of another request",
    ({ writer, turn }) => {
      turn.tokens("written", [1]).close();
      alter(writer, (s) => ({ ...s, requestId: hashOf("another") }) as Snapshot);
    },
  ],
  [
    "the close is not of the context that was written",
    ({ writer, turn }) => {
      turn.tokens("written", [1]).close();
      alter(writer, (s) => ({ ...s, length: 6 }) as Snapshot);
    },
  ],
  [
    "the close is not of the context that was written",
    ({ writer, turn }) => {
      turn.tokens("written", [1]).close();
      alter(writer, (s) => ({ ...s, root: hashOf("another") }) as Snapshot);
    },
  ],
  [
    "tokens start at the next position",
    ({ writer, turn }) => {
      turn.tokens("written", [1]);
      alter(writer, (s) => ({ ...s, first: 7 }) as Snapshot);
    },
  ],
  ["given tokens end where the request says", ({ turn }) => turn.tokens("given", [1])],
  ["nothing is carried after what is written", ({ turn }) => turn.tokens("written", [1]).tokens("carried", [2])],
  ["the answer is longer than the request allows", ({ turn }) => turn.tokens("written", [1, 2, 3, 4, 5])],
  [
    "the context root does not follow from the tokens",
    ({ writer, turn }) => {
      turn.tokens("written", [1, 2]);
      alter(writer, (s) => ({ ...s, ids: [1, 3] }) as Snapshot);
    },
  ],
  [
    "the snapshot is of a turn that this track has not opened",
    ({ writer, turn }) => {
      turn.tokens("written", [1]);
      alter(writer, (s) => ({ ...s, turn: hashOf("elsewhere") }) as Snapshot);
    },
  ],
];

/** Rules on the way to the end of the given tokens: each starts a turn of its own at position 0. */
const prompts: [string, (turn: TurnWriter) => void][] = [
  [
    "tokens do not cross the end of the history or of the given ones",
    (turn) => turn.tokens("carried", [11, 12, 13, 14, 21]),
  ],
  [
    "tokens do not cross the end of the history or of the given ones",
    (turn) => turn.tokens("carried", HISTORY).tokens("given", [21, 22, 1]),
  ],
  ["history is carried, and what the request binds is given", (turn) => turn.tokens("given", HISTORY)],
  ["history is carried, and what the request binds is given", (turn) => turn.tokens("written", HISTORY)],
  [
    "history is carried, and what the request binds is given",
    (turn) => turn.tokens("carried", HISTORY).tokens("carried", GIVEN),
  ],
  ["the context at 4 is not the one that the request binds", (turn) => turn.tokens("carried", [11, 12, 13, 15])],
  [
    "the context at 6 is not the one that the request binds",
    (turn) => turn.tokens("carried", HISTORY).tokens("given", [21, 23]),
  ],
  ["an answer has at least one token", (turn) => turn.tokens("carried", HISTORY).close()],
  ["an answer has at least one token", (turn) => turn.tokens("carried", HISTORY).tokens("given", GIVEN).close("stop")],
];

describe("turns: a segment that breaks a rule is invalid, and nothing of it is applied", () => {
  for (const [index, [message, act, code]] of [...openings, ...later].entries())
    test(`${message} (${index})`, () => {
      const s = story();
      act(s);
      refused(s, message, code);
    });

  for (const [index, [message, act]] of prompts.entries())
    test(`${message} (prompt ${index})`, () => {
      const s = story();
      act(s.writer.open(requestOf(GIVEN, {}, HISTORY)));
      refused(s, message);
    });

  test("what keeps the rules is applied, over several segments", () => {
    const { writer, track, turn } = story();
    turn.tokens("carried", [31]).tokens("written", [32]);
    apply(track, writer);
    turn.tokens("written", [33]).learn(8, 1);
    apply(track, writer);
    turn.close("stop");
    apply(track, writer);
    const held = track.turn(turn.id);
    assert.ok(held);
    assert.deepEqual(turnTokens(held), [13, 14, 21, 22, 31, 32, 33]);
    assert.deepEqual(held.context.root, Context.of(crypto, [...HISTORY, ...GIVEN, 31, 32, 33]).root);
    assert.equal(held.close?.reason, "stop");
    assert.equal(held.close?.length, 9);
    assert.deepEqual(held.latest, { sequence: 4, index: 0 });
    const lesson = { author: writer.track.operator, memory: MEMORY, first: 8, from: 6, ids: [31, 32, 33] };
    assert.deepEqual(track.lessonAt(3), lesson);
    assert.equal(track.lessonAt(2), undefined);
    assert.deepEqual(track.runAt({ sequence: 2, index: 1 })?.run.ids, [32]);
    assert.equal(track.runAt({ sequence: 3, index: 1 }), undefined);
  });

  test("an answer of one token, the longest answer, and a turn that starts where the given tokens do", () => {
    const { writer, track, turn } = story();
    turn.tokens("written", [1, 2, 3, 4]).close("length");
    writer
      .open(requestOf([], {}, []))
      .tokens("written", [1])
      .close();
    const parent = { checkpoint: { number: 0, hash: hashOf("g") }, turn: hashOf("p"), position: 4 };
    const start = Context.of(crypto, HISTORY);
    writer
      .open(requestOf(GIVEN, {}, HISTORY), { parent, start })
      .tokens("given", GIVEN)
      .tokens("written", [5])
      .close("stop");
    apply(track, writer);
    assert.deepEqual(
      [...track.turns.values()].map(({ close }) => close?.reason),
      ["length", "end", "stop"],
    );
  });

  test("interleaved turns of one track do not touch each other", () => {
    const { writer, track, turn } = story();
    const other = writer.open(requestOf([7]));
    turn.tokens("written", [1]);
    other.tokens("given", [7]);
    turn.close();
    other.tokens("written", [8]);
    apply(track, writer);
    assert.deepEqual(turnTokens(track.turn(other.id)!), [7, 8]);
    assert.equal(track.turn(other.id)?.close, undefined);
    assert.ok(track.turn(turn.id)?.close);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Context } from "../../../offchain/core/context.ts";
import type { Request } from "../../../offchain/core/request.ts";
import { Track } from "../../../offchain/core/track.ts";
import { turnTokens } from "../../../offchain/core/turn.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { begin, GIVEN, HISTORY, later, openings, prompts } from "../../helpers/breaches.ts";
import { hashOf, MEMORY, operatorAt, requestOf, TrackWriter, type TurnWriter } from "../../helpers/core.ts";

type Story = { writer: TrackWriter; track: Track; turn: TurnWriter };

/** A turn that is applied up to its given tokens. */
function story(changes: Partial<Request> = {}): Story {
  const writer = new TrackWriter(operatorAt(0));
  const track = new Track(crypto, writer.track);
  const { turn } = begin(writer, changes);
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

  test("learning follows right after what the turn has written, not after other learning", () => {
    const s = story();
    s.turn.tokens("written", [1, 2]).learn(6, 1);
    apply(s.track, s.writer);
    s.turn.learn(7, 1);
    refused(s, "learning follows right after what the turn has written");
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

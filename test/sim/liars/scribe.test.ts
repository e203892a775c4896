import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { equal } from "../../../offchain/core/bytes.ts";
import { codeOf } from "../../../offchain/core/errors.ts";
import type { Segment } from "../../../offchain/core/segment.ts";
import { Track } from "../../../offchain/core/track.ts";
import { Random } from "../random.ts";
import { simulatedKeyring } from "../simcrypto.ts";
import { BREACHES, type Elsewhere, FALSE_LESSONS, ORPHANS } from "./rules.ts";
import { type Ink, Scribe } from "./scribe.ts";
import { Story, type Tone } from "./story.ts";

const { crypto, signer } = simulatedKeyring("scribe");
const random = new Random("scribe");
const ink: Ink = { hashing: crypto, separator: random.bytes(32), signer: signer("liar"), random };
const bytes = (length: number) => random.bytes(length);
const elsewhere: Elsewhere = {
  foreign: bytes(32),
  uncommitted: bytes(32),
  checkpoint: { number: 3, hash: bytes(32) },
};

const scribe = () => new Scribe(ink, { operator: bytes(20), incarnation: bytes(16) });

function read(track: Track, segment: Segment & { hash: Uint8Array }): void {
  track.apply(track.examine(segment, segment.hash));
}

describe("segments that break a rule", () => {
  for (const [name, breach] of Object.entries(BREACHES))
    test(name, () => {
      const author = scribe();
      const track = new Track(crypto, author.track);
      author.turn().close();
      read(track, author.seal());
      breach(author, elsewhere);
      const sealed = author.seal();
      assert.throws(
        () => track.examine(sealed, sealed.hash),
        (error) => ["invalid_snapshot", "malformed", "out_of_range"].includes(codeOf(error)),
      );
    });
});

describe("lessons that break a rule", () => {
  for (const [name, teach] of Object.entries(FALSE_LESSONS))
    test(name, () => {
      const author = scribe();
      const track = new Track(crypto, author.track);
      const foreign = scribe().turn();
      const { length, root } = foreign.context;
      teach(author, { turn: foreign.id, previous: foreign.latest, start: 0, first: 2, count: 1, length, root });
      author.seal();
      for (const segment of author.written.slice(0, -1)) read(track, segment);
      const sealed = author.written[author.written.length - 1];
      assert.throws(() => track.examine(sealed, sealed.hash), { code: "invalid_snapshot" });
    });
});

describe("orphans break none that a track can tell", () => {
  for (const [name, orphan] of Object.entries(ORPHANS))
    test(name, () => {
      const author = scribe();
      const track = new Track(crypto, author.track);
      orphan(author, elsewhere);
      read(track, author.seal());
      for (const turn of track.turns.values()) assert.ok(turn.open.parent && turn.close);
    });
});

describe("another story", () => {
  const author = scribe();
  const turn = author.turn();
  author.seal();
  for (let i = 0; i < 3; i++) {
    turn.tokens("written", [10 + i]);
    author.seal();
  }
  turn.learn(7, 1);
  author.seal();
  turn.close();
  author.seal();
  const { written, track } = author;

  for (const tone of ["salted", "retold", "broken"] as Tone[])
    for (const from of [1, 3, 5])
      test(`${tone} from ${from}`, () => {
        // Half of it was told before there were two.
        const story = new Story(ink, track, written.slice(0, 3), from, tone);
        for (const segment of written.slice(3)) story.follow(segment);
        const reader = new Track(crypto, track);
        for (const segment of written.slice(0, from - 1)) read(reader, segment);
        for (let at = from; at <= written.length; at++) {
          const other = story.at(at);
          assert.ok(other && !equal(other.hash, written[at - 1].hash));
          if (tone !== "broken") read(reader, other);
          else if (at === from) assert.throws(() => read(reader, other), { code: "malformed" });
        }
        assert.equal(story.at(from - 1), undefined);
        const [told] = reader.turns.values();
        if (tone === "broken") return;
        assert.ok(told.close);
        const tokens = told.runs.flatMap(({ ids }) => [...ids]);
        const isSame = tokens.slice(-3).join() === "10,11,12";
        assert.equal(isSame, tone === "salted" || from === 5);
      });
});

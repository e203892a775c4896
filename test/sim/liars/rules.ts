import { Context } from "../../../offchain/core/context.ts";
import { turnId } from "../../../offchain/core/segment.ts";
import type { Learn } from "../../../offchain/core/snapshot.ts";
import { LIMIT_LEARNT } from "../../../offchain/core/turn.ts";
import type { Scribe } from "./scribe.ts";

/** What a liar knows of the world when it breaks a rule. */
export type Elsewhere = {
  /** A turn of another track, and one that no checkpoint has. */
  foreign: Uint8Array;
  uncommitted: Uint8Array;
  checkpoint: { number: number; hash: Uint8Array };
};

/** What a lesson about another author's turn would say, if it were one's own. */
export type Borrowed = Partial<Learn> & { turn: Uint8Array; first: number; count: number };

/** Adds snapshots to a track's next segment that break one rule of DESIGN §3, after others that keep them all. */
type Breach = (scribe: Scribe, elsewhere: Elsewhere) => void;

const far = (scribe: Scribe) => scribe.ink.random.int(1, 1_000);
const random32 = (scribe: Scribe) => scribe.ink.random.bytes(32);

export const BREACHES: Readonly<Record<string, Breach>> = {
  "tokens that leave a gap": (scribe) => {
    const turn = scribe.turn();
    turn.tokens("written", [7], { first: turn.context.length + far(scribe) });
  },
  "tokens that overlap": (scribe) => {
    scribe.turn().tokens("written", [7], { first: 1 });
  },
  "a false context root": (scribe) => {
    scribe.turn().tokens("written", [7], { root: random32(scribe) });
  },
  "given tokens other than the request's": (scribe) => {
    scribe.open(scribe.request([1, 2, 3])).tokens("given", [1, 2, 4]);
  },
  "tokens across the end of the given ones": (scribe) => {
    scribe.open(scribe.request([1, 2])).tokens("given", [1, 2, 3]);
  },
  "given tokens in the answer": (scribe) => {
    scribe.turn().tokens("given", [5]);
  },
  "carried after written": (scribe) => {
    scribe.turn().tokens("carried", [5]);
  },
  "longer than asked for": (scribe) => {
    scribe
      .open(scribe.request([1], { maxLength: 2 }))
      .tokens("given", [1])
      .tokens("written", [1, 2, 3]);
  },
  "a close too many": (scribe) => {
    scribe.turn().close().close();
  },
  "tokens after the close": (scribe) => {
    scribe.turn().close().tokens("written", [9]);
  },
  "a close of another request": (scribe) => {
    scribe.turn().close("end", { requestId: random32(scribe) });
  },
  "a close at another length": (scribe) => {
    scribe.turn().close("end", { length: far(scribe) + 100 });
  },
  "closed for its length before that": (scribe) => {
    scribe.turn().close("length");
  },
  "closed before a word": (scribe) => {
    scribe
      .open(scribe.request([1]))
      .tokens("given", [1])
      .close();
  },
  "learnt positions of others": (scribe) => {
    const given = [1, 2, 3];
    scribe.open(scribe.request(given)).tokens("given", given).learn(0, 2);
  },
  "learnt positions that are not there": (scribe) => {
    scribe.turn().learn(2, far(scribe) + 10);
  },
  "learnt nothing": (scribe) => {
    scribe.turn().learn(2, 0);
  },
  "learnt in another context": (scribe) => {
    scribe.turn().learn(2, 1, { root: random32(scribe) });
  },
  "learnt too much at once": (scribe) => {
    const turn = scribe.turn(60);
    turn.learn(2, 60).learn(2, LIMIT_LEARNT - 59);
  },
  "a turn of another track": (scribe, { foreign }) => {
    const turn = scribe.turn();
    turn.tokens("written", [3], { turn: foreign });
  },
  "a turn that nobody opened": (scribe) => {
    scribe.turn().tokens("written", [3], { turn: random32(scribe) });
  },
  "a request that does not hash to its id": (scribe) => {
    scribe.open(scribe.request([1]), { requestId: random32(scribe) });
  },
  "an answer of no length": (scribe) => {
    scribe.open(scribe.request([1], { maxLength: 0 }));
  },
  "a context that overflows": (scribe) => {
    scribe.open(scribe.request([1], { maxLength: 0xffff_ffff }));
  },
  "a beginning that is not its parent's": (scribe) => {
    const { hashing } = scribe.ink;
    const { length, peaks } = Context.of(hashing, [1, 2]);
    scribe.open(scribe.request([1, 2, 3]), { start: { length, peaks } });
  },
  "peaks that are none": (scribe, { checkpoint, foreign }) => {
    const parent = { checkpoint, turn: foreign, position: 3 };
    scribe.open(scribe.request([1, 2, 3]), { parent, start: { length: 3, peaks: [random32(scribe)] } });
  },
  "a place that it names itself": (scribe) => {
    const turn = scribe.turn();
    const { next } = scribe;
    turn.tokens("written", [3], { previous: next });
  },
  "a place that is not the latest": (scribe) => {
    const turn = scribe.turn();
    turn.tokens("written", [3], { previous: turn.opened });
  },
  "a snapshot that cannot be read": (scribe) => {
    scribe.turn();
    scribe.addBody(scribe.ink.random.bytes(scribe.ink.random.int(0, 200)));
  },
};

/** Teach what may not be taught, each in a segment that nobody may take. */
export const FALSE_LESSONS: Readonly<Record<string, (scribe: Scribe, borrowed: Borrowed) => void>> = {
  "somebody else's turn": (scribe, borrowed) => {
    scribe.turn().learn(borrowed.first, borrowed.count, borrowed);
  },
  "the same twice": (scribe) => {
    scribe.turn().learn(2, 3);
    scribe.seal();
    scribe.again().learn(2, 3);
  },
  "the same twice, of one segment": (scribe) => {
    scribe.turn().learn(2, 3).learn(2, 3);
  },
  "before its tokens": (scribe) => {
    const turn = scribe.turn();
    turn.learn(turn.context.length, 2).tokens("written", [8, 9]);
  },
  "before its tokens, which are in the next segment": (scribe) => {
    const turn = scribe.turn();
    turn.learn(turn.context.length, 2);
  },
  "not last in its segment": (scribe) => {
    scribe.turn().learn(2, 3).close();
  },
  "what was carried": (scribe) => {
    const given = scribe.tokens(2);
    scribe.open(scribe.request(given)).tokens("given", given).tokens("carried", scribe.tokens(3)).learn(2, 3);
  },
  "longer ago than right before": (scribe) => {
    scribe.turn().tokens("written", [4]).learn(2, 3);
  },
};

/** Keeps every rule that can be told from the track alone, and refers to what nobody may refer to: an orphan, and harmless. */
export const ORPHANS: Readonly<Record<string, Breach>> = {
  "a parent that does not exist": (scribe, { checkpoint }) => {
    extend(scribe, { checkpoint, turn: random32(scribe), position: 2 });
  },
  "a parent that is not committed": (scribe, { checkpoint, uncommitted }) => {
    extend(scribe, { checkpoint, turn: uncommitted, position: 2 });
  },
  "a parent in a checkpoint that is none": (scribe, { foreign }) => {
    extend(scribe, { checkpoint: { number: far(scribe), hash: random32(scribe) }, turn: foreign, position: 2 });
  },
  "parents in a circle": (scribe, { checkpoint }) => {
    // An author knows the names of turns before it writes them.
    const { hashing } = scribe.ink;
    const { sequence, index } = scribe.next;
    const second = turnId(hashing, scribe.id, { sequence, index: index + EXTENDED });
    const { id } = extend(scribe, { checkpoint, turn: second, position: 2 });
    extend(scribe, { checkpoint, turn: id, position: 2 });
  },
  "itself as its parent": (scribe, { checkpoint }) => {
    extend(scribe, { checkpoint, turn: turnId(scribe.ink.hashing, scribe.id, scribe.next), position: 2 });
  },
};

/** Snapshots of a turn that is written by `extend`. */
const EXTENDED = 4;

/** A whole turn from position 2 on of whatever. */
function extend(scribe: Scribe, parent: { checkpoint: Elsewhere["checkpoint"]; turn: Uint8Array; position: 2 }) {
  const context = Context.of(scribe.ink.hashing, [1, 2]);
  const before = { root: context.root, length: 2 };
  const start = { length: 2, peaks: [...context.peaks] };
  const turn = scribe.open(scribe.request([1, 2, 3], { before }), { parent, start });
  return turn.tokens("given", [3]).tokens("written", [4]).close();
}

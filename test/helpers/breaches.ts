import { Context } from "../../offchain/core/context.ts";
import type { Request } from "../../offchain/core/request.ts";
import type { Snapshot } from "../../offchain/core/snapshot.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { hashOf, requestOf, type TrackWriter, type TurnWriter } from "./core.ts";

/** Ways to break the rules of turns, for whoever must notice: workers and courts. */

export const HISTORY = [11, 12, 13, 14];
export const GIVEN = [21, 22];

/** A track with a turn in it. */
export type Written = { writer: TrackWriter; turn: TurnWriter };
/** Why it is refused, what is done, and the error's code where it is another than `invalid_snapshot`. */
type Breach<Act> = [message: string, act: Act, code?: string];

/** A turn on `HISTORY` and `GIVEN`, opened at position 2 of its parent and written up to its given tokens. */
export function begin(writer: TrackWriter, changes: Partial<Request> = {}): Written {
  const request = requestOf(GIVEN, { maxLength: 4, ...changes }, HISTORY);
  const turn = writer.open(request, {
    parent: { checkpoint: { number: 0, hash: hashOf("genesis") }, turn: hashOf("parent"), position: 2 },
    start: Context.of(crypto, HISTORY.slice(0, 2)),
  });
  turn.tokens("carried", [13, 14]).tokens("given", GIVEN);
  return { writer, turn };
}

/** Alters what was just added, without the helper's care for consistency. */
function alter(writer: TrackWriter, change: (snapshot: Snapshot) => Snapshot) {
  writer.pending.push(change(writer.pending.pop() as Snapshot));
}

export const openings: Breach<(s: Written) => void>[] = [
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

export const later: Breach<(s: Written) => void>[] = [
  ["the turn is closed", ({ turn }) => turn.tokens("written", [1]).close().tokens("written", [2])],
  [
    "the snapshot does not name the turn's latest place",
    ({ turn }) => {
      turn.latest = { sequence: 1, index: 1 };
      turn.tokens("written", [1]);
    },
  ],
  [
    "the snapshot does not name the turn's latest place",
    ({ turn }) => {
      turn.latest = { sequence: 1, index: 9 };
      turn.tokens("written", [1]);
    },
  ],
  [
    "the snapshot does not name the turn's latest place",
    ({ writer, turn }) => {
      turn.tokens("written", [1]);
      writer.pending.push(writer.pending.at(-1) as Snapshot);
    },
  ],
  ["learning follows right after what the turn has written", ({ turn }) => turn.tokens("carried", [1]).learn(6, 1)],
  ["learning follows right after what the turn has written", ({ turn }) => turn.learn(5, 1)],
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
export const prompts: Breach<(turn: TurnWriter) => void>[] = [
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

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Answering } from "../../../offchain/core/answering.ts";
import type { Bytes } from "../../../offchain/core/bytes.ts";
import { Context } from "../../../offchain/core/context.ts";
import { Conversations } from "../../../offchain/core/conversations.ts";
import { trackName } from "../../../offchain/core/cut.ts";
import type { Request } from "../../../offchain/core/request.ts";
import type { TrackKey } from "../../../offchain/core/segment.ts";
import { unfinished } from "../../../offchain/core/unfinished.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import {
  equivocation,
  feed,
  foundingEvents,
  hashOf,
  type Keys,
  numbered,
  operatorAt,
  replicaOf,
  requestOf,
  setOf,
  TrackWriter,
} from "../../helpers/core.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
const [self, b, c, d] = members;
const fresh = () => replicaOf(self, foundingEvents(members));
const liesOf = (keys: Keys) => {
  const { a, b: other } = equivocation(keys, "lies", 0, 1);
  return { type: "evidence", evidence: { a: a[0]!, b: other[0]! } } as const;
};
const convicts = (replica: ReturnType<typeof fresh>, keys: Keys) => {
  const set = setOf(members.filter((member) => member !== keys));
  const [event] = numbered([{ kind: "convicted", operator: keys.operator, set }], replica.registry);
  replica.step({ type: "registry", event: event! });
};

describe("which turn a conversation goes on from", () => {
  /** A closed turn of which the context is these tokens. */
  const said = (keys: Keys, tokens: readonly number[], changes: Partial<Request> = {}) => {
    const writer = new TrackWriter(keys, tokens.join());
    const turn = writer.open(requestOf(tokens.slice(0, 1), changes));
    turn.tokens("given", tokens.slice(0, 1)).tokens("written", tokens.slice(1)).close();
    return { id: turn.id, segment: writer.seal() };
  };
  const mine = hashOf("client");
  const model = hashOf("model");

  test("the longest one of the same client and model that the prompt begins with", () => {
    const replica = fresh();
    const conversations = new Conversations(crypto, replica);
    const find = (prompt: readonly number[], who: Bytes = mine, which: Bytes = model) =>
      conversations.longestPrefix(prompt, who, which)?.id;
    const [short, long, another] = [said(b, [1, 2]), said(c, [1, 2, 3, 4]), said(d, [1, 2, 9, 9, 9])];
    feed(replica, [short.segment, long.segment, another.segment]);
    assert.deepEqual(find([1, 2, 3, 4, 5]), long.id);
    assert.deepEqual(find([1, 2, 3]), short.id);
    assert.equal(find([1, 7]), undefined);
    assert.equal(find([1, 2, 3, 4, 5], hashOf("another client")), undefined, "a client goes on only from its own");
    assert.equal(find([1, 2, 3, 4, 5], mine, hashOf("another model")), undefined);
    const theirs = said(d, [1, 2, 3, 4, 5], { requester: hashOf("another client") });
    feed(replica, [theirs.segment]);
    assert.deepEqual(find([1, 2, 3, 4, 5, 6]), long.id, "another client's longer one is not seen");
    assert.deepEqual(find([1, 2, 3, 4, 5, 6], hashOf("another client")), theirs.id);
  });

  test("not one that is open, nor one of who is accused or out", () => {
    const replica = fresh();
    const conversations = new Conversations(crypto, replica);
    const find = () => conversations.longestPrefix([1, 2, 3, 4, 5, 6], mine, model)?.id;
    const [short, middle, long] = [said(b, [1, 2]), said(c, [1, 2, 3]), said(d, [1, 2, 3, 4])];
    const writer = new TrackWriter(b, "open");
    writer
      .open(requestOf([1]))
      .tokens("given", [1])
      .tokens("written", [2, 3, 4, 5]);
    feed(replica, [short.segment, middle.segment, long.segment, writer.seal()]);
    assert.deepEqual(find(), long.id);
    replica.step(liesOf(d));
    assert.deepEqual(find(), middle.id);
    convicts(replica, c);
    assert.deepEqual(find(), short.id);
  });
});

describe("who writes on", () => {
  const answering = () => new Answering({ request: requestOf([1]), prompt: [1] }, 512);
  const all = members.map(({ operator }) => operator);

  test("nobody who has tried, is accused or out", () => {
    const replica = fresh();
    const answer = answering();
    const next = () => answer.next(all, replica, () => 0);
    replica.step(liesOf(b));
    convicts(replica, c);
    const first = next()!;
    answer.order(first);
    const second = next()!;
    answer.order(second);
    const chosen = [first, second].map((one) => members.findIndex(({ operator }) => operator === one)).sort();
    assert.deepEqual(chosen, [0, 3]);
    assert.equal(next(), undefined);
  });

  test("who has least to do; of equals the same one everywhere, and not for every request", () => {
    const replica = fresh();
    for (const least of all)
      assert.deepEqual(
        answering().next(all, replica, (one) => (one === least ? 1 : 2)),
        least,
      );
    const chosen = Array.from({ length: 20 }, (_, i) => {
      const base = { request: requestOf([1], { nonce: hashOf(`nonce ${i}`) }), prompt: [1] };
      const [one, other] = [all, all.toReversed()].map((who) => new Answering(base, 512).next(who, replica, () => 0));
      assert.deepEqual(one, other);
      return one;
    });
    assert.equal(new Set(chosen).size, 4);
  });
});

describe("what a restarted worker finishes", () => {
  const given = [1, 2, 3];
  const finds = (replica: ReturnType<typeof fresh>, isCurrent: (track: TrackKey) => boolean = () => false) => [
    ...unfinished(replica, new Conversations(crypto, replica), isCurrent),
  ];
  /** A turn of `keys` that has written so many tokens. */
  const begun = (keys: Keys, label: string, written: number, nonce = "nonce") => {
    const writer = new TrackWriter(keys, label);
    const turn = writer.open(requestOf(given, { nonce: hashOf(nonce) })).tokens("given", given);
    if (written > 0)
      turn.tokens(
        "written",
        Array.from({ length: written }, (_, i) => 10 + i),
      );
    return { writer, turn };
  };

  test("its open turns of earlier processes, from where they were sealed to", () => {
    const replica = fresh();
    const open = begun(self, "before", 2);
    const current = begun(self, "now", 1, "of this process");
    const other = begun(b, "other", 1, "of another worker");
    const closed = begun(self, "closed", 1, "closed");
    closed.turn.close();
    feed(
      replica,
      [open, current, other, closed].map(({ writer }) => writer.seal()),
    );
    const orders = finds(replica, (track) => trackName(track) === trackName(current.writer.track));
    assert.deepEqual(orders, [
      {
        request: open.turn.request,
        prompt: given,
        answered: [10, 11],
        parent: undefined,
        continues: open.turn.id,
      },
    ]);
  });

  test("not one that somebody has answered meanwhile, nor one whose prompt was not sealed any more", () => {
    const replica = fresh();
    const open = begun(self, "before", 2);
    const writer = new TrackWriter(self, "half a prompt");
    writer.open(requestOf([7, 8], { nonce: hashOf("half") })).tokens("given", [7]);
    feed(replica, [open.writer.seal(), writer.seal()]);
    assert.deepEqual(
      finds(replica).map(({ continues }) => continues),
      [open.turn.id],
    );
    const elsewhere = begun(b, "elsewhere", 5);
    elsewhere.turn.close();
    feed(replica, [elsewhere.writer.seal()]);
    assert.deepEqual(finds(replica), []);
  });

  test("of several for one request the longest, of equals one; each one looked at when its turn has come", () => {
    const replica = fresh();
    const [short, long, equal] = [begun(self, "1", 1), begun(self, "2", 3), begun(self, "3", 3)];
    feed(
      replica,
      [short, long, equal].map(({ writer }) => writer.seal()),
    );
    assert.deepEqual(
      finds(replica).map(({ continues }) => continues),
      [equal.turn.id],
    );
    const later = begun(self, "4", 2, "another request");
    feed(replica, [later.writer.seal()]);
    const orders = unfinished(replica, new Conversations(crypto, replica), () => false);
    assert.deepEqual(orders.next().value?.continues, equal.turn.id);
    const answered = begun(b, "answer", 4, "another request");
    answered.turn.close();
    feed(replica, [answered.writer.seal()]);
    assert.equal(orders.next().done, true, "answered while the first was being finished");
  });
});

test("a follow-up that a turn was gone on from keeps its whole context", () => {
  const replica = fresh();
  const first = new TrackWriter(b, "first");
  const parent = first
    .open(requestOf([1]))
    .tokens("given", [1])
    .tokens("written", [2, 3, 4])
    .close();
  const second = new TrackWriter(c, "second");
  const named = { checkpoint: { number: 0, hash: hashOf("genesis") }, turn: parent.id, position: 3 };
  const start = Context.of(crypto, [1, 2, 3]);
  const turn = second.open(requestOf([5], {}, [1, 2, 3]), { parent: named, start });
  turn.tokens("given", [5]).tokens("written", [6]).close();
  feed(replica, [first.seal(), second.seal()]);
  const conversations = new Conversations(crypto, replica);
  assert.deepEqual(conversations.tokens(replica.turn(turn.id)!), [1, 2, 3, 5, 6]);
  assert.deepEqual(conversations.tokens(replica.turn(parent.id)!), [1, 2, 3, 4]);
});

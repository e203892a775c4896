import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Bytes, equal } from "../../../offchain/core/bytes.ts";
import type { CanonicalAnswers } from "../../../offchain/core/canonical.ts";
import type { CourtSays } from "../../../offchain/core/dispute.ts";
import { type Request, requestId } from "../../../offchain/core/request.ts";
import type { Parent } from "../../../offchain/core/snapshot.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { Committed, turnOf, WINDOW } from "../../helpers/committed.ts";
import { foundingEvents, hashOf, type Keys, operatorAt, requestOf, TrackWriter } from "../../helpers/core.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
const [, b, c, d] = members;
const world = () => new Committed(members, foundingEvents(members));
const request = requestOf([1]);
const id = requestId(crypto, request);
const TOKENS = { given: [1], written: [7, 8] };

const ask = (answers: CanonicalAnswers, which: Bytes = id) => {
  const canonical = answers.of(which);
  return canonical.type === "answer" ? canonical.turn.id : canonical.type;
};

describe("the canonical answer", () => {
  test("is the closed one with the lowest checkpoint, then segment, then snapshot", () => {
    const net = world();
    assert.equal(ask(net.answers()), "none");
    const late = turnOf(b, "late", request, TOKENS);
    const both = new TrackWriter(c, "two in one segment");
    const first = both.open(request).tokens("given", [1]);
    const second = both.open(request).tokens("given", [1]);
    second.tokens("written", [7]).close();
    first.tokens("written", [7]).close();
    const open = new TrackWriter(d, "open");
    open.open(request).tokens("given", [1]).tokens("written", [7]);
    net.hold(open.seal());
    net.commit(1);
    assert.equal(ask(net.answers()), "none", "an answer that is not closed has no place");
    net.hold(both.seal());
    assert.equal(ask(net.answers()), "none", "nor one that is not committed");
    net.commit(2);
    assert.deepEqual(ask(net.answers()), second.id, "its place is that of its close");
    net.commit(3, [late.segment]);
    assert.deepEqual(ask(net.answers()), second.id);
    for (const order of [0, 1]) {
      const other = world();
      const both = [turnOf(b, "1", request, TOKENS).segment, turnOf(c, "2", request, TOKENS).segment];
      other.commit(1, order === 0 ? both : both.toReversed());
      const canonical = other.answers().of(id);
      assert.ok(canonical.type === "answer");
      assert.deepEqual(canonical.place, { checkpoint: 1, segment: 0, snapshot: 3 });
      const [lowest] = other.nodes[0]!.consensus.latest.cut!.entries;
      assert.deepEqual(canonical.turn.track.operator, lowest!.operator);
    }
  });

  test("is unknown while a cut, or a segment that a cut covers, is not here yet", () => {
    const net = world();
    const answer = turnOf(b, "1", request, TOKENS);
    const rest = turnOf(c, "2", requestOf([2]), { given: [2], written: [3] });
    net.commit(1, [rest.segment]);
    net.commit(2, [answer.segment]);
    assert.deepEqual(ask(net.answers()), answer.id);
    const [{ replica, consensus }] = net.nodes as [(typeof net.nodes)[0]];
    replica.rewind(rest.track, 0);
    assert.equal(ask(net.answers()), "unknown", "another answer may be in it");
    replica.step({ type: "restore", segment: rest.segment, hash: rest.segment.hash });
    assert.deepEqual(ask(net.answers()), answer.id);
    consensus.committed(1)!.cut = undefined;
    assert.equal(ask(net.answers()), "unknown", "without the cut before there is no place");
  });

  test("is not one of which a token was proven wrong, whenever that was, though it is while that is said only", () => {
    const net = world();
    const [guilty, honest] = [turnOf(b, "1", request, TOKENS), turnOf(c, "2", request, TOKENS)];
    net.commit(1, [guilty.segment]);
    net.commit(1 + 2 * WINDOW, [honest.segment]);
    const first = (says: CourtSays) => ask(net.answers(0, 64, (turn) => (equal(turn, guilty.id) ? says : "silent")));
    assert.deepEqual(first("accused"), guilty.id);
    assert.deepEqual(first("void"), honest.id);
  });

  test("is not one of who was convicted before it was final; unknown while that cannot be told", () => {
    const other = requestOf([2]);
    const more = (label: string) => turnOf(d, label, other, { given: [2], written: [3] }).segment;
    const convictedAt = (lastBefore: number, firstAfter: number | undefined) => {
      const net = world();
      const [guilty, honest] = [turnOf(b, "1", request, TOKENS), turnOf(c, "2", request, TOKENS)];
      net.commit(10, [guilty.segment]);
      net.commit(lastBefore, [honest.segment]);
      net.convict(b);
      if (firstAfter !== undefined) net.commit(firstAfter, [more("3")]);
      const said = ask(net.answers());
      if (typeof said === "string") return said;
      return equal(said, guilty.id) ? "guilty" : "honest";
    };
    const final = 10 + WINDOW;
    assert.equal(convictedAt(20, final - 1), "honest", "before");
    assert.equal(convictedAt(final, final + 50), "guilty", "after: history is never rewritten");
    assert.equal(convictedAt(20, final), "unknown", "the conviction was in between");
    assert.equal(convictedAt(20, undefined), "honest", "no block since could have made it final");
  });
});

describe("a turn that refers to what is not there is an orphan", () => {
  const history = [1, 2, 3];
  type Reference = Partial<Parent> & { history?: readonly number[]; between?: number; span?: number };

  /**
   * A turn says 1, 2, 3 in checkpoint 1 and 4 after that. A second turn goes on from it as `change` says, in checkpoint
   * 2 or `between` later, before a third that needs nobody. Which of the two is canonical?
   */
  function choose(change: Reference, memory?: Request["memory"]): string {
    const net = world();
    const first = new TrackWriter(b, "first");
    const turn = first
      .open(requestOf([1]))
      .tokens("given", [1])
      .tokens("written", [2, 3]);
    const checkpoint = net.commit(1, [first.seal()]);
    turn.tokens("written", [4]).close();
    let next = 2;
    const pass = (label: string) => turnOf(d, label, requestOf([9]), { given: [9], written: [9] }).segment;
    for (let i = 0; i < (change.between ?? 0); i++) net.commit(next++, [pass(`between ${i}`)]);
    const said = change.history ?? history;
    const asked = requestOf([5], memory && { memory }, said);
    const parent = { checkpoint, turn: turn.id, position: 3, ...change };
    const tokens = { history: said, given: [5], written: [6] };
    const child = turnOf(c, "child", asked, tokens, parent);
    const alone = turnOf(d, "alone", asked, { history: said, given: [5], written: [6] });
    net.commit(next++, [first.seal(), child.segment]);
    net.commit(next, [alone.segment]);
    const chosen = ask(net.answers(0, change.span), requestId(crypto, asked));
    if (typeof chosen === "string") return chosen;
    return equal(chosen, child.id) ? "child" : "alone";
  }

  test("what its parent had said by a committed checkpoint not too far behind is there", () => {
    assert.equal(choose({}), "child");
    assert.equal(choose({ position: 2 }), "child", "from the middle of it, too");
    assert.equal(choose({ span: 1 }), "child");
    assert.equal(choose({ between: 2, span: 3 }), "child");
  });

  test("a checkpoint that the chain does not have, or that is farther behind than the span", () => {
    assert.equal(choose({ checkpoint: { number: 1, hash: hashOf("taken back") } }), "alone");
    assert.equal(choose({ checkpoint: { number: 99, hash: hashOf("never was") } }), "alone");
    assert.equal(choose({ between: 2, span: 2 }), "alone");
  });

  test("a parent that never was, or has not said it by then, or has said something else", () => {
    assert.equal(choose({ turn: hashOf("nobody's turn") }), "alone");
    assert.equal(choose({ history: [1, 2, 3, 4], position: 4 }), "alone", "4 came after that checkpoint");
    assert.equal(choose({ history: [1, 2, 9] }), "alone");
  });

  test("a memory of a checkpoint that the chain does not have, or too far behind", () => {
    const net = world();
    const { hash } = net.nodes[0]!.consensus.committed(0)!;
    const memory = (of: Bytes): Request["memory"] => ({
      id: hashOf("memory"),
      checkpoint: { number: 0, hash: of },
      gate: "weak",
    });
    assert.equal(choose({}, memory(hash)), "child");
    assert.equal(choose({ span: 1 }, memory(hash)), "none", "both name it: it is too far for either");
    assert.equal(choose({}, memory(hashOf("another"))), "none");
  });

  test("what can no longer be told here is unknown", () => {
    const net = world();
    const old = turnOf(b, "old", requestOf([1]), { given: [1], written: [2, 3] });
    const checkpoint = net.commit(1, [old.segment]);
    const asked = requestOf([5], {}, history);
    const parent = { checkpoint, turn: old.id, position: 3 };
    const child = turnOf(c, "child", asked, { history, given: [5], written: [6] }, parent);
    net.commit(2, [child.segment]);
    assert.deepEqual(ask(net.answers(), requestId(crypto, asked)), child.id);
    const { replica } = net.nodes[0]!;
    const track = replica.track(old.track)!;
    track.prune(1);
    replica.replace(track);
    assert.equal(ask(net.answers(), requestId(crypto, asked)), "unknown");
  });
});

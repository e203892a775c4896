import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Context } from "../../../offchain/core/context.ts";
import { Conversations } from "../../../offchain/core/conversations.ts";
import { ParentFinder } from "../../../offchain/core/parents.ts";
import type { Request } from "../../../offchain/core/request.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import { Committed, turnOf } from "../../helpers/committed.ts";
import {
  equivocation,
  feed,
  foundingEvents,
  hashOf,
  type Keys,
  operatorAt,
  requestOf,
  TrackWriter,
} from "../../helpers/core.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
const [, b, c, d] = members;
const world = () => new Committed(members, foundingEvents(members));

/** What a worker names as parent when it is asked to go on after `history`, from a turn. */
function find(net: Committed, history: readonly number[], parent: Uint8Array, changes: Partial<Request> = {}) {
  const { replica, consensus } = net.nodes[0]!;
  const finder = new ParentFinder(replica, consensus, new Conversations(crypto, replica));
  return finder.find({ request: requestOf([9], changes, history), prompt: [...history, 9], answered: [], parent });
}

describe("what a turn may name as its parent", () => {
  test("only what the latest checkpoint has of it; whatever is newer is carried", () => {
    const net = world();
    const writer = new TrackWriter(b);
    const turn = writer
      .open(requestOf([1]))
      .tokens("given", [1])
      .tokens("written", [2]);
    net.hold(writer.seal());
    assert.equal(find(net, [1, 2], turn.id), undefined, "nothing is committed");
    const first = net.commit(1);
    turn.tokens("written", [3]);
    net.hold(writer.seal());
    assert.deepEqual(find(net, [1, 2, 3], turn.id), { checkpoint: first, turn: turn.id, position: 2 });
    const second = net.commit(2);
    assert.deepEqual(find(net, [1, 2, 3], turn.id), { checkpoint: second, turn: turn.id, position: 3 });
    assert.equal(find(net, [1, 2], turn.id)?.position, 2, "no more than the history");
    assert.equal(find(net, [1, 7, 3], turn.id), undefined, "which must be what it said");
    const newer = turnOf(
      c,
      "newer",
      requestOf([4], {}, [1, 2, 3]),
      { history: [1, 2, 3], given: [4], written: [5] },
      {
        checkpoint: second,
        turn: turn.id,
        position: 3,
      },
    );
    net.hold(newer.segment);
    assert.deepEqual(find(net, [1, 2, 3, 4, 5], newer.id)?.turn, turn.id, "else what its parent said");
  });

  test("nothing of another client, of who is accused or out, or on a fork that the chain did not take", () => {
    const tokens = { given: [1], written: [2] };
    const make = () => {
      const net = world();
      const turn = turnOf(b, "1", requestOf([1]), tokens);
      net.commit(1, [turn.segment]);
      return { net, id: turn.id };
    };
    const whole = make();
    assert.ok(find(whole.net, [1, 2], whole.id));
    assert.equal(find(whole.net, [1, 2], whole.id, { requester: hashOf("another client") }), undefined);
    const { a, b: other } = equivocation(b, "lies", 0, 1);
    const accused = make();
    accused.net.nodes[0]!.replica.step({ type: "evidence", evidence: { a: a[0]!, b: other[0]! } });
    assert.equal(find(accused.net, [1, 2], accused.id), undefined);
    const out = make();
    out.net.convict(b);
    assert.equal(find(out.net, [1, 2], out.id), undefined);

    const forked = world();
    const [told, shown] = [new TrackWriter(d, "two faces"), new TrackWriter(d, "two faces")];
    told
      .open(requestOf([1]))
      .tokens("given", [1])
      .tokens("written", [2])
      .close();
    const turn = shown
      .open(requestOf([1], { maxLength: 5 }))
      .tokens("given", [1])
      .tokens("written", [2])
      .close();
    const [self, ...others] = forked.nodes;
    const common = turnOf(c, "2", requestOf([3]), { given: [3], written: [4] }).segment;
    const [one, two] = [told.seal(), shown.seal()];
    for (const { replica } of others) feed(replica, [one]);
    feed(self!.replica, [two]);
    forked.hold(common);
    forked.propose(1, 1);
    assert.equal(forked.nodes[0]!.consensus.latest.cut?.entry(told.track)?.sequence, 1);
    assert.equal(find(forked, [1, 2], turn.id), undefined, "our fork is not what is committed");
  });

  test("nothing of a turn that claims another beginning than its parent said", () => {
    const net = world();
    const first = turnOf(b, "1", requestOf([1]), { given: [1], written: [2, 3] });
    const checkpoint = net.commit(1, [first.segment]);
    const writer = new TrackWriter(c, "false");
    const start = Context.of(crypto, [1, 2, 8]);
    const parent = { checkpoint, turn: first.id, position: 3 };
    const turn = writer.open(requestOf([4], {}, [1, 2, 8]), { start, parent });
    turn.tokens("given", [4]).tokens("written", [5]).close();
    net.commit(2, [writer.seal()]);
    const { replica } = net.nodes[0]!;
    assert.equal(new Conversations(crypto, replica).tokens(replica.turn(turn.id)!), undefined);
    // By its parent's word this would be its context; what it signed is another one.
    const named = find(net, [1, 2, 3, 4, 5], turn.id);
    assert.deepEqual([named?.turn, named?.position], [first.id, 3]);
  });
});

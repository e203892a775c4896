import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Bytes, equal, toHex } from "../../offchain/core/bytes.ts";
import { Context } from "../../offchain/core/context.ts";
import { Conversations } from "../../offchain/core/conversations.ts";
import { trackName } from "../../offchain/core/cut.ts";
import { ParentFinder } from "../../offchain/core/parents.ts";
import { References } from "../../offchain/core/references.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { Committed, turnOf } from "../helpers/committed.ts";
import { feed, hashOf, requestOf, type Sealed } from "../helpers/core.ts";
import { gossip } from "../helpers/mesh.ts";
import { EVENTS, MEMBERS, runs } from "./world.ts";

/** One answer to a client that goes on with a story, or begins one; by two workers at once when `twice`. */
const step = fc.record({
  story: fc.nat(),
  fresh: fc.boolean(),
  /** Tokens at the story's end that the client takes back. */
  back: fc.nat({ max: 3 }),
  who: fc.nat({ max: 3 }),
  twice: fc.boolean(),
  written: fc.array(fc.nat({ max: 511 }), { minLength: 1, maxLength: 4 }),
  /** Who hears of it at once; the others in the end. */
  hears: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  commit: fc.boolean(),
});
const script = fc.tuple(fc.array(step, { minLength: 2, maxLength: 14 }), fc.infiniteStream(fc.nat({ max: 1000 })));

type Script = typeof script extends fc.Arbitrary<infer S> ? S : never;

/** Honest workers, each of which names what it knows to be committed and carries the rest. */
function play([steps, numbers]: Script) {
  const net = new Committed(MEMBERS, EVENTS);
  const stories: { tokens: readonly number[]; turn: Bytes }[] = [];
  const requests: Bytes[] = [];
  const pending: Sealed[] = [];
  let labels = 0;
  const shuffled = () =>
    pending
      .map((segment) => ({ segment, at: numbers.next().value as number }))
      .sort((a, b) => a.at - b.at)
      .map(({ segment }) => segment);
  for (const { story, fresh, back, who, twice, written, hears, commit: commits } of steps) {
    const known = fresh ? undefined : stories[story % Math.max(1, stories.length)];
    const history = known?.tokens.slice(0, Math.max(0, known.tokens.length - back)) ?? [];
    const given = [labels % 512];
    const request = requestOf(given, { nonce: hashOf(`answer ${labels}`) }, history);
    for (const author of twice ? [who, (who + 1) % 4] : [who]) {
      const { replica, consensus, keys } = net.nodes[author]!;
      const order = { request, prompt: [...history, ...given], answered: [], parent: known?.turn };
      const parent = new ParentFinder(replica, consensus, new Conversations(crypto, replica)).find(order);
      const turn = turnOf(keys, `turn ${labels++}`, request, { history, given, written }, parent);
      feed(replica, [turn.segment]);
      for (const [i, node] of net.nodes.entries()) if (hears[i]) feed(node.replica, [turn.segment]);
      pending.push(turn.segment);
      stories.push({ tokens: [...history, ...given, ...written], turn: turn.id });
      requests.push(net.nodes[author]!.replica.turn(turn.id)!.open.requestId);
    }
    // Of what most have heard; the rest comes later.
    gossip(net.nodes, 0);
    if (commits) net.propose(who, ++labels);
  }
  for (const { replica } of net.nodes) feed(replica, shuffled());
  gossip(net.nodes, 0);
  net.propose(0, ++labels);
  return { net, requests };
}

const cutsOf = ({ nodes }: Committed, at: number) => ({ cutAt: (n: number) => nodes[at]!.consensus.committed(n)?.cut });

/** Walks through everything that is committed, in the order of the segments trees, to the first that answers. */
function firstCommitted(net: Committed, requestId: Bytes): Bytes | undefined {
  const { replica, consensus } = net.nodes[0]!;
  for (let number = 1; number <= consensus.latest.checkpoint.number; number++)
    for (const place of consensus.committed(number)!.cut!.segmentsSince(consensus.committed(number - 1)!.cut!)) {
      const closed = [...replica.tracks.get(trackName(place))!.turns.values()]
        .filter((turn) => turn.close && turn.latest.sequence === place.sequence)
        .sort((a, b) => a.latest.index - b.latest.index)
        .find((turn) => equal(turn.open.requestId, requestId));
      if (closed) return closed.id;
    }
  return undefined;
}

describe("canonical answers", () => {
  test("S1 everybody has the same, whatever came first: the first that is committed", () => {
    fc.assert(
      fc.property(script, (run) => {
        const { net, requests } = play(run);
        for (const requestId of requests) {
          const first = firstCommitted(net, requestId);
          for (const at of net.nodes.keys()) {
            const canonical = net.answers(at).of(requestId);
            assert.ok(canonical.type === "answer");
            assert.equal(toHex(canonical.turn.id), first && toHex(first));
          }
        }
      }),
      runs(40),
    );
  });

  test("no turn of an honest worker is an orphan, and each begins where what it names ends", () => {
    let named = 0;
    fc.assert(
      fc.property(script, (run) => {
        const { net } = play(run);
        for (const [at, { replica, consensus }] of net.nodes.entries()) {
          const references = new References(replica, consensus, cutsOf(net, at), 64);
          const conversations = new Conversations(crypto, replica);
          for (const track of replica.tracks.values())
            for (const turn of track.turns.values()) {
              const { number } = consensus.latest.checkpoint;
              assert.equal(references.of(turn, number), "held");
              if (turn.open.parent) named += 1;
              const tokens = conversations.tokens(turn);
              assert.ok(tokens);
              assert.deepEqual(Context.of(crypto, tokens).root, turn.context.root);
            }
        }
      }),
      runs(40),
    );
    assert.ok(named > 100, `only ${named} turns named a parent`);
  });
});

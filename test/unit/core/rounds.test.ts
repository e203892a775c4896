import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { equal } from "../../../offchain/core/bytes.ts";
import type { Rounds } from "../../../offchain/core/rounds.ts";
import { beatOf, feed, requestOf, TrackWriter, writeSegments } from "../../helpers/core.ts";
import { commitAll, gossip, offer, type Peer } from "../../helpers/mesh.ts";

import {
  LONGEST_MS,
  members,
  proposes,
  rotation,
  roundsOf,
  SHORTEST_MS,
  STEP_MS,
  settled,
} from "../../helpers/rounds.ts";

/** When each of them first proposes, while everybody hears all others; the `silent` one only for 1.5 s. */
function firstProposals(nodes: readonly Peer[], rounds: ReadonlyMap<Peer, Rounds>, from: number, silent?: Peer) {
  const first = new Map<Peer, number>();
  for (let now = from; now < from + 20_000; now += STEP_MS)
    for (const node of nodes) {
      const own = rounds.get(node) as Rounds;
      for (const other of nodes)
        if (other !== node && (other !== silent || now < from + 1_500)) own.heard(other.keys.operator, now);
      if (node !== silent && proposes(own.tick(now, 0)) && !first.has(node)) first.set(node, now - from);
    }
  return first;
}

describe("whose turn it is to propose", () => {
  test("proposers rotate by checkpoint number, and the next in the rotation has its turn 3 s later", () => {
    const { nodes, writers } = settled([[members[0], "1", 3]]);
    const rounds = new Map(nodes.map((node) => [node, roundsOf(node)]));
    const seen = new Set<Peer>();
    for (let number = 1; number <= 4; number++) {
      const from = (number - 1) * 100_000;
      const order = rotation(nodes);
      const times = firstProposals(nodes, rounds, from);
      assert.deepEqual(
        order.map((node) => times.get(node)),
        [0, 3_000, 6_000, 9_000].map((wait) => SHORTEST_MS + wait),
      );
      seen.add(order[0]!);
      commitAll(nodes, offer(order[0]!)!);
      for (const own of rounds.values()) own.moved(from + 100_000);
      const more = writeSegments(writers[0]!, 1, number);
      for (const { replica } of nodes) feed(replica, more);
      gossip(nodes, from + 100_000);
    }
    assert.equal(seen.size, 4, "everybody was first once");
  });

  test("who has not been heard for 1 s is passed over", () => {
    const { nodes } = settled([[members[0], "1", 3]]);
    const order = rotation(nodes);
    const rounds = new Map(nodes.map((node) => [node, roundsOf(node)]));
    const times = firstProposals(nodes, rounds, 0, order[0]);
    assert.deepEqual(
      order.map((node) => times.get(node)),
      [undefined, 1_400 + 1_000, SHORTEST_MS + 3_000, SHORTEST_MS + 6_000],
    );
  });
});

describe("when a checkpoint is due", () => {
  /** When whose turn it is proposes, in a net where three segments wait. */
  function due(changes: {
    load?: number;
    peerLoad?: number;
    pace?: number;
    drift?: number;
    nothing?: boolean;
    learns?: boolean;
  }): number | undefined {
    const { nodes } = settled([[members[0], "1", 3]]);
    if (changes.learns) {
      const writer = new TrackWriter(members[1]);
      writer
        .open(requestOf([1]))
        .tokens("given", [1])
        .tokens("written", [2, 3])
        .learn(1, 2);
      const sealed = writer.seal();
      for (const { replica } of nodes) feed(replica, [sealed]);
      gossip(nodes, 0);
    }
    if (changes.nothing) commitAll(nodes, offer(nodes[0])!);
    const [proposer, other] = rotation(nodes) as [Peer, Peer];
    const beat = beatOf(other.replica, { load: changes.peerLoad ?? 0 });
    proposer.replica.step({ type: "beat", from: other.keys.operator, beat, now: 0 });
    const rounds = roundsOf(proposer, { pace: changes.pace ?? 1_000, drift: changes.drift ?? 65_536 });
    for (let now = 0; now < 2 * LONGEST_MS; now += STEP_MS) {
      for (const { keys } of nodes) if (keys !== proposer.keys) rounds.heard(keys.operator, now);
      if (proposes(rounds.tick(now, changes.load ?? 0))) return now;
    }
    return undefined;
  }

  test("at the shortest interval when nobody writes or enough waits, at the longest else, never without anything new", () => {
    assert.equal(due({}), SHORTEST_MS, "nobody writes");
    assert.equal(due({ load: 1 }), LONGEST_MS, "a turn is being written here");
    assert.equal(due({ peerLoad: 1 }), LONGEST_MS, "and at another worker");
    assert.equal(due({ load: 1, pace: 3 }), SHORTEST_MS, "enough waits");
    assert.equal(due({ load: 1, drift: 0 }), LONGEST_MS, "nothing is learnt");
    assert.equal(due({ load: 1, learns: true }), LONGEST_MS, "what is learnt may move as far as it wants");
    assert.equal(
      due({ load: 1, learns: true, drift: 65_535 }),
      SHORTEST_MS,
      "the first that is learnt is all there is",
    );
    assert.equal(due({ nothing: true }), undefined);
  });

  test("after a quorum nobody is asked again for 30 s, or 2 s after the chain refused", () => {
    for (const [refusedAt, again] of [
      [undefined, 30_000],
      [5_000, 7_000],
    ] as const) {
      const { nodes } = settled([[members[0], "1", 3]]);
      const [proposer] = rotation(nodes) as [Peer];
      const rounds = roundsOf(proposer);
      const asked: number[] = [];
      let committed: number | undefined;
      for (let now = 0; now < 40_000; now += STEP_MS) {
        for (const { keys } of nodes) if (keys !== proposer.keys) rounds.heard(keys.operator, now);
        const since = committed === undefined ? undefined : now - committed;
        if (since === refusedAt && since !== undefined) rounds.outcome({ type: "failed", reason: "reverted" }, now);
        for (const effect of rounds.tick(now, 0)) {
          if (effect.type !== "ask" || effect.question.type !== "attest") continue;
          if (!asked.includes(now)) asked.push(now);
          const attester = nodes.find(({ keys }) => equal(keys.operator, effect.to)) as Peer;
          const verdict = attester.consensus.judge(effect.question.proposal, now);
          assert.ok(verdict.type === "sign");
          const signature = attester.keys.signer.sign(verdict.built.hash);
          const then = rounds.answered(effect.id, { type: "attested", signature }, now);
          if (then.some(({ type }) => type === "commit")) committed ??= now;
        }
      }
      assert.equal(committed, SHORTEST_MS);
      assert.equal(asked[1]! - SHORTEST_MS, again);
    }
  });

  test("into a retired ledger nothing is proposed, until a reorganisation takes that back", () => {
    const { nodes } = settled([[members[0], "1", 3]]);
    const [proposer] = rotation(nodes) as [Peer];
    const rounds = roundsOf(proposer);
    const proposed = (from: number) => {
      for (let now = from; now < from + 100_000; now += STEP_MS) {
        for (const { keys } of nodes) if (keys !== proposer.keys) rounds.heard(keys.operator, now);
        if (proposes(rounds.tick(now, 0))) return true;
      }
      return false;
    };
    rounds.outcome({ type: "retired" }, 0);
    assert.equal(proposed(0), false);
    rounds.moved(100_000);
    assert.equal(proposed(100_000), true);
  });

  test("when a quorum is heard again, what was written meanwhile is let come in for 1 s", () => {
    const { nodes } = settled([[members[0], "1", 3]]);
    const [proposer] = rotation(nodes) as [Peer];
    const rounds = roundsOf(proposer);
    const others = nodes.filter((node) => node !== proposer).map(({ keys }) => keys.operator);
    let first: number | undefined;
    for (let now = 0; now < 20_000 && first === undefined; now += STEP_MS) {
      // One other is half of the stake with us; two are a quorum.
      for (const operator of now < 6_000 ? others.slice(0, 1) : others.slice(0, 2)) rounds.heard(operator, now);
      if (now >= 6_000 && proposes(rounds.tick(now, 0))) first = now;
    }
    assert.equal(first, 7_000);
  });
});

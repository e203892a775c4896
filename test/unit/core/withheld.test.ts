import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { equal } from "../../../offchain/core/bytes.ts";
import { trackName } from "../../../offchain/core/cut.ts";
import { WeftError } from "../../../offchain/core/errors.ts";
import type { Keys, TrackWriter } from "../../helpers/core.ts";
import type { Peer } from "../../helpers/mesh.ts";

import { members, NOT_NOW, rotation, roundsOf, SHORTEST_MS, STEP_MS, settled } from "../../helpers/rounds.ts";

describe("what is proposed after too few could attest", () => {
  test("without what the nearest quorum lacks, as long as it was said in the last 5 s", () => {
    const { nodes, writers } = settled(
      [
        [members[0], "1", 3],
        [members[1], "2", 3],
        [members[2], "3", 3],
      ],
      { censorshipMs: 1e9 },
    );
    const [proposer, ...others] = rotation(nodes) as [Peer, Peer, Peer, Peer];
    const rounds = roundsOf(proposer);
    type Key = TrackWriter["track"];
    const [one, two, three] = writers.map(({ track }) => track) as [Key, Key, Key];
    let now = 0;
    /** Proposes as soon as it may after `from`, and hears from two that they lack a track. */
    const propose = (from: number, lacked: Key) => {
      for (; now < from + 10_000; now += STEP_MS) {
        for (const { keys } of others) rounds.heard(keys.operator, now);
        if (now < from) continue;
        const asks = rounds.tick(now, 0).filter((effect) => effect.type === "ask");
        if (asks.length === 0) continue;
        for (const [i, { id }] of asks.entries())
          rounds.answered(id, i < 2 ? { type: "missing", tracks: [{ ...lacked, have: 0 }] } : NOT_NOW, now);
        const { question } = asks[0]!;
        assert.ok(question.type === "attest");
        return { now, names: question.proposal.advances.map(trackName).sort() };
      }
      assert.fail("nothing was proposed");
    };
    const names = (...tracks: Key[]) => tracks.map(trackName).sort();
    assert.deepEqual(propose(0, two), { now: SHORTEST_MS, names: names(one, two, three) });
    assert.deepEqual(propose(0, three), { now: SHORTEST_MS + 500, names: names(one, three) });
    assert.deepEqual(
      propose(0, three),
      { now: SHORTEST_MS + 1_000, names: names(one) },
      "what was said before holds still",
    );
    const late = propose(SHORTEST_MS + 5_100, three).names;
    assert.deepEqual(late, names(one, two), "what was said 5.1 s ago does not");
  });

  test("who refuses does not count as one who lacks nothing", () => {
    const { nodes, writers } = settled([
      [members[0], "1", 3],
      [members[1], "2", 3],
    ]);
    const [proposer, ...others] = rotation(nodes) as [Peer, Peer, Peer, Peer];
    const rounds = roundsOf(proposer);
    const lacked = (writers[1] as TrackWriter).track;
    const silent = new WeftError("deadline", "no answer in time");
    const answers = [{ type: "refused", code: "unknown_memory", message: "" } as const, silent];
    const proposed: string[][] = [];
    for (let now = 0; now < SHORTEST_MS + 2_000; now += STEP_MS) {
      for (const { keys } of others) rounds.heard(keys.operator, now);
      const asks = rounds.tick(now, 0).filter((effect) => effect.type === "ask");
      for (const [i, { id, question }] of asks.entries()) {
        assert.ok(question.type === "attest");
        if (i === 0) proposed.push(question.proposal.advances.map(trackName));
        rounds.answered(id, answers[i] ?? { type: "missing", tracks: [{ ...lacked, have: 0 }] }, now);
      }
    }
    assert.equal(proposed[0]?.length, 2);
    assert.ok(proposed.length > 1 && proposed.slice(1).every((names) => !names.includes(trackName(lacked))));
  });

  test("of an operator with many new tracks all wait when one is lacked; what was lacked is not forgotten with the next try", () => {
    const { nodes, writers } = settled([
      [members[0], "1", 3],
      ...Array.from({ length: 12 }, (_, i): [Keys, string, number] => [members[1], `flood ${i}`, 1]),
    ]);
    const [proposer, ...others] = rotation(nodes) as [Peer, Peer, Peer, Peer];
    const rounds = roundsOf(proposer);
    const proposed: number[] = [];
    for (let now = 0; now < SHORTEST_MS + 2_000; now += STEP_MS) {
      for (const { keys } of others) rounds.heard(keys.operator, now);
      const asks = rounds.tick(now, 0).filter((effect) => effect.type === "ask");
      for (const [i, { id, question }] of asks.entries()) {
        assert.ok(question.type === "attest");
        const { advances } = question.proposal;
        if (i === 0) proposed.push(advances.length);
        const lacked = advances.filter(({ operator }) => !equal(operator, members[0].operator)).slice(0, 1);
        const missing = { type: "missing", tracks: lacked.map((track) => ({ ...track, have: 0 })) } as const;
        rounds.answered(id, lacked.length > 0 ? missing : NOT_NOW, now);
      }
    }
    assert.ok(writers.length === 13 && proposed.length >= 3);
    assert.deepEqual(proposed, [5, ...proposed.slice(1).map(() => 1)]);
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Checkpoint } from "../../../offchain/core/checkpoint.ts";
import { repairs } from "../../../offchain/core/repairing.ts";
import { feed, foundingEvents, hashOf, type Keys, operatorAt, TrackWriter, writeSegments } from "../../helpers/core.ts";
import { answer as code, commitAll, gossip, netsOf, nodeOf, offer } from "../../helpers/mesh.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
const events = foundingEvents(members);
const { settled } = netsOf(members, events);

describe("consensus", () => {
  test("L4 what one proposes, any other that holds the same signs; the chain goes on (S6)", () => {
    const { nodes, writers } = settled([
      [members[0], "1", 3],
      [members[1], "1", 2],
    ]);
    for (let round = 1; round <= 3; round++) {
      const made = offer(nodes[round % 4]!);
      assert.ok(made);
      for (const node of nodes) assert.equal(code(node, made.proposal), "sign");
      commitAll(nodes, made);
      for (const node of nodes) {
        assert.equal(node.consensus.latest.checkpoint.number, round);
        assert.equal(offer(node), undefined, "nothing to add");
        assert.equal(node.consensus.backlog, 0);
        const parent = node.consensus.committed(round - 1)!;
        const segments = node.consensus.segmentsOf(parent.cut!, made.cut);
        assert.deepEqual(segments.root, made.checkpoint.segmentsRoot);
      }
      const more = writeSegments(writers[0]!, 2, 10 * round);
      for (const node of nodes) feed(node.replica, more);
      gossip(nodes, round);
    }
  });

  test("a proposal that is made again is not worked out again", () => {
    const { nodes } = settled([[members[0], "1", 3]]);
    const { proposal } = offer(nodes[0])!;
    const [once, again] = [0, 1].map((now) => nodes[1].consensus.judge(proposal, now));
    assert.ok(once.type === "sign" && again.type === "sign");
    assert.equal(once.built, again.built);
  });

  test("any flipped field of a checkpoint is never signed", () => {
    const { nodes } = settled([[members[0], "1", 3]]);
    const { proposal } = offer(nodes[0])!;
    for (const field of Object.keys(proposal.checkpoint) as (keyof Checkpoint)[]) {
      const value = proposal.checkpoint[field];
      const others = typeof value === "number" ? [value + 1, value - 1] : [hashOf("another")];
      for (const other of others) {
        const checkpoint = { ...proposal.checkpoint, [field]: other };
        assert.equal(nodes[1].consensus.judge({ ...proposal, checkpoint }, 0).type, "refused", field);
      }
    }
    assert.equal(code(nodes[1], proposal), "sign");
  });

  test("what is not held is missing: nothing of it, not enough of it, another fork of it", () => {
    const { nodes } = settled([[members[0], "1", 3]]);
    const { proposal } = offer(nodes[0])!;
    const [late, forked] = [nodeOf(members[2], events), nodeOf(members[3], events)];
    assert.equal(code(late, proposal), "missing");
    const shorter = new TrackWriter(members[0]);
    feed(late.replica, writeSegments(shorter, 2, 0));
    const verdict = late.consensus.judge(proposal, 0);
    assert.ok(verdict.type === "missing");
    assert.deepEqual(
      verdict.tracks.map(({ have }) => have),
      [2],
    );
    feed(forked.replica, writeSegments(new TrackWriter(members[0]), 3, 7));
    assert.equal(code(forked, proposal), "missing");
  });

  test("each kind of false statement is refused for its reason", () => {
    const { nodes } = settled([
      [members[0], "1", 3],
      [members[1], "1", 2],
    ]);
    const [one, two] = nodes;
    const { proposal } = offer(one)!;
    const { checkpoint, advances } = proposal;
    const changed = (change: Partial<Checkpoint>) =>
      code(two, { ...proposal, checkpoint: { ...checkpoint, ...change } });
    assert.equal(changed({ number: 2 }), "stale");
    assert.equal(changed({ parent: hashOf("elsewhere") }), "stale");
    assert.equal(changed({ registryPosition: 99 }), "registry");
    assert.equal(changed({ registryHash: hashOf("elsewhere") }), "registry");
    const older = one.replica.registryAt(4)!;
    assert.equal(changed({ registryPosition: 4, registryHash: older.hash }), "registry");
    assert.equal(changed({ memoryRoot: hashOf("learnt") }), "false");
    assert.equal(code(two, { checkpoint, advances: [...advances, advances[0]!] }), "shape");
    assert.equal(code(two, { checkpoint, advances: advances.slice(1) }), "false");
    assert.equal(code(two, { checkpoint, advances: [] }), "empty");
    const zero = { ...advances[0]!, sequence: 0, head: two.replica.track(advances[0]!)!.id };
    assert.equal(code(two, { checkpoint, advances: [zero] }), "shape");
    assert.equal(code(two, { checkpoint, advances: advances.toReversed() }), "sign", "order says nothing");
    commitAll(nodes, offer(one)!);
    assert.equal(code(two, proposal), "stale");
    const stands = { ...checkpoint, number: 2, parent: one.consensus.latest.hash };
    assert.equal(code(two, { checkpoint: stands, advances }), "shape");
  });

  test("capacity bounds a proposal, and the rest comes next (L7)", () => {
    const { nodes } = settled(
      [
        [members[0], "1", 7],
        [members[1], "1", 6],
      ],
      { capacity: 5 },
    );
    const counts: number[] = [];
    for (let made = offer(nodes[0]); made; made = offer(nodes[0])) {
      for (const node of nodes) assert.equal(code(node, made.proposal, 1e9), "sign");
      counts.push(made.checkpoint.segmentCount);
      commitAll(nodes, made);
    }
    assert.deepEqual(counts, [5, 5, 3]);
    const roomy = settled([[members[0], "1", 7]], { capacity: 50 });
    const tight = settled([[members[0], "1", 7]], { capacity: 5 });
    assert.equal(code(tight.nodes[1], offer(roomy.nodes[0])!.proposal), "too_large");
  });

  test("a checkpoint admits four new tracks per operator; more wait", () => {
    const labels = ["1", "2", "3", "4", "5", "6"];
    const { nodes } = settled([
      ...labels.map((label): [Keys, string, number] => [members[0], label, 1]),
      [members[1], "1", 1],
    ]);
    const first = offer(nodes[0])!;
    assert.equal(first.proposal.advances.length, 5);
    assert.equal(code(nodes[1], first.proposal, 1e9), "sign", "tracks beyond four are not left out");
    const greedy = settled(
      labels.map((label) => [members[0], label, 1]),
      { newTracksPerOperator: 6 },
    );
    assert.equal(code(nodes[1], offer(greedy.nodes[0])!.proposal), "shape");
    commitAll(nodes, first);
    assert.equal(offer(nodes[0])!.proposal.advances.length, 2);
  });

  test("commit follows the latest; cuts are believed by their root; a reorganisation starts anew", () => {
    const { nodes } = settled([[members[0], "1", 2]]);
    const made = offer(nodes[0])!;
    const stranger = nodeOf(members[1], events);
    assert.throws(() => stranger.consensus.commit({ ...made.checkpoint, number: 2 }, made.hash), {
      code: "checkpoint_gap",
    });
    stranger.consensus.commit(made.checkpoint, made.hash);
    assert.equal(stranger.consensus.latest.cut, undefined);
    assert.equal(offer(stranger), undefined);
    const next = { ...made.checkpoint, number: 2, parent: made.hash };
    assert.equal(code(stranger, { checkpoint: next, advances: [] }), "behind");
    const lies = made.cut.entries.map((entry) => ({ ...entry, first: 1 }));
    assert.throws(() => stranger.consensus.learnCut(1, lies), { code: "bad_root" });
    assert.throws(() => stranger.consensus.learnCut(9, []), { code: "unknown_checkpoint" });
    stranger.consensus.learnCut(1, made.cut.entries);
    assert.deepEqual(
      repairs(stranger.consensus, stranger.replica).map((r) => [r.type, r.type === "fetch" && r.from]),
      [["fetch", 1]],
    );
    commitAll(nodes, made);
    nodes[0].consensus.reset();
    assert.equal(nodes[0].consensus.latest.checkpoint.number, 0);
    nodes[0].consensus.commit(made.checkpoint, made.hash);
    assert.ok(nodes[0].consensus.latest.cut, "cuts are kept by their hash");
  });
});

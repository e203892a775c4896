import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Checkpoint } from "../../../offchain/core/checkpoint.ts";
import { checkpointOf } from "../../../offchain/core/cut.ts";
import type { Proposal } from "../../../offchain/core/proposal.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import {
  equivocation,
  feed,
  foundingEvents,
  hashOf,
  incarnationOf,
  numbered,
  operatorAt,
  setOf,
  signerOf,
  TrackWriter,
  writeSegments,
} from "../../helpers/core.ts";
import { commitAll, gossip, nodeOf, offer, type Peer } from "../../helpers/mesh.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
type Keys = ReturnType<typeof operatorAt>;
const events = foundingEvents(members);
const net = (options = {}) => members.map((keys) => nodeOf(keys, events, options)) as [Peer, Peer, Peer, Peer];

/** Four nodes that hold the same tracks and have told each other so. */
function settled(tracks: [Keys, string, number][], options = {}) {
  const nodes = net(options);
  const writers = tracks.map(([keys, label]) => new TrackWriter(keys, label));
  for (const [i, [, , count]] of tracks.entries()) {
    const segments = writeSegments(writers[i]!, count, i);
    for (const node of nodes) feed(node.replica, segments);
  }
  gossip(nodes, 0);
  return { nodes, writers };
}

const code = (peer: Peer, proposal: Proposal, now = 0) => {
  const verdict = peer.consensus.judge(proposal, now);
  return verdict.type === "refused" ? verdict.code : verdict.type;
};

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
        assert.deepEqual(node.consensus.rebuild(round)?.segments.root, made.checkpoint.segmentsRoot);
      }
      const more = writeSegments(writers[0]!, 2, 10 * round);
      for (const node of nodes) feed(node.replica, more);
      gossip(nodes, round);
    }
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

  test("L6 evidence holds an operator's tracks where the parent left them", () => {
    const { common, a, b } = equivocation(members[3], "liar", 2, 2);
    const nodes = net();
    const honest = writeSegments(new TrackWriter(members[0]), 2, 5);
    for (const node of nodes) feed(node.replica, [...honest, ...common]);
    gossip(nodes, 0);
    commitAll(nodes, offer(nodes[0])!);
    for (const node of nodes) feed(node.replica, a);
    gossip(nodes, 1);
    const { proposal } = offer(nodes[0])!;
    assert.equal(code(nodes[1], proposal), "sign");
    feed(nodes[1].replica, b.slice(0, 1));
    const verdict = nodes[1].consensus.judge(proposal, 1e9);
    assert.ok(verdict.type === "evidence");
    assert.deepEqual(verdict.evidence.a.header.operator, members[3].operator);
    assert.equal(offer(nodes[1]), undefined);
    assert.equal(nodes[1].consensus.latest.cut?.entry(a[0]!.header)?.sequence, 2);
    const restarted = writeSegments(new TrackWriter(members[3], "again"), 1, 9);
    for (const effect of feed(nodes[1].replica, restarted)) assert.ok(effect.type === "fault");
  });

  test("a conviction ends the entries; the rest goes on with the new set", () => {
    const { nodes, writers } = settled([
      [members[0], "1", 2],
      [members[3], "1", 2],
    ]);
    commitAll(nodes, offer(nodes[0])!);
    const [conviction] = numbered(
      [{ kind: "convicted", operator: members[3].operator, set: setOf(members.slice(0, 3)) }],
      nodes[0].replica.registry,
    );
    const before = nodes[0].replica.registry;
    const more = writeSegments(writers[0]!, 1, 7);
    for (const { replica } of nodes) {
      feed(replica, more);
      replica.step({ type: "registry", event: conviction! });
    }
    gossip(nodes, 1);
    const made = offer(nodes[0])!;
    for (const node of nodes) assert.equal(code(node, made.proposal), "sign");
    assert.deepEqual(made.cut.entries.map(({ ended }) => ended).filter(Boolean), [true]);
    assert.ok(made.cut.entry(writers[1]!.track)?.ended);
    const stale = { ...made.checkpoint, registryPosition: before.position, registryHash: before.hash };
    assert.equal(code(nodes[1], { ...made.proposal, checkpoint: stale }), "registry");
  });

  test("censoring is refused after the patience, which doubles with each refusal and starts anew with a commit", () => {
    const { nodes } = settled(
      [
        [members[0], "1", 2],
        [members[1], "1", 2],
      ],
      { censorshipMs: 100 },
    );
    const censor = settled([[members[0], "1", 2]]);
    const { proposal } = offer(censor.nodes[0])!;
    const [, judge] = nodes;
    assert.equal(code(judge, proposal, 100), "sign", "patience lasts");
    assert.equal(code(judge, proposal, 101), "censoring");
    assert.equal(code(judge, proposal, 200), "sign");
    assert.equal(code(judge, proposal, 201), "censoring");
    assert.equal(code(judge, proposal, 400), "sign");
    assert.equal(code(judge, proposal, 401), "censoring");
    const fair = offer(nodes[0])!;
    assert.equal(code(judge, fair.proposal, 1e9), "sign");
    commitAll(nodes, fair);
    const partial = settled([[members[0], "1", 2]], { capacity: 1, censorshipMs: 1 });
    const part = offer(partial.nodes[0])!;
    assert.equal(code(partial.nodes[1], part.proposal, 1e9), "sign", "a full checkpoint leaves out what does not fit");
  });

  test("S9 a node on a fork that the chain did not take neither signs nor proposes on top of it", () => {
    const { common, a, b } = equivocation(members[3], "liar", 1, 2);
    const nodes = net();
    for (const node of nodes.slice(0, 3)) feed(node.replica, [...common, ...a.slice(0, 1)]);
    gossip(nodes.slice(0, 3), 0);
    const made = offer(nodes[0])!;
    const fooled = nodes[3];
    feed(fooled.replica, [...common, ...b]);
    commitAll(nodes, made);
    fooled.consensus.learnCut(1, made.cut.entries);
    assert.deepEqual(
      fooled.consensus.repairs().map(({ type }) => type),
      ["drop"],
    );
    const beyond = { ...b[1]!.header, head: b[1]!.hash };
    const wrong = made.cut.extend(crypto, [beyond], () => false);
    const { checkpoint } = checkpointOf(crypto, made, wrong, fooled.replica.registry, (_, at) => b[at - 2]!.hash);
    const forged = fooled.consensus.judge({ checkpoint, advances: [beyond] }, 0);
    assert.equal(forged.type, "missing");
    const heads = [{ operator: beyond.operator, incarnation: beyond.incarnation, sequence: 3, head: beyond.head }];
    gossip(
      nodes,
      1,
      new Map([
        [members[0].operator, heads],
        [members[1].operator, heads],
        [members[2].operator, heads],
      ]),
    );
    assert.equal(offer(fooled), undefined);
  });

  test("S3 a segment by a key that came later is not attested at an older position", () => {
    const nodes = net();
    const key = signerOf("next key");
    const before = nodes[0].replica.registry;
    const rotated = {
      kind: "rotated",
      operator: members[0].operator,
      oldSigner: members[0].signer.address,
      newSigner: key.address,
    } as const;
    const [event] = numbered([rotated], before);
    for (const { replica } of nodes) replica.step({ type: "registry", event: event! });
    const segments = writeSegments(new TrackWriter({ operator: members[0].operator, signer: key }), 2);
    for (const { replica } of nodes) feed(replica, segments);
    gossip(nodes, 0);
    const { proposal } = offer(nodes[0])!;
    assert.equal(code(nodes[1], proposal), "sign");
    const checkpoint = { ...proposal.checkpoint, registryPosition: before.position, registryHash: before.hash };
    assert.equal(code(nodes[1], { ...proposal, checkpoint }), "shape");
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
      stranger.consensus.repairs().map((r) => [r.type, r.type === "fetch" && r.from]),
      [["fetch", 1]],
    );
    commitAll(nodes, made);
    const track = { operator: members[0].operator, incarnation: incarnationOf("1") };
    assert.equal(nodes[0].consensus.covering(track, 2)?.checkpoint.number, 1);
    assert.equal(nodes[0].consensus.covering(track, 3), undefined);
    nodes[0].consensus.reset();
    assert.equal(nodes[0].consensus.latest.checkpoint.number, 0);
    nodes[0].consensus.commit(made.checkpoint, made.hash);
    assert.ok(nodes[0].consensus.latest.cut, "cuts are kept by their hash");
  });
});

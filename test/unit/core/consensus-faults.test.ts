import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compare, toHex } from "../../../offchain/core/bytes.ts";
import { checkpointOf } from "../../../offchain/core/cut.ts";
import { repairs } from "../../../offchain/core/repairing.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import {
  equivocation,
  feed,
  foundingEvents,
  type Keys,
  numbered,
  operatorAt,
  requestOf,
  setOf,
  signerOf,
  TrackWriter,
  untaught,
  writeSegments,
} from "../../helpers/core.ts";
import { answer as code, commitAll, gossip, netsOf, offer } from "../../helpers/mesh.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
const events = foundingEvents(members);
const { net, settled } = netsOf(members, events);

describe("consensus among liars, the convicted and censors", () => {
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
      repairs(fooled.consensus, fooled.replica).map(({ type }) => type),
      ["rewind"],
    );
    const beyond = { ...b[1]!.header, head: b[1]!.hash };
    const wrong = made.cut.extend(crypto, [beyond], () => false);
    const hashes = untaught((_, at) => b[at - 2]!.hash);
    const { checkpoint } = checkpointOf(crypto, made, wrong, fooled.replica.registry, hashes);
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
    for (const { replica } of nodes) {
      replica.resetRegistry();
      for (const event of events) replica.step({ type: "registry", event });
    }
    assert.equal(code(nodes[1], { ...proposal, checkpoint }), "shape", "nor after the chain took the key back");
    assert.equal(offer(nodes[0]), undefined);
  });

  test("two true proposals for one number may both be signed: an attestation is a statement of fact", () => {
    const { nodes } = settled([
      [members[0], "1", 2],
      [members[1], "1", 2],
    ]);
    const whole = offer(nodes[0])!;
    const part = offer(settled([[members[0], "1", 2]]).nodes[0])!;
    assert.notDeepEqual(part.hash, whole.hash);
    assert.equal(part.checkpoint.number, whole.checkpoint.number);
    for (const { proposal } of [whole, part, whole]) assert.equal(code(nodes[1], proposal), "sign");
    commitAll(nodes, part);
    assert.equal(code(nodes[1], whole.proposal), "stale", "the chain takes one");
  });

  test("of an operator with more new tracks than a checkpoint admits, which ones wait is the proposer's choice", () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, i): [Keys, string, number] => [members[1], `${i}`, 1]);
    const { proposal } = offer(settled([[members[0], "1", 2]]).nodes[0])!;
    const judged = (count: number) =>
      code(settled([[members[0], "1", 2], ...many(count)], { censorshipMs: 100 }).nodes[1], proposal, 1e9);
    assert.deepEqual([4, 5].map(judged), ["censoring", "sign"]);
  });

  test("tracks that stopped at their first segment are none that wait", () => {
    const { proposal } = offer(settled([[members[0], "1", 2]]).nodes[0])!;
    const { nodes } = settled(
      [
        [members[0], "1", 2],
        [members[1], "1", 1],
      ],
      { censorshipMs: 100 },
    );
    const { replica } = nodes[1];
    for (let i = 0; i < 8; i++) {
      const stopped = new TrackWriter(members[1], `stopped ${i}`);
      stopped.open(requestOf([1], { maxLength: 0 }));
      feed(replica, [stopped.seal()]);
      assert.equal(replica.track(stopped.track)?.sequence, 0);
    }
    assert.equal(code(nodes[1], proposal, 1e9), "censoring");
  });

  test("patience is not lost by hearing one proposal again and again", () => {
    const { nodes } = settled(
      [
        [members[0], "1", 2],
        [members[1], "1", 2],
      ],
      { censorshipMs: 100 },
    );
    const { proposal } = offer(settled([[members[0], "1", 2]]).nodes[0])!;
    for (let i = 0; i < 20; i++) assert.equal(code(nodes[1], proposal, 1_000), "censoring");
  });

  test("whoever writes most does not always come first: each number begins with another operator", () => {
    const { nodes, writers } = settled(
      members.map((member, i) => [member, String(i), 3] as [Keys, string, number]),
      { capacity: 3 },
    );
    const [busy] = [...writers].sort((a, b) => compare(a.track.operator, b.track.operator));
    const firsts = new Set<string>();
    for (let round = 0; round < 8; round++) {
      // Whose address comes first always has as much as fits.
      const more = writeSegments(busy!, 3, 10 * round);
      for (const { replica } of nodes) feed(replica, more);
      gossip(nodes, round);
      const made = offer(nodes[0])!;
      assert.equal(made.checkpoint.segmentCount, 3);
      for (const { operator } of made.proposal.advances) firsts.add(toHex(operator));
      commitAll(nodes, made);
    }
    assert.equal(firsts.size, 4);
  });
});

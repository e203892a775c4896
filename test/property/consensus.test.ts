import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { equal, toHex } from "../../offchain/core/bytes.ts";
import { type Checkpoint, checkpointHash } from "../../offchain/core/checkpoint.ts";
import { trackName } from "../../offchain/core/cut.ts";
import { decodeProposal, encodeProposal, type Proposal } from "../../offchain/core/proposal.ts";
import { repairs } from "../../offchain/core/repairing.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import type { Sealed } from "../helpers/core.ts";
import { feed, hashOf, SEPARATOR } from "../helpers/core.ts";
import { commitAll, gossip, nodeOf, offer, type Peer } from "../helpers/mesh.ts";
import { deliver, EVENTS, isOf, LIAR, MEMBERS, runs, SEED, type World, world } from "./world.ts";

const net = (options = {}) => MEMBERS.map((keys) => nodeOf(keys, EVENTS, options));

/** What a run of a net does, step by step; `who` and `what` are taken modulo whatever there is. */
const script = fc.array(
  fc.record({
    act: fc.constantFrom("deliver", "deliver", "gossip", "gossip", "propose"),
    who: fc.nat(),
    what: fc.nat(),
    count: fc.nat({ max: 6 }),
  }),
  { minLength: 25, maxLength: 60 },
);

const holdsAll = (node: Peer, { proposal }: { proposal: Proposal }) =>
  proposal.advances.every((advance) => {
    const held = node.replica.track(advance)?.hashAt(advance.sequence);
    return held && equal(held, advance.head);
  });

/** Plays a script over a world; `seen` is called with every proposal before it is judged and committed. */
function play(
  w: World,
  steps: typeof script extends fc.Arbitrary<infer S> ? S : never,
  seen: (made: NonNullable<ReturnType<typeof offer>>, nodes: Peer[]) => void,
) {
  const nodes = net({ capacity: 6 });
  let now = 0;
  for (const { act, who, what, count } of steps) {
    const node = nodes[who % nodes.length]!;
    now += 1;
    if (act === "deliver") {
      const track = w.tracks[what % w.tracks.length]!;
      // Now and then to one node only, so that some propose what others miss.
      const to = what % 5 === 0 ? [node] : nodes.filter((_, i) => i !== who % 7);
      for (const { replica } of to) feed(replica, track.slice(0, count));
    } else if (act === "gossip") gossip(nodes, now);
    else {
      const made = offer(node);
      if (!made) continue;
      seen(made, nodes);
      const stake = nodes.filter(({ consensus }) => consensus.judge(made.proposal, now).type === "sign").length;
      if (stake < 3) continue;
      commitAll(nodes, made);
      for (const { replica, consensus } of nodes)
        for (const repair of repairs(consensus, replica)) {
          assert.ok(repair.type === "fetch");
          const track = w.tracks.find(
            ([first]) => first && trackName(first.header) === trackName(repair.entry),
          ) as Sealed[];
          for (const segment of track.slice(repair.from - 1, repair.entry.sequence))
            replica.step({ type: "restore", segment, hash: segment.hash });
        }
    }
  }
  return nodes;
}

describe(`consensus, seed ${SEED}`, () => {
  test("L4 who holds the same signs, who does not says what is missing; proposals survive the wire", () => {
    let signed = 0;
    fc.assert(
      fc.property(world, script, (w, steps) => {
        play(w, steps, (made, nodes) => {
          const proposal = decodeProposal(encodeProposal(made.proposal));
          assert.deepEqual(proposal, made.proposal);
          for (const node of nodes) {
            const verdict = node.consensus.judge(proposal, 1);
            assert.equal(verdict.type, holdsAll(node, made) ? "sign" : "missing");
            if (verdict.type !== "sign") continue;
            signed += 1;
            assert.deepEqual(verdict.built.hash, made.hash);
          }
        });
      }),
      runs(25),
    );
    assert.ok(signed > 30, `only ${signed} were signed: the scripts say too little`);
  });

  test("S6 committed checkpoints form one chain and a track never goes back", () => {
    let longest = 0;
    fc.assert(
      fc.property(world, script, (w, steps) => {
        const nodes = play(w, steps, () => {});
        const height = nodes[0]!.consensus.latest.checkpoint.number;
        longest = Math.max(longest, height);
        for (const { consensus } of nodes) {
          assert.equal(consensus.latest.checkpoint.number, height);
          for (let number = 1; number <= height; number++) {
            const [parent, child] = [consensus.committed(number - 1)!, consensus.committed(number)!];
            assert.deepEqual(child.checkpoint.parent, parent.hash);
            assert.deepEqual(checkpointHash(crypto, SEPARATOR, child.checkpoint), child.hash);
            for (const [slot, entry] of parent.cut!.entries.entries()) {
              const next = child.cut!.entries[slot]!;
              assert.equal(trackName(next), trackName(entry));
              assert.ok(next.sequence >= entry.sequence);
              if (next.sequence === entry.sequence) assert.deepEqual(next.head, entry.head);
            }
            const rebuilt = consensus.segmentsOf(parent.cut!, child.cut!);
            assert.deepEqual(rebuilt.root, child.checkpoint.segmentsRoot);
          }
        }
      }),
      runs(25),
    );
    assert.ok(longest >= 3, `no chain was longer than ${longest}`);
  });

  test("S1 the same cut is the same checkpoint, whoever makes it and however it heard", () => {
    fc.assert(
      fc.property(world, fc.infiniteStream(fc.nat()), (w, keys) => {
        const nodes = net();
        for (const node of nodes) {
          const sorted = w.segments.map((segment) => ({ segment, key: keys.next().value as number }));
          deliver(
            node.replica,
            sorted.sort((a, b) => a.key - b.key).map(({ segment }) => segment),
          );
        }
        gossip(nodes, 0);
        const made = nodes.map((node) => offer(node));
        for (const one of made) {
          assert.ok(one);
          assert.deepEqual(one.checkpoint, made[0]!.checkpoint);
          assert.deepEqual(one.hash, made[0]!.hash);
          assert.ok(one.cut.entries.every(({ operator }) => !w.evidence || !isOf(LIAR, operator)));
        }
      }),
      runs(20),
    );
  });

  test("a false statement is never signed: any field flipped, any advance altered, dropped or added", () => {
    fc.assert(
      fc.property(world, fc.nat(), fc.nat(), fc.nat({ max: 31 }), (w, field, pick, byte) => {
        const nodes = net();
        for (const { replica } of nodes) feed(replica, w.tracks.flat());
        gossip(nodes, 0);
        const [one, two] = [nodes[0]!, nodes[1]!];
        const { proposal } = offer(one)!;
        const never = (lie: Proposal, what: string) => assert.notEqual(two.consensus.judge(lie, 1).type, "sign", what);
        const names = Object.keys(proposal.checkpoint) as (keyof Checkpoint)[];
        const name = names[field % names.length]!;
        const value = proposal.checkpoint[name];
        const flipped = typeof value === "number" ? value + 1 + byte : value.map((b, i) => (i === byte ? b ^ 1 : b));
        never({ ...proposal, checkpoint: { ...proposal.checkpoint, [name]: flipped } }, name);

        const at = pick % proposal.advances.length;
        const advance = proposal.advances[at]!;
        const swap = (other: typeof advance) => ({ ...proposal, advances: proposal.advances.with(at, other) });
        never(swap({ ...advance, sequence: advance.sequence + 1 }), "longer than it is");
        never(swap({ ...advance, sequence: advance.sequence - 1 }), "shorter, with another head");
        never(swap({ ...advance, head: hashOf("elsewhere") }), "another head");
        never(swap({ ...advance, incarnation: new Uint8Array(16) }), "a track that is not");
        never({ ...proposal, advances: proposal.advances.toSpliced(at, 1) }, "dropped");
        never({ ...proposal, advances: [...proposal.advances, advance] }, "twice");
        assert.equal(two.consensus.judge(proposal, 1).type, "sign");
      }),
      runs(40),
    );
  });

  test("L6 the liar's tracks stay at the parent's entries; a proposal that moves them is answered with evidence", () => {
    fc.assert(
      fc.property(
        world.filter(({ evidence }) => evidence !== undefined),
        (w) => {
          const nodes = net();
          const { a } = w.evidence!;
          const liar = w.segments.filter(({ header }) => isOf(LIAR, header.operator));
          const common = liar.filter(({ header }) => header.sequence < a.header.sequence);
          for (const { replica } of nodes) feed(replica, [...w.tracks.flat(), ...common]);
          gossip(nodes, 0);
          commitAll(nodes, offer(nodes[0]!)!);
          const fork = liar.filter(({ header }) => header.sequence === a.header.sequence);
          for (const { replica } of nodes) feed(replica, fork.slice(0, 1));
          gossip(nodes, 1);
          const { proposal } = offer(nodes[0]!)!;
          const [, , , witness] = nodes as [Peer, Peer, Peer, Peer];
          witness.replica.step({ type: "evidence", evidence: w.evidence! });
          const verdict = witness.consensus.judge(proposal, 1e9);
          assert.ok(verdict.type === "evidence");
          assert.deepEqual(toHex(verdict.evidence.a.header.operator), toHex(LIAR.operator));
          assert.equal(offer(witness), undefined);
          const entry = witness.consensus.latest.cut!.entry(a.header);
          assert.equal(entry?.sequence ?? 0, common.length);
        },
      ),
      runs(15),
    );
  });
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { lastNumbers } from "../../../offchain/chain/numbers.ts";
import { ActiveClock } from "../../../offchain/core/active-clock.ts";
import { equal } from "../../../offchain/core/bytes.ts";
import { type ChainEvent, decodeChainEvent, encodeChainEvent } from "../../../offchain/core/chain.ts";
import { type Committed, KEPT_CUTS } from "../../../offchain/core/checkpoints.ts";
import type { Cut } from "../../../offchain/core/cut.ts";
import type { Effect } from "../../../offchain/core/events.ts";
import { Following } from "../../../offchain/core/following.ts";
import { feed, foundingEvents, type Keys, operatorAt, type TrackWriter, writeSegments } from "../../helpers/core.ts";
import { answer, commitAll, gossip, netsOf, offer, type Peer } from "../../helpers/mesh.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
const { settled } = netsOf(members, foundingEvents(members));
const WINDOW = 60;

/** Rounds of two segments each, committed by all. */
function commitRounds(nodes: readonly Peer[], writer: TrackWriter, rounds: number) {
  return Array.from({ length: rounds }, (_, i) => {
    const more = writeSegments(writer, 2, 10 + i);
    for (const { replica } of nodes) feed(replica, more);
    gossip(nodes, i);
    const made = offer(nodes[0] as Peer);
    assert.ok(made);
    commitAll(nodes, made);
    return made;
  });
}

const committed = (made: { checkpoint: { number: number }; hash: Uint8Array }, committedAt: number, block = 0) =>
  ({ kind: "committed", ...made, committedAt, block, logIndex: 0 }) as ChainEvent;
const at = { block: 1, logIndex: 1 };

describe("checkpoints that fall", () => {
  test("S6 the next one extends the latest that stands, under a number that was never used, and covers what fell (L7)", () => {
    const { nodes, writers } = settled([[members[0], "1", 1]]);
    const made = commitRounds(nodes, writers[0] as TrackWriter, 3);
    for (const { consensus } of nodes) consensus.fell(2, 1);

    const next = offer(nodes[1]);
    assert.ok(next && made[0]);
    assert.equal(next.checkpoint.number, 4);
    assert.deepEqual(next.checkpoint.parent, made[0].hash);
    assert.equal(next.checkpoint.segmentCount, 4, "two of each that fell");
    for (const node of nodes) assert.equal(answer(node, next.proposal), "sign");
    commitAll(nodes, next);
    const { consensus } = nodes[2];
    assert.deepEqual(consensus.standing, [0, 1, 4]);
    assert.equal(consensus.committed(4)?.parent, 1);
    assert.deepEqual(consensus.segmentsOf(made[0].cut, next.cut).root, next.checkpoint.segmentsRoot);
    // Turns that named it keep what they named.
    assert.deepEqual(consensus.committed(3)?.hash, made[2]?.hash);
  });

  test("one that extends what fell is stale", () => {
    const { nodes, writers } = settled([[members[0], "1", 1]]);
    commitRounds(nodes, writers[0] as TrackWriter, 1);
    const more = writeSegments(writers[0] as TrackWriter, 2, 50);
    for (const { replica } of nodes) feed(replica, more);
    gossip(nodes, 5);
    const orphan = offer(nodes[0]);
    assert.ok(orphan);
    nodes[1].consensus.fell(1, 0);
    assert.equal(answer(nodes[1], orphan.proposal), "stale");
  });

  test("L8 the cut of what fell is let go like those of what stands", () => {
    const { nodes, writers } = settled([[members[0], "1", 1]]);
    const [{ consensus }] = nodes;
    commitRounds(nodes, writers[0] as TrackWriter, 2);
    for (const node of nodes) node.consensus.fell(2, 1);
    commitRounds(nodes, writers[0] as TrackWriter, KEPT_CUTS);
    assert.ok(consensus.committed(2)?.cut, "as long as the one after it has its own");
    commitRounds(nodes, writers[0] as TrackWriter, 1);
    assert.deepEqual(
      [1, 2, 3, 4].map((number) => consensus.committed(number)?.cut !== undefined),
      [false, false, false, true],
    );
  });

  test("a fall that leaves another standing than it says is a gap in what was read", () => {
    const { nodes, writers } = settled([[members[0], "1", 1]]);
    commitRounds(nodes, writers[0] as TrackWriter, 3);
    assert.throws(() => nodes[0].consensus.fell(2, 0), { code: "checkpoint_gap" });
    assert.deepEqual(nodes[0].consensus.standing, [0, 1, 2, 3]);
  });

  test("a kept-back log of a fall shows with the next checkpoint", () => {
    const { nodes, writers } = settled([[members[0], "1", 1]]);
    const [first, second] = commitRounds(nodes, writers[0] as TrackWriter, 2);
    for (const { consensus } of nodes) consensus.fell(2, 1);
    const [third] = commitRounds(nodes, writers[0] as TrackWriter, 1);
    assert.ok(first && second && third);
    const fell: ChainEvent = { kind: "fell", from: 2, standing: 1, ...at };
    const before = { registry: 0, committed: 0 };
    const all = [committed(first, 0), committed(second, 0), fell, committed(third, 0)];
    assert.equal(lastNumbers(all, before).fault, undefined);
    assert.match(lastNumbers(all.toSpliced(2, 1), before).fault as string, /nothing says that that one fell/);
  });
});

/** Two checkpoints, of the times 100 and 110. */
function followed() {
  const { nodes, writers } = settled([[members[0], "1", 1]]);
  const made = commitRounds(nodes, writers[0] as TrackWriter, 2);
  const { replica, consensus } = nodes[3];
  consensus.reset();
  const following = new Following(replica, consensus, WINDOW);
  const take = (time: number, ...events: ChainEvent[]) => following.take({ type: "events", events, time });
  for (const [i, one] of made.entries()) take(100 + 10 * i, committed(one, 100 + 10 * i));
  return { following, take, consensus };
}

describe("finality, as the ledger says it", () => {
  test("what stands is final when its window is over", () => {
    const { following, take } = followed();
    take(159);
    assert.equal(following.final, 0);
    take(160);
    assert.equal(following.final, 1);
    take(170);
    assert.equal(following.final, 2);
  });

  test("a dispute keeps its checkpoint and those after it from being final, until the last one is closed", () => {
    const { following, take } = followed();
    const disputed = (open: number): ChainEvent => ({ kind: "disputed", number: 2, open, ...at });
    take(120, disputed(2));
    take(300, disputed(1));
    assert.equal(following.final, 1);
    take(301, disputed(0));
    assert.equal(following.final, 2);
  });

  test("what fell is never final, and its disputes hold nothing back", () => {
    const { following, take, consensus } = followed();
    take(120, { kind: "disputed", number: 2, open: 1, ...at }, { kind: "fell", from: 2, standing: 1, ...at });
    take(1_000);
    assert.equal(following.final, 1);
    assert.equal(consensus.latest.checkpoint.number, 1);
  });

  test("a pause makes every window longer by what it lasted", () => {
    const { following, take } = followed();
    take(130, { kind: "paused", from: 130, until: 230, ...at });
    take(180);
    assert.equal(following.final, 0, "active time is 130 still");
    take(200, { kind: "resumed", at: 200, ...at });
    take(229);
    assert.equal(following.final, 0);
    take(230);
    assert.equal(following.final, 1);
  });

  test("S11 a reorganisation that takes no event back may take time back, and bring a dispute or a fall to what was final", () => {
    const fell: ChainEvent = { kind: "fell", from: 1, standing: 0, ...at };
    const disputed: ChainEvent = { kind: "disputed", number: 1, open: 1, ...at };
    const paused: ChainEvent = { kind: "paused", from: 159, until: 169, ...at };
    for (const event of [fell, disputed, paused]) {
      const { following, take } = followed();
      take(160);
      assert.equal(following.final, 1);
      take(161, event);
      assert.equal(following.final, 0, event.kind);
      assert.deepEqual(following.unknownCuts(), []);
    }
    const { following, take } = followed();
    take(160);
    take(159);
    assert.equal(following.final, 0);
    take(160);
    assert.equal(following.final, 1);
    take(0);
    assert.deepEqual([following.final, following.time], [1, 160], "a time that is not known says nothing");
  });

  test("S11 after a reorganisation pauses, disputes and falls are those of the fork that counts", () => {
    const { following, consensus } = followed();
    const events = [1, 2].map((number) => {
      const { checkpoint, hash } = consensus.committed(number) as NonNullable<ReturnType<typeof consensus.committed>>;
      return committed({ checkpoint, hash }, 90 + 10 * number);
    });
    following.take({
      type: "events",
      time: 120,
      events: [
        { kind: "disputed", number: 1, open: 1, ...at },
        { kind: "paused", from: 115, until: 900, ...at },
        { kind: "fell", from: 2, standing: 1, ...at },
      ],
    });
    following.take({ type: "reorg", time: 200, events });
    assert.equal(following.final, 2);
    assert.ok(equal(consensus.latest.hash, (events[1] as { hash: Uint8Array }).hash));
  });
});

test("active time stands still in every pause", () => {
  const clock = new ActiveClock();
  clock.pause(100, 150);
  clock.pause(200, 300);
  clock.resume(240);
  const times = [90, 100, 120, 150, 160, 200, 220, 240, 250];
  assert.deepEqual(
    times.map((time) => clock.active(time)),
    [90, 100, 100, 100, 110, 150, 150, 150, 160],
  );
});

test("what the chain says of falls, disputes and pauses survives a restart", () => {
  const events: ChainEvent[] = [
    { kind: "fell", from: 2, standing: 1, ...at },
    { kind: "disputed", number: 2, open: 1, ...at },
    { kind: "paused", from: 130, until: 230, ...at },
    { kind: "resumed", at: 200, ...at },
  ];
  for (const event of events) assert.deepEqual(decodeChainEvent(encodeChainEvent(event)), event);
});

describe("windows longer than the cuts that are kept", () => {
  const ROUNDS = 3 * KEPT_CUTS;

  /** One checkpoint a second, with a window as long as all of them. */
  function long() {
    const { nodes, writers } = settled([[members[0], "1", 1]]);
    const { replica, consensus } = nodes[3];
    const following = new Following(replica, consensus, ROUNDS);
    for (let i = 1; i <= ROUNDS; i++) {
      const more = writeSegments(writers[0] as TrackWriter, 1, i);
      for (const node of nodes) feed(node.replica, more);
      gossip(nodes, i);
      const made = offer(nodes[0]);
      assert.ok(made);
      for (const node of nodes.slice(0, 3)) node.consensus.commit(made.checkpoint, made.hash);
      for (const node of nodes.slice(0, 3)) node.consensus.learnCut(made.checkpoint.number, made.cut.entries);
      consensus.remember(made.checkpoint.number, made.hash, made.cut);
      following.take({ type: "events", events: [committed(made, i)], time: i });
    }
    return { following, consensus, replica };
  }

  test("K7 the anchor is final and its cut is there, so that drift is compared, workers join and retention goes on", () => {
    const { following, consensus } = long();
    const kept = () => consensus.standing.filter((number) => consensus.committed(number)?.cut);
    for (const time of [ROUNDS + KEPT_CUTS + 5, 2 * ROUNDS - KEPT_CUTS - 1, 2 * ROUNDS - 3]) {
      following.take({ type: "events", events: [], time });
      const { anchor, final } = following;
      assert.equal(final, time - ROUNDS);
      assert.ok(anchor && anchor.number <= final && final - anchor.number < KEPT_CUTS);
      assert.deepEqual(following.unknownCuts(), []);
      assert.ok(kept().length <= KEPT_CUTS + 3, `${kept().length} cuts`);
      const early = kept().filter((number) => number > 0 && number < Math.min(anchor.number, ROUNDS - KEPT_CUTS));
      assert.deepEqual(early, [], "earlier ones are let go");
    }
    assert.equal(following.anchor?.number, following.final, "a late one is its own anchor");
  });

  test("L8 a cut whose time is over is not kept on disk again, however late it is shown", () => {
    const { consensus, replica } = long();
    const again = new Following(replica, consensus, ROUNDS);
    const stored = (effects: readonly Effect[] = again.keepCuts()) =>
      effects.flatMap((one) => (one.type === "store" && one.record.type === "checkpoint" ? [one.record.number] : []));
    assert.equal(again.forgetCuts(ROUNDS - 2), false, "none is there");
    assert.deepEqual(stored(), [ROUNDS - 2, ROUNDS - 1, ROUNDS]);
    assert.equal(again.forgetCuts(ROUNDS), true);
    assert.equal(again.forgetCuts(ROUNDS), false);
    assert.deepEqual(stored(), []);
    const events = consensus.standing
      .slice(1)
      .map((number) => committed(consensus.committed(number) as Committed, number));
    const late = consensus.standing.slice(-KEPT_CUTS, -1);
    const effects = again.take({ type: "reorg", events, time: ROUNDS });
    assert.deepEqual(stored(effects), late, "after a reorganisation they may be others");
  });

  test("F7 the latest cut is asked for first, and the anchor's too", () => {
    const { following, consensus } = long();
    for (const number of consensus.standing.slice(1)) (consensus.committed(number) as { cut?: Cut }).cut = undefined;
    following.take({ type: "events", events: [], time: ROUNDS + KEPT_CUTS + 5 });
    const wanted = following.unknownCuts();
    assert.equal(wanted[0], ROUNDS);
    assert.equal(wanted.length, KEPT_CUTS + 1);
    assert.equal(wanted.at(-1), KEPT_CUTS, "the anchor of checkpoint 69");
  });
});

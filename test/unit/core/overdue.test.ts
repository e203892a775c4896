import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Effect } from "../../../offchain/core/events.ts";
import { PATIENCE_MS } from "../../../offchain/core/overdue.ts";
import { feed, foundingEvents, type Keys, operatorAt, TrackWriter, writeSegments } from "../../helpers/core.ts";
import { fetchingAt, WINDOW } from "../../helpers/fetching.ts";
import { commitAll, gossip, netsOf, offer } from "../../helpers/mesh.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
const [, b, c] = members;
const events = foundingEvents(members);

/** A worker that has read of two checkpoints over two tracks, with their cuts, and holds all but what one has since the first. */
function lacking() {
  const nodes = netsOf(members, events).net();
  const worker = fetchingAt(members[0], events);
  const [held, withheld] = [new TrackWriter(b, "held"), new TrackWriter(c, "withheld")];
  for (const [i, counts] of [
    [2, 1],
    [2, 3],
  ].entries()) {
    const all = [
      writeSegments(held, counts[0] as number, 2 * i),
      writeSegments(withheld, counts[1] as number, 2 * i + 1),
    ];
    for (const { replica } of nodes) feed(replica, all.flat());
    feed(worker.replica, i === 0 ? all.flat() : (all[0] ?? []));
    gossip(nodes, i);
    const made = offer(nodes[0]) ?? assert.fail();
    commitAll(nodes, made);
    const { checkpoint, hash, cut } = made;
    worker.consensus.remember(checkpoint.number, hash, cut);
    const committed = { kind: "committed", checkpoint, hash, committedAt: 1, block: 1 + i, logIndex: 0 } as const;
    worker.following.take({ type: "events", events: [committed], time: 1 + WINDOW / 2 });
  }
  return worker;
}

describe("what is committed and has not come", () => {
  const challenged = (effects: readonly Effect[]) =>
    effects.flatMap((effect) => (effect.type === "challenge" ? [effect.at] : []));

  test("is asked for on the chain by its place, once patience is over, and again after as long", () => {
    const { fetching, consensus, hear } = lacking();
    hear(b, [], 0);
    assert.deepEqual(challenged(fetching.tick(0)), []);
    assert.deepEqual(challenged(fetching.tick(PATIENCE_MS - 1)), []);
    const [segment, ...more] = challenged(fetching.tick(PATIENCE_MS));
    assert.deepEqual(more, []);
    const { checkpoint, hash } = consensus.committed(2) ?? assert.fail();
    assert.deepEqual(segment?.checkpoint, checkpoint);
    assert.deepEqual(segment?.hash, hash);
    const [parent, cut] = [1, 2].map((number) => consensus.committed(number)?.cut ?? assert.fail());
    const { operator, sequence } = [...cut.segmentsSince(parent)][segment?.index ?? -1] ?? assert.fail();
    assert.deepEqual([segment?.number, operator, sequence], [2, c.operator, 2]);
    assert.deepEqual(challenged(fetching.tick(PATIENCE_MS + 1)), []);
    assert.equal(challenged(fetching.tick(2 * PATIENCE_MS)).length, 1);
  });

  test("S9 is asked of nobody by who is cut off itself: its patience begins when a peer is up", () => {
    const { fetching, hear } = lacking();
    assert.deepEqual(challenged(fetching.tick(0)), []);
    assert.deepEqual(challenged(fetching.tick(2 * PATIENCE_MS)), []);
    hear(b, [], 2 * PATIENCE_MS);
    assert.deepEqual(challenged(fetching.tick(2 * PATIENCE_MS + 1)), []);
    assert.equal(challenged(fetching.tick(3 * PATIENCE_MS + 1)).length, 1);
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  beatOf,
  feed,
  foundingEvents,
  type Keys,
  numbered,
  operatorAt,
  replicaOf,
  setOf,
  TrackWriter,
  writeSegments,
} from "../../helpers/core.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
const [self, b, c, d] = members;

test("what a quorum holds is counted anew when a track, a beat or the registry changes", () => {
  const replica = replicaOf(self, foundingEvents(members));
  const writer = new TrackWriter(b);
  const segments = writeSegments(writer, 3);
  const hear = ({ operator }: Keys, sequence: number, whole = false) => {
    const heads = [{ ...writer.track, sequence, head: segments[sequence - 1]!.hash }];
    replica.step({ type: "beat", from: operator, beat: beatOf(replica, { heads, whole }), now: 0 });
  };
  const held = () => replica.heldByQuorum(replica.track(writer.track)!);
  feed(replica, segments.slice(0, 1));
  for (const peer of [b, c]) hear(peer, 3, true);
  hear(d, 1, true);
  assert.equal(held(), 1);
  feed(replica, segments.slice(1, 2));
  assert.equal(held(), 2, "we hold more");
  feed(replica, segments.slice(2));
  hear(c, 1);
  assert.equal(held(), 1, "a peer says less");
  hear(d, 3);
  assert.equal(held(), 3, "another one more");
  const set = setOf([self, c]);
  for (const event of numbered([{ kind: "activated", epoch: 2, set }], replica.registry))
    replica.step({ type: "registry", event });
  assert.equal(held(), 1, "only the two have stake");
});

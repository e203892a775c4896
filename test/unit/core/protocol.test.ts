import assert from "node:assert/strict";
import { test } from "node:test";
import { type Advance, trackName } from "../../../offchain/core/cut.ts";
import { hashOf, incarnationOf, type Keys, operatorAt } from "../../helpers/core.ts";
import { protocolOf } from "../../helpers/protocol.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];
const [self, author, proposer] = members;
const stranger = operatorAt(4);

test("L8 room is made for what a member proposes of operators that there are: other names would be remembered for ever", (t) => {
  const protocol = protocolOf(self, members);
  const call = t.mock.method(protocol.replica.room, "call");
  const { latest } = protocol.consensus;
  const { registry } = protocol.replica;
  const checkpoint = {
    ...latest.checkpoint,
    number: 1,
    parent: latest.hash,
    registryPosition: registry.position,
    registryHash: registry.hash,
  };
  const advances = [author, stranger].map(
    ({ operator }): Advance => ({ operator, incarnation: incarnationOf("1"), sequence: 1, head: hashOf("head") }),
  );
  const ask = (from: Keys) =>
    protocol.step({ type: "asked", from: from.operator, ticket: 1, proposal: { checkpoint, advances } }, 0);
  ask(stranger);
  assert.equal(call.mock.callCount(), 0, "who has no stake may call for nothing");
  ask(proposer);
  assert.deepEqual(
    call.mock.calls.map(({ arguments: [member, tracks] }) => [member, tracks.map(trackName)]),
    [[proposer.operator, [trackName(advances[0] as Advance)]]],
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Consensus } from "../../../offchain/core/consensus.ts";
import type { Crypto } from "../../../offchain/core/ports.ts";
import { Replica } from "../../../offchain/core/replica.ts";
import { crypto } from "../../../offchain/crypto/crypto.ts";
import {
  beatOf,
  feed,
  foundingEvents,
  type Keys,
  operatorAt,
  REGISTRY_GENESIS,
  SEPARATOR,
  TrackWriter,
  writeSegments,
} from "../../helpers/core.ts";

const members = [0, 1, 2, 3].map(operatorAt) as [Keys, Keys, Keys, Keys];

test("a signature is recovered once, however often a cut with its segment is proposed and judged", () => {
  let recovered = 0;
  const counting: Crypto = {
    ...crypto,
    recover(digest, signature) {
      recovered += 1;
      return crypto.recover(digest, signature);
    },
  };
  const self = members[0].operator;
  const replica = new Replica({ crypto: counting, separator: SEPARATOR, self, registryGenesis: REGISTRY_GENESIS });
  for (const event of foundingEvents(members)) replica.step({ type: "registry", event });
  const writer = new TrackWriter(members[1]);
  const segments = writeSegments(writer, 5);
  feed(replica, segments);
  assert.equal(recovered, 5);
  const heads = [{ ...writer.track, sequence: 5, head: segments[4]!.hash }];
  for (const { operator } of members.slice(1))
    replica.step({ type: "beat", from: operator, beat: beatOf(replica, { heads }), now: 0 });
  const consensus = new Consensus(replica, { capacity: 64, newTracksPerOperator: 4, censorshipMs: 1_000 });
  const made = consensus.propose();
  assert.ok(made);
  for (let i = 0; i < 3; i++) assert.equal(consensus.judge(made.proposal, 0).type, "sign");
  assert.equal(recovered, 5);
});

test("a relayed copy with somebody else's signature is not taken for signed by its author", () => {
  const self = members[0].operator;
  const replica = new Replica({ crypto, separator: SEPARATOR, self, registryGenesis: REGISTRY_GENESIS });
  for (const event of foundingEvents(members)) replica.step({ type: "registry", event });
  const writer = new TrackWriter(members[1]);
  const [segment] = writeSegments(writer, 1);
  feed(replica, [segment!]);
  replica.rewind(writer.track, 0);
  const signature = members[2].signer.sign(segment!.hash);
  replica.step({ type: "restore", segment: { ...segment!, signature }, hash: segment!.hash });
  const held = replica.track(writer.track)?.signedAt(1);
  assert.ok(held);
  assert.deepEqual(replica.signers.of(held, segment!.hash), members[2].signer.address);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Chain } from "../../../offchain/chain/chain.ts";
import type { Mesh } from "../../../offchain/mesh/mesh.ts";
import type { Config } from "../../../offchain/node/config.ts";
import { Observer } from "../../../offchain/node/observer.ts";
import { statusOf } from "../../../offchain/node/status.ts";
import { beatOf, feed, operatorAt, requestOf, TrackWriter } from "../../helpers/core.ts";
import { protocolOf } from "../../helpers/protocol.ts";

const members = [0, 1, 2, 3].map(operatorAt);
const [self, other] = members as [(typeof members)[0], (typeof members)[0]];
const nobody = { peers: () => [], status: () => ({ block: 0 }) } as unknown as Mesh & Chain;

test("health and metrics tell what is learnt, and of each worker how far that has turned the memories", async () => {
  const protocol = protocolOf(self, members);
  const observer = new Observer({ logLevel: "error", operator: "0x00" } as Config);
  const status = statusOf({ protocol, mesh: nobody, chain: nobody, signer: self.signer, observer });
  const writer = new TrackWriter(other);
  writer
    .open(requestOf([1]))
    .tokens("given", [1])
    .tokens("written", [2, 3])
    .learn(1, 2);
  feed(protocol.replica, [writer.seal()]);
  const beat = beatOf(protocol.replica, { moved: 16_384 });
  protocol.step({ type: "beat", from: other.operator, beat }, 0);
  assert.equal(protocol.state(0).moved, 65_536, "where nothing was, all is new");
  assert.deepEqual(JSON.parse(JSON.stringify(status.health())).memory, {
    memories: 0,
    cells: 0,
    liveIncrements: 3,
    liveCells: 3,
    cosine: 0,
  });
  const { body } = await status.metrics();
  const cosines = body.split("\n").filter((line) => line.startsWith("weft_memory_cosine{"));
  assert.deepEqual(
    cosines.map((line) => line.split(" ")[1]),
    ["0", "0.75"],
  );
  assert.match(body, /^weft_memory_live_increments 3$/m);
  assert.match(body, /^weft_memory_live_cells 3$/m);
});

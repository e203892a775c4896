import assert from "node:assert/strict";
import { test } from "node:test";
import { KEPT_CUTS } from "../../offchain/core/checkpoints.ts";
import { orderIsForgotten, suffixIsEnough } from "./invariants/settled.ts";
import { quietPlan } from "./liars/quiet.ts";
import { World } from "./world.ts";

test("S1, S8 where windows are longer than cuts are kept, state is counted from the last one that everybody keeps", () => {
  const quiet = quietPlan(5, ["honest", "honest", "honest", "honest"]);
  const world = new World({
    ...quiet,
    chain: { ...quiet.chain, blockMs: 200, mempoolMs: 50, pollMs: 100, challengeWindowSeconds: 90 },
    protocol: { ...quiet.protocol, shortestMs: 300, longestMs: 1_000 },
    load: { ...quiet.load, requestsPerSecond: 2 },
    healAt: 185_000,
    endAt: 190_000,
  });
  world.run();
  const members = world.members();
  assert.equal(members.length, 4);
  for (const member of members) {
    const { following, consensus } = member.protocol ?? assert.fail("everybody lives");
    const { standing } = consensus;
    assert.ok(standing.length - 1 - standing.indexOf(following.final) >= KEPT_CUTS, "the window is longer");
    const anchor = following.anchor?.number ?? 0;
    assert.ok(anchor > 0 && anchor < following.final, `${anchor} is the anchor, and ${following.final} is final`);
    orderIsForgotten(member, world.random.fork("order"));
    suffixIsEnough(member, world.random.fork("suffix"));
  }
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { complete, health } from "../helpers/e2e/client.ts";
import { Onchain } from "../helpers/e2e/onchain.ts";
import { Siege } from "../helpers/e2e/siege.ts";
import { until } from "../helpers/e2e/until.ts";

/** C42: a quorum gives what it committed to nobody who comes later. The one worker that lacks it asks on the chain by itself. */

/** What the operator of the honest worker puts on its signer's account, in the stake token's smallest unit. */
const PURSE = 10n ** 20n;

let siege: Siege;
before(async () => {
  // Nothing becomes final here: who comes later would begin there.
  const parameters = { answerWindowSeconds: 6, challengeWindowSeconds: 120 };
  siege = await Siege.lay("test/e2e/saboteurs/withheld.ts", { ...parameters, late: true });
  const onchain = await Onchain.open(siege.net);
  await onchain.give(siege.signer, PURSE).finally(() => onchain.close());
});
after(() => siege?.stop());

test("who comes later asks for what was committed; nobody answers, and that convicts them", async (t) => {
  await complete(siege.sabotaged, { prompt: "Whatever is ", max_tokens: 1 });
  await until("it is committed", async () => (await health(siege.sabotaged)).checkpoint > 0);
  await siege.join("test/e2e/saboteurs/hasty.ts");
  await siege.untilConvicted();
  assert.equal(await siege.metric("weft_challenges_total", { outcome: "unanswered" }), 1);
  const { events, convicted, fallen, heard } = await siege.end();
  assert.deepEqual([convicted, fallen, heard], [siege.saboteurs, [1], []]);
  const asked = events.flatMap((event) => (event.kind === "challenged" ? [event.asked] : []));
  assert.deepEqual(asked, [{ kind: "segment", path: [0] }]);
  t.diagnostic(`one question: all convicted ${siege.msToConvict(1)} ms after the checkpoint was known`);
});

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { complete, health } from "../helpers/e2e/client.ts";
import { Onchain } from "../helpers/e2e/onchain.ts";
import { Siege } from "../helpers/e2e/siege.ts";
import { until } from "../helpers/e2e/until.ts";

/** C42: a quorum gives what it committed to nobody who comes later. The one worker that lacks it asks on the chain by itself. */

/** What the operator of the honest worker puts on its signer's account, in the stake token's smallest unit. */
const PURSE = 10n ** 20n;

let siege: Siege;
afterEach(() => siege?.stop());

/** Until the honest worker has come, and has looked for what was committed before. */
async function late(module: string, answerWindowSeconds: number): Promise<void> {
  // Nothing becomes final here: who comes then would begin there.
  siege = await Siege.lay(module, { answerWindowSeconds, challengeWindowSeconds: 120 }, true);
  const onchain = await Onchain.open(siege.net);
  await onchain.give(siege.signer, PURSE).finally(() => onchain.close());
  await complete(siege.sabotaged, { prompt: "Whatever is ", max_tokens: 1 });
  await until("it is committed", async () => (await health(siege.sabotaged)).checkpoint > 0);
  await siege.join("test/e2e/saboteurs/hasty.ts");
}

test("they do not answer there either: their silence convicts them", async (t) => {
  await late("test/e2e/saboteurs/silent-withheld.ts", 6);
  await siege.untilConvicted();
  assert.equal(await siege.metric("weft_challenges_total", { outcome: "unanswered" }), 1);
  const { events, convicted, fallen, heard } = await siege.end();
  assert.deepEqual([convicted, fallen, heard], [siege.saboteurs, [1], []]);
  const asked = events.flatMap((event) => (event.kind === "challenged" ? [event.asked] : []));
  assert.deepEqual(asked, [{ kind: "segment", path: [0] }]);
  t.diagnostic(`one question: all convicted ${siege.msToConvict(1)} ms after the checkpoint was known`);
});

test("they answer there: it holds what it lacked, and nobody is convicted", async (t) => {
  await late("test/e2e/saboteurs/withheld.ts", 12);
  const from = performance.now();
  await until("it holds what was committed", async () => (await health(siege.url)).tracks > 0, 60_000);
  const took = Math.round(performance.now() - from);
  const { events, convicted, fallen, heard } = await siege.end();
  assert.deepEqual([convicted, fallen, heard.length], [[], [], 1]);
  const count = (kind: string) => events.filter((event) => event.kind === kind).length;
  assert.ok(count("challenged") > 1 && count("challenged") === count("answered"));
  t.diagnostic(`${count("challenged")} questions: it held the segment ${took} ms after it had come`);
});

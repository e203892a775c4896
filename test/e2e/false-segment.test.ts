import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { complete } from "../helpers/e2e/client.ts";
import { Siege } from "../helpers/e2e/siege.ts";

/** DESIGN §6: a quorum that takes a segment which breaks a rule loses its stake, by the one worker that refused and kept it. */

let siege: Siege;
before(async () => {
  siege = await Siege.lay("test/e2e/saboteurs/false-segment.ts");
});
after(() => siege?.stop());

test("what three of four take for a segment is condemned, and they are convicted by the fourth", async (t) => {
  await complete(siege.url, { prompt: "Honesty. ", max_tokens: 20, weft: { author: siege.saboteurs[0] } });
  await siege.untilConvicted();
  assert.equal(await siege.metric("weft_condemnations_total"), 1);
  t.diagnostic(`gas of the condemnation: ${await siege.metric("weft_condemnation_gas")}`);

  const read = await siege.end();
  assert.deepEqual(read.convicted, siege.saboteurs, "each once, nobody else");
  t.diagnostic(
    `all convicted ${siege.msToConvict(read.fallen[0])} ms after the false checkpoint was read on the chain`,
  );
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Siege } from "../helpers/e2e/siege.ts";

/** DESIGN §6: a quorum that lists segments in another order loses its stake, by what it states and the one worker that asks. */

let siege: Siege;
before(async () => {
  siege = await Siege.lay("test/e2e/saboteurs/false-cut.ts");
});
after(() => siege?.stop());

test("what three of four list is condemned, they are convicted by the fourth, and it goes on alone", async (t) => {
  await siege.complete({ prompt: "Honesty. ", max_tokens: 20 });
  await siege.untilConvicted();
  assert.equal(await siege.metric("weft_condemnations_total"), 1);
  t.diagnostic(`gas of the condemnation: ${await siege.metric("weft_condemnation_gas")}`);

  const { started } = await siege.complete({ prompt: "Honesty. ", max_tokens: 20 });
  await siege.untilFinal(started.request_id);
  const read = await siege.end();
  assert.deepEqual(read.convicted, siege.saboteurs, "each once, nobody else");
  t.diagnostic(
    `all convicted ${siege.msToConvict(read.fallen[0])} ms after the false checkpoint was read on the chain`,
  );
});

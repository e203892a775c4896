import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { MemoryClient } from "../../offchain/cli/devnet.ts";
import { Siege } from "../helpers/e2e/siege.ts";
import { until } from "../helpers/e2e/until.ts";

/** DESIGN §6: a quorum that attests to a false memory loses its stake, by the one worker that counts right and nobody's help. */

const TEXT = "And Hoglah went up to the hill of Zarethan, and took there a lamp of green glass. ".repeat(4);

let siege: Siege;
before(async () => {
  siege = await Siege.lay("test/e2e/saboteurs/false-fold.ts");
});
after(() => siege?.stop());

test("what three of four attest to is condemned, and each of them convicted, by the fourth", async (t) => {
  const client = new MemoryClient(siege.url);
  const memory = await client.make("verses", { orders: [2, 4], writers: [siege.owner] });
  await client.teach(memory.id, TEXT);
  await siege.untilConvicted();
  assert.ok((await siege.metric("weft_condemnations_total")) > 0);
  const gas = ["weft_condemnation_gas", "weft_conviction_gas"].map((name) => siege.metric(name));
  t.diagnostic(`gas of the condemnation and of the last conviction: ${await Promise.all(gas)}`);
});

test("it goes on alone: what it taught is committed again, and becomes final", async (t) => {
  const client = new MemoryClient(siege.url);
  const [memory] = await client.list();
  await until("what was taught is committed", async () => {
    const { checkpoint, cells } = await client.show(memory!.id, "verses");
    return checkpoint !== undefined && (cells ?? 0) > 0;
  });
  const { started } = await siege.complete({ prompt: "Honesty. ", max_tokens: 20 });
  await siege.untilFinal(started.request_id);
  const condemnations = await siege.metric("weft_condemnations_total");
  const read = await siege.end();
  assert.deepEqual(read.convicted, siege.saboteurs, "each once, nobody else");
  // Until the first of them is convicted they may well lie again.
  assert.equal(read.fallen.length, condemnations);
  t.diagnostic(
    `all convicted ${siege.msToConvict(read.fallen[0])} ms after the false checkpoint was read on the chain`,
  );
});

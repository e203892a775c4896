import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { MemoryClient } from "../../offchain/cli/devnet.ts";
import { Onchain } from "../helpers/e2e/onchain.ts";
import { Siege } from "../helpers/e2e/siege.ts";
import { until } from "../helpers/e2e/until.ts";

/**
 * Q7: a quorum attests to a false memory, and shows no peer how it came to it. The one worker that counts right asks on the
 * chain by itself, and pays for it.
 */

const TEXT = "And Hoglah went up to the hill of Zarethan, and took there a lamp of green glass. ".repeat(4);
/** What the operator of the honest worker puts on its signer's account, in the stake token's smallest unit. */
const PURSE = 10n ** 20n;

let siege: Siege | undefined;
afterEach(() => siege?.stop());

/** Until all who attested are convicted, and what was taught is committed without them. */
async function endured(module: string, answerWindowSeconds: number) {
  siege = await Siege.lay(module, { answerWindowSeconds });
  const onchain = await Onchain.open(siege.net);
  await onchain.give(siege.signer, PURSE).finally(() => onchain.close());
  const client = new MemoryClient(siege.url);
  const memory = await client.make("verses", { orders: [2, 4], writers: [siege.owner] });
  await client.teach(memory.id, TEXT);
  await siege.untilConvicted();
  await until("what was taught is committed", async () => ((await client.show(memory.id, "verses")).cells ?? 0) > 0);
  const concluded = await siege.metric("weft_challenges_total", { outcome: "unanswered" });
  const condemned = await siege.metric("weft_condemnations_total");

  const { events, convicted, fallen } = await siege.end();
  assert.deepEqual(convicted, siege.saboteurs, "each once, nobody else");
  const lie = events.find((event) => event.kind === "committed" && event.checkpoint.number === fallen[0]);
  assert.ok(lie?.kind === "committed");
  return {
    segments: lie.checkpoint.segmentCount,
    asked: events.flatMap((event) => (event.kind === "challenged" ? [event.asked] : [])),
    answered: events.filter(({ kind }) => kind === "answered").length,
    concluded,
    condemned,
    took: `all convicted ${siege.msToConvict(fallen[0])} ms after the false checkpoint was read on the chain`,
  };
}

test("they do not answer there either: their silence convicts them", async (t) => {
  const { segments, took, ...seen } = await endured("test/e2e/saboteurs/silent-fold.ts", 6);
  const asked = [{ kind: "trace", path: [segments - 1] }];
  assert.deepEqual(seen, { asked, answered: 0, concluded: 1, condemned: 0 });
  t.diagnostic(`${segments} segments, one question: ${took}`);
});

test("they answer there: what they say shows the false step, and that convicts them", async (t) => {
  const { segments, took, asked, ...seen } = await endured("test/e2e/saboteurs/hidden-fold.ts", 12);
  assert.ok(asked.length <= 2 + Math.log2(segments), `${asked.length} of ${segments} entries were asked for`);
  assert.deepEqual(seen, { answered: asked.length, concluded: 0, condemned: 1 });
  t.diagnostic(`${segments} segments, ${asked.length} questions: ${took}`);
});

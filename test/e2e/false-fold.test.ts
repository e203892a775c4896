import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { MemoryClient } from "../../offchain/cli/devnet.ts";
import { toHex } from "../../offchain/core/bytes.ts";
import { complete, health, metric } from "../helpers/e2e/client.ts";
import { allConnected, kill, type Net, startNet } from "../helpers/e2e/net.ts";
import { withStore } from "../helpers/e2e/stores.ts";
import { until } from "../helpers/e2e/until.ts";

/** DESIGN §6: a quorum that attests to a false memory loses its stake, by the one worker that counts right and nobody's help. */

const HONEST = 1;
const SABOTEURS = [2, 3, 4];
const TEXT = "And Hoglah went up to the hill of Zarethan, and took there a lamp of green glass. ".repeat(4);

let net: Net;
/** When worker 1 was first seen to know each checkpoint, and when the last of them was convicted. */
const seen = new Map<number, number>();
let convicted = 0;
before(async () => {
  net = await startNet({
    without: SABOTEURS,
    overrides: {
      checkpointIntervalShortestMs: 500,
      checkpointIntervalLongestMs: 1_000,
      challengeWindowSeconds: 20,
    },
  });
  await Promise.all(SABOTEURS.map((index) => net.impersonate(index, "test/e2e/saboteurs/false-fold.ts").ready));
  await allConnected(net);
});
after(() => net?.stop());

const url = (index: number) => net.operators[index - 1].apiUrl;
const owner = (index: number) => net.operators[index - 1].owner;
const saboteurs = () => SABOTEURS.map(owner).sort();

test("what three of four attest to is condemned, and each of them convicted, by the fourth", async (t) => {
  const client = new MemoryClient(url(HONEST));
  const memory = await client.make("verses", { orders: [2, 4], writers: [owner(HONEST)] });
  await client.teach(memory.id, TEXT);
  const allConvicted = async () => {
    const { checkpoint } = await health(url(HONEST));
    if (!seen.has(checkpoint)) seen.set(checkpoint, performance.now());
    return (await metric(url(HONEST), "weft_convictions_total")) === 3;
  };
  await until("all are convicted", allConvicted, 60_000, 20);
  convicted = performance.now();
  assert.ok((await metric(url(HONEST), "weft_condemnations_total")) > 0);
  const gas = ["weft_condemnation_gas", "weft_conviction_gas"].map((name) => metric(url(HONEST), name));
  t.diagnostic(`gas of the condemnation and of the last conviction: ${await Promise.all(gas)}`);
});

test("it goes on alone: what it taught is committed again, and becomes final", async (t) => {
  const client = new MemoryClient(url(HONEST));
  const [memory] = await client.list();
  await until("what was taught is committed", async () => {
    const { checkpoint, cells } = await client.show(memory!.id, "verses");
    return checkpoint !== undefined && (cells ?? 0) > 0;
  });
  const answer = await complete(url(HONEST), { prompt: "Honesty. ", max_tokens: 20, weft: { author: owner(HONEST) } });
  const status = async () => {
    const response = await fetch(`${url(HONEST)}/v1/receipts/${answer.started.request_id}`);
    return response.ok ? ((await response.json()) as { status: string }).status : undefined;
  };
  await until("it is final", async () => (await status()) === "final", 90_000);
  const condemnations = await metric(url(HONEST), "weft_condemnations_total");
  await kill(net.worker(HONEST));
  const said = withStore(net.devnet, net.operators[HONEST - 1], ({ chainLog }) => chainLog.events());
  const operators = said.flatMap((event) =>
    event.kind === "registry" && event.event.kind === "convicted" ? [toHex(event.event.operator)] : [],
  );
  assert.deepEqual(operators.sort(), saboteurs(), "each once, nobody else");
  const fallen = said.flatMap((event) => (event.kind === "fell" ? [event.from] : []));
  // Until the first of them is convicted they may well lie again.
  assert.equal(fallen.length, condemnations);
  const known = seen.get(fallen[0] as number) ?? Number.NaN;
  t.diagnostic(`all convicted ${Math.round(convicted - known)} ms after the false checkpoint was read on the chain`);
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { toHex } from "../../offchain/core/bytes.ts";
import { complete, metric } from "../helpers/e2e/client.ts";
import { allConnected, kill, type Net, startNet } from "../helpers/e2e/net.ts";
import { withStore } from "../helpers/e2e/stores.ts";
import { until } from "../helpers/e2e/until.ts";

/** DESIGN §6: a quorum that takes a segment which breaks a rule loses its stake, by the one worker that refused and kept it. */

const HONEST = 1;
const SABOTEURS = [2, 3, 4];

let net: Net;
before(async () => {
  net = await startNet({
    without: SABOTEURS,
    overrides: {
      checkpointIntervalShortestMs: 500,
      checkpointIntervalLongestMs: 1_000,
      challengeWindowSeconds: 20,
    },
  });
  await Promise.all(SABOTEURS.map((index) => net.impersonate(index, "test/e2e/saboteurs/false-segment.ts").ready));
  await allConnected(net);
});
after(() => net?.stop());

const url = (index: number) => net.operators[index - 1].apiUrl;
const owner = (index: number) => net.operators[index - 1].owner;

test("what three of four take for a segment is condemned, they are convicted by the fourth, and it goes on alone", async (t) => {
  const ask = (author: number) =>
    complete(url(HONEST), { prompt: "Honesty. ", max_tokens: 20, weft: { author: owner(author) } });
  await ask(SABOTEURS[0]!);
  await until("all are convicted", async () => (await metric(url(HONEST), "weft_convictions_total")) === 3, 60_000);
  assert.equal(await metric(url(HONEST), "weft_condemnations_total"), 1);
  t.diagnostic(`gas of the condemnation: ${await metric(url(HONEST), "weft_condemnation_gas")}`);

  const answer = await ask(HONEST);
  const status = async () => {
    const response = await fetch(`${url(HONEST)}/v1/receipts/${answer.started.request_id}`);
    return response.ok ? ((await response.json()) as { status: string }).status : undefined;
  };
  await until("what it said is final", async () => (await status()) === "final", 90_000);
  await kill(net.worker(HONEST));
  const { said, times } = withStore(net.devnet, net.operators[HONEST - 1], ({ chainLog }) => ({
    said: chainLog.events(),
    times: new Map(chainLog.blocks().map(({ number, timestamp }) => [number, timestamp])),
  }));
  const convictions = said.flatMap(({ block, ...rest }) =>
    rest.kind === "registry" && rest.event.kind === "convicted" ? [{ block, operator: rest.event.operator }] : [],
  );
  const saboteurs = SABOTEURS.map(owner).sort();
  assert.deepEqual(convictions.map(({ operator }) => toHex(operator)).sort(), saboteurs, "each once, nobody else");
  const [fallen] = said.flatMap((event) => (event.kind === "fell" ? [event.from] : []));
  const lie = said.find((event) => event.kind === "committed" && event.checkpoint.number === fallen);
  assert.ok(lie?.kind === "committed");
  const took = (times.get(convictions.at(-1)!.block) ?? Number.NaN) - lie.committedAt;
  t.diagnostic(`from the false checkpoint's block to the last conviction's: ${took} s`);
});

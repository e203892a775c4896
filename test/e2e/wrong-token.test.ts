import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { register } from "../../offchain/cli/model.ts";
import type { Hex } from "../../offchain/core/chain.ts";
import type { CourtSays } from "../../offchain/core/dispute.ts";
import { type Ask, complete, metric } from "../helpers/e2e/client.ts";
import { allConnected, kill, type Net, startNet } from "../helpers/e2e/net.ts";
import { Accuser, configure } from "../helpers/e2e/tokens.ts";
import { until } from "../helpers/e2e/until.ts";

/** DESIGN §6: who writes a token that the exact model does not say loses its stake, by one worker that happens to look. */

const WATCHER = 1;
const HONEST = 2;
/** Says nothing to what it is accused of, and stands by it. */
const [SILENT, STUBBORN] = [3, 4];
const CONVICTED = 6n;
const DISMISSED = 3n;
const PATIENCE_MS = 120_000;

let net: Net;
let accuser: Accuser;

before(async () => {
  net = await startNet({
    without: [SILENT, STUBBORN],
    async prepare({ operators }) {
      await register({ config: operators[0]!.configFile, uri: "models/weft-austen" });
      for (const operator of operators) configure(operator, { watchShare: operator.index === WATCHER ? 1 : 0 });
    },
    overrides: {
      checkpointIntervalShortestMs: 500,
      checkpointIntervalLongestMs: 1_000,
    },
  });
  await net.impersonate(SILENT, "test/e2e/saboteurs/other-token.ts").ready;
  await net.impersonate(STUBBORN, "test/e2e/saboteurs/wrong-token.ts").ready;
  await allConnected(net);
  accuser = await Accuser.open(net);
});
after(async () => {
  await accuser?.close();
  await net?.stop();
});

const url = (index: number) => net.operators[index - 1]!.apiUrl;
const owner = (index: number) => net.operators[index - 1]!.owner;
const statuses = () => Promise.all([WATCHER, HONEST, SILENT, STUBBORN].map((index) => accuser.statusOf(owner(index))));
const moves = (index: number, move: string) => metric(url(index), "weft_dispute_moves_total", { move });

/** An answer with a 16th position in it, whose tokens are the likeliest: of others a draw may not be changed. */
const ask = (author: number): Ask => {
  return { prompt: "Honesty. ", max_tokens: 20, temperature: 0, weft: { author: owner(author) } };
};
const untilConvicted = (index: number) =>
  until(`${index} is convicted`, async () => (await accuser.statusOf(owner(index))) === CONVICTED, PATIENCE_MS);
const untilReceiptSays = (index: number, requestId: Hex, says: CourtSays) =>
  until(`receipts say ${says}`, async () => (await accuser.receipt(url(index), requestId)).court === says);

test("an honest worker that is accused answers by itself; its accuser falls silent, and nobody is convicted", async (t) => {
  const { started } = await complete(url(HONEST), ask(HONEST));
  const id = await accuser.accuse(url(HONEST), started.request_id);
  await untilReceiptSays(HONEST, started.request_id, "accused");
  await until("it answers", async () => (await moves(HONEST, "answer")) === 1, PATIENCE_MS);
  const began = performance.now();
  await until("it is dismissed", async () => (await accuser.stateOf(id)) === DISMISSED, PATIENCE_MS);
  t.diagnostic(`dismissed ${Math.round(performance.now() - began)} ms after the answer`);
  await untilReceiptSays(HONEST, started.request_id, "silent");
  assert.ok(!(await statuses()).includes(CONVICTED));
  assert.equal(await metric(url(WATCHER), "weft_accusations_total"), 0, "the answer was right");
});

test("a token that is another is found, and who has nothing to say to it is convicted, unattended", async (t) => {
  const { started } = await complete(url(SILENT), ask(SILENT));
  const turn = await accuser.turnOf(url(WATCHER), started.request_id);
  const began = performance.now();
  await untilConvicted(SILENT);
  t.diagnostic(`convicted ${Math.round(performance.now() - began)} ms after it was committed`);
  await untilReceiptSays(HONEST, started.request_id, "void");
  assert.equal(await accuser.isVoid(turn), true);
  assert.deepEqual(
    (await statuses()).map((status) => status === CONVICTED),
    [false, false, true, false],
  );
});

test("killed in mid-dispute the accuser goes on: one number of one tensor convicts", async (t) => {
  const { started } = await complete(url(STUBBORN), ask(STUBBORN));
  const turn = await accuser.turnOf(url(WATCHER), started.request_id);
  await until("a tensor is demanded", async () => (await moves(WATCHER, "demandTensor")) === 1, PATIENCE_MS);
  await kill(net.worker(WATCHER));
  const began = performance.now();
  net.restart(WATCHER);
  await untilConvicted(STUBBORN);
  t.diagnostic(`convicted ${Math.round(performance.now() - began)} ms after the accuser was started again`);
  await until("the accuser knows", async () => (await moves(WATCHER, "proveElement")) === 1);
  t.diagnostic(`gas of the proof: ${await metric(url(WATCHER), "weft_dispute_gas")}`);
  assert.equal(await accuser.isVoid(turn), true);
  assert.deepEqual(
    (await statuses()).map((status) => status === CONVICTED),
    [false, false, true, true],
  );
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Asker, STATE } from "../helpers/e2e/asker.ts";
import { complete, health, metric } from "../helpers/e2e/client.ts";
import { kill, type Net, startNet } from "../helpers/e2e/net.ts";
import { until } from "../helpers/e2e/until.ts";

/** S7, S9: what was committed is served, unattended, to whoever asks for it on the chain; who lets it go unserved pays. */

const ATTESTERS = [1, 2, 3, 4];
/** Begins when all others are gone, and holds nothing. */
const LATE = 5;
const CONVICTED = 6;
let net: Net;
let asker: Asker;

before(async () => {
  net = await startNet({
    stakes: [1000, 1000, 1000, 1000, 1000],
    without: [LATE],
    overrides: {
      checkpointIntervalShortestMs: 500,
      checkpointIntervalLongestMs: 1_000,
      // Nothing becomes final here.
      challengeWindowSeconds: 600,
      unbondingSeconds: 7_200,
    },
  });
  asker = await Asker.open(net);
});
after(async () => {
  await asker?.close();
  await net?.stop();
});

const url = (index: number) => net.operators[index - 1].apiUrl;
const owner = (index: number) => net.operators[index - 1].owner;
const answeredBy = () =>
  Promise.all(ATTESTERS.map((index) => metric(url(index), "weft_challenges_total", { outcome: "answered" })));

test("an outsider's challenges are answered by the workers alone, each by one, and nobody is convicted", async (t) => {
  await complete(url(1), { prompt: "What was said, ", max_tokens: 20, weft: { author: owner(2) } });
  await until("a checkpoint is committed", async () => (await health(url(1))).checkpoint >= 1);
  const checkpoint = await asker.checkpoint(1);
  const { segmentCount: segments, memoryRoot: root } = checkpoint;
  const began = performance.now();
  const ids = [
    await asker.ask("challenge", checkpoint, 0, 0),
    await asker.ask("challenge", checkpoint, 1, 0),
    await asker.ask("challengeMemory", checkpoint, { segments, root, traceProof: [] }, 7),
  ];
  await until("all are answered", async () => {
    const states = await Promise.all(ids.map((id) => asker.stateOf(id)));
    return states.every((state) => state === STATE.answered || state === STATE.closed);
  });
  t.diagnostic(`${ids.length} answers within ${Math.round(performance.now() - began)} ms, by ${await answeredBy()}`);
  assert.equal(
    (await answeredBy()).reduce((sum, count) => sum + count),
    ids.length,
    "one transaction each",
  );
  await until("released", async () => {
    const states = await Promise.all(ids.map((id) => asker.stateOf(id)));
    return states.every((state) => state === STATE.closed);
  });
  assert.equal(await asker.isFallen(1), false);
  for (const index of ATTESTERS) assert.notEqual(await asker.statusOf(owner(index)), CONVICTED);
});

test("when all who attested are gone, whoever is there concludes, and they are convicted", async () => {
  await Promise.all(ATTESTERS.map((index) => kill(net.worker(index))));
  const id = await asker.ask("challenge", await asker.checkpoint(1), 2, 0);
  net.restart(LATE);
  await until("it is concluded", async () => (await asker.stateOf(id)) === STATE.closed, 90_000);
  assert.equal(await asker.isFallen(1), true);
  await until(
    "all attesters are convicted",
    async () =>
      (await Promise.all(ATTESTERS.map((index) => asker.statusOf(owner(index))))).every((s) => s === CONVICTED),
    90_000,
  );
  assert.notEqual(await asker.statusOf(owner(LATE)), CONVICTED);
});

test("who is left goes on alone, from what stands", async () => {
  await until("the worker is up", async () => (await health(url(LATE))).checkpoint === 0);
  await complete(url(LATE), { prompt: "And then ", max_tokens: 10 });
  await until("a checkpoint covers it", async () => (await health(url(LATE))).checkpoint > 1);
});

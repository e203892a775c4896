import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { trackName } from "../../offchain/core/cut.ts";
import { type Ask, again, complete, health, metric } from "../helpers/e2e/client.ts";
import { type LinedNet, startLinedNet } from "../helpers/e2e/lines.ts";
import { inParallel, Load } from "../helpers/e2e/load.ts";
import { allConnected, kill } from "../helpers/e2e/net.ts";
import { accusations, headsOf, holds, settled } from "../helpers/e2e/state.ts";
import { withStore } from "../helpers/e2e/stores.ts";
import { until } from "../helpers/e2e/until.ts";
import { Weather } from "../helpers/e2e/weather.ts";
import { Random } from "../sim/random.ts";

/** L1–L4, S4, S7, S9: a bad network, a stopped worker and one without a memory cost time, and nothing else. */

const SEED = process.env["WEFT_SEED"] ?? "20260101";
/** More than two thirds are the three large ones, or two of them and both small ones. */
const STAKES = [2000, 2000, 2000, 500, 500];
const PARAMETERS = {
  checkpointIntervalShortestMs: 500,
  checkpointIntervalLongestMs: 700,
  challengeWindowSeconds: 3,
  // What was committed so long ago is forgotten: 27 s.
  retentionSeconds: 20,
  disputeWindowsSeconds: 6,
  answerWindowSeconds: 1,
  proofWindowSeconds: 1,
  accusationWindowSeconds: 1,
  moveWindowSeconds: 1,
  longestPauseSeconds: 5,
};
/** Nobody has forgotten what is younger. */
const REMEMBERED_MS = 20_000;
const STOPPED = 4;
const EMPTIED = 5;
const TROUBLES = 40;
const CHECKPOINTS_IN_STORM = 4;
/** A lane of rows waits 5 s before a ping and 15 s for its answer; nothing waits longer for a worker. */
const LONGEST_TIMEOUT_MS = 21_000;
const random = new Random(SEED);
let net: LinedNet;

before(async () => {
  net = await startLinedNet({ stakes: STAKES, overrides: PARAMETERS }, random.fork("lines"));
  await Promise.all(net.operators.map(({ index }) => net.restart(index).ready));
  await allConnected(net);
  first = await complete(url(EMPTIED), { ...told, weft: { author: owner(EMPTIED) } });
});
after(() => net?.stop());

const url = (index: number) => net.operators[index - 1].apiUrl;
const owner = (index: number) => net.operators[index - 1].owner;
/** The beginning of a long story. */
const told: Ask = { prompt: "Before it was emptied, ", max_tokens: 40 };
let first: Awaited<ReturnType<typeof complete>>;
const checkpoint = () => metric(url(1), "weft_checkpoint_number");

test("delays, narrow lines, cuts and resets everywhere: answers are what they would have been, checkpoints go on", async (t) => {
  const owners = net.operators.map(({ owner }) => owner);
  const loads = [1, 2, 3].map((gateway) => new Load(url(gateway), owners, 1, 40, 600));
  const start = await checkpoint();
  const weather = new Weather(net.lines.mesh, random.fork("weather"), {
    delayMs: 80,
    jitterMs: 40,
    calmMs: 5_000,
    troubleMs: [500, 4_000],
    bytesPerSecond: [20_000, 200_000],
  });
  const troubles = () => Object.values(weather.happened).reduce((sum, count) => sum + count, 0);
  const began = performance.now();
  await until(
    "the storm has raged, and checkpoints went on",
    async () => troubles() >= TROUBLES && (await checkpoint()) >= start + CHECKPOINTS_IN_STORM,
    90_000,
  );
  const [last, lasted] = [await checkpoint(), performance.now() - began];
  await weather.stop();
  const healed = performance.now();
  await Promise.all(loads.map((load) => load.stop()));
  await allConnected(net);
  const state = await settled(net);
  const answers = loads.flatMap(({ answers }) => answers);
  const taken = answers.filter(({ seen }) => seen.authored.length > 1).length;
  t.diagnostic(`seed ${SEED}: ${JSON.stringify(weather.happened)} in ${Math.round(lasted)} ms`);
  t.diagnostic(`${answers.length} answers, ${taken} taken over; ${last - start} checkpoints in the storm`);
  t.diagnostic(
    `the same ${Math.round(performance.now() - healed)} ms after the heal, at checkpoint ${state.checkpoint}`,
  );
  assert.ok(answers.length > 0);
  const now = performance.now();
  const young = answers.filter(({ seen }) => now - seen.pieces[0].at < REMEMBERED_MS);
  t.diagnostic(`${young.length} of them young enough that everybody has to hold them`);
  for (const { ask, seen } of young)
    for (const { apiUrl, name } of net.operators)
      assert.ok(await holds(apiUrl, seen.started!.request_id, ask.prompt.length + ask.max_tokens - 1), name);
  await inParallel(answers, net.operators.length, async ({ ask, seen }, worker) => {
    const { author, recompute } = { author: owner(1 + ((worker + 1) % 5)), recompute: true };
    assert.equal(seen.text, (await complete(url(1 + worker), again(ask, seen.started!, { author, recompute }))).text);
  });
  assert.deepEqual(await accusations(net), { convictions: 0, drift: 0 });
});

test("two workers that cannot reach one another hear each other through the rest", async (t) => {
  const lines = net.lines.between(1, 2);
  const apart = async () =>
    (await Promise.all([1, 2].map((index) => health(url(index))))).every((s) => s.peersUp === 3);
  for (const line of lines) line.set({ isCut: true });
  await until("both have given each other up", apart);
  const delays: number[] = [];
  for (let round = 0; round < 4; round++)
    await Promise.all(
      [
        [1, 2],
        [2, 1],
      ].map(async ([author, other]) => {
        const ask: Ask = { prompt: `Far apart, ${author}.${round}. `, max_tokens: 24, weft: { author: owner(author) } };
        const { started } = await complete(url(author), ask);
        const said = performance.now();
        const last = ask.prompt.length + ask.max_tokens - 1;
        await until("the other holds all of it", () => holds(url(other), started.request_id, last), 30_000, 20);
        delays.push(performance.now() - said);
      }),
    );
  t.diagnostic(`held ${delays.map(Math.round).join(", ")} ms after it was said`);
  assert.ok([...delays].sort((a, b) => a - b)[delays.length / 2] < 2_000, "within a second or so");
  assert.ok(await apart(), "and not over a line of their own");
  for (const line of lines) line.set({ isCut: false });
  await allConnected(net);
});

let stoppedAt = Number.POSITIVE_INFINITY;
let meanwhile: Load | undefined;
const isAbreast = (index: number) => {
  const { ask, seen } = meanwhile!.answers.at(-1)!;
  return holds(url(index), seen.started!.request_id, ask.prompt.length + ask.max_tokens - 1);
};

test("a worker comes back with an emptied folder: it begins where all is final, and is right again", async (t) => {
  await settled(net);
  net.worker(STOPPED).kill("SIGSTOP");
  stoppedAt = performance.now();
  await kill(net.worker(EMPTIED));
  rmSync(join(net.operators[EMPTIED - 1].folder, "data"), { recursive: true });
  meanwhile = new Load(url(1), [1, 2, 3].map(owner), 2, 40, 300);
  const left = await checkpoint();
  await until("the others go on without it", async () => (await checkpoint()) >= left + 2, 60_000);
  await until(
    "the beginning is forgotten everywhere",
    async () => !(await holds(url(1), first.started.request_id, told.prompt.length)),
    60_000,
  );

  const began = performance.now();
  await net.restart(EMPTIED).ready;
  await allConnected(
    net,
    net.operators.filter(({ index }) => index !== STOPPED),
  );
  await until("it holds what was said last", () => isAbreast(EMPTIED), 60_000);
  t.diagnostic(`holds what was said last ${Math.round(performance.now() - began)} ms after its start`);
  // A story that it has forgotten, and then one that it has just told.
  let story = told.prompt + first.text;
  const histories: number[] = [];
  for (let round = 0; round < 2; round++) {
    const next: Ask = { prompt: `${story} And then`, max_tokens: 40, weft: { author: owner(EMPTIED) } };
    const there = await complete(url(EMPTIED), next);
    assert.equal(there.authors.at(-1)!.author, owner(EMPTIED));
    const elsewhere = again(next, there.started, { author: owner(2), recompute: true });
    assert.equal(there.text, (await complete(url(1), elsewhere)).text);
    histories.push(there.started.history_length);
    story = next.prompt + there.text;
  }
  t.diagnostic(`went on from ${histories.join(" and ")} tokens`);
  assert.ok(histories[1] >= Buffer.byteLength(told.prompt), "from what it told after it came back");
});

test("a worker that was stopped for longer than every timeout goes on, and attests again", async (t) => {
  const left = LONGEST_TIMEOUT_MS - (performance.now() - stoppedAt);
  await sleep(Math.max(0, left));
  t.diagnostic(
    `stopped for ${Math.round(performance.now() - stoppedAt)} ms; ${Math.round(left)} of them were waited for`,
  );
  net.worker(STOPPED).kill("SIGCONT");
  const began = performance.now();
  await until("it holds what was said last", () => isAbreast(STOPPED), 60_000);
  t.diagnostic(`holds what was said last ${Math.round(performance.now() - began)} ms after it went on`);
  await meanwhile!.stop();
  await allConnected(net);
  const { checkpoint } = await settled(net);

  // Without a large one, more than two thirds are all the others: also the stopped one, and the emptied one.
  net.worker(3).kill("SIGSTOP");
  await complete(url(1), { prompt: "All together. ", max_tokens: 8, weft: { author: owner(2) } });
  await until("it is attested", async () => (await health(url(1))).checkpoint > checkpoint, 60_000);
  net.worker(3).kill("SIGCONT");
  await allConnected(net);
  await settled(net);
  assert.deepEqual(await accusations(net), { convictions: 0, drift: 0 });
});

test("in the end every disk has the same heads, and nothing against anybody", async (t) => {
  await Promise.all([...net.workers.values()].map(kill));
  const heads = net.operators.map(({ index }) => headsOf(net, index));
  for (const other of heads.slice(1)) assert.deepEqual(other, heads[0]);
  for (const operator of net.operators)
    withStore(net.devnet, operator, (store) => {
      assert.deepEqual(store.evidence(), []);
      const bases = new Map<string, number>();
      for (const base of store.disk().bases()) bases.set(trackName(base), base.sequence);
      const held = new Map<string, number>();
      for (const segment of store.allSegments()) {
        const name = trackName(segment);
        const before = held.get(name) ?? bases.get(name) ?? 0;
        assert.equal(segment.sequence, before + 1, "no gaps");
        held.set(name, segment.sequence);
      }
      t.diagnostic(`${operator.name} begins after ${[...bases.values()].join(", ")}`);
      if (operator.index === EMPTIED) assert.ok(bases.size >= 3, "it did not begin at the beginning");
    });
});

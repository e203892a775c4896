import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { receiptOf } from "../../offchain/cli/devnet.ts";
import { prove } from "../../scripts/demo/onchain.ts";
import { type Ask, complete, health } from "../helpers/e2e/client.ts";
import { Evm } from "../helpers/e2e/evm.ts";
import { type LinedNet, startLinedNet } from "../helpers/e2e/lines.ts";
import { Load } from "../helpers/e2e/load.ts";
import { allConnected, kill } from "../helpers/e2e/net.ts";
import { derivedBy, Onchain } from "../helpers/e2e/onchain.ts";
import { accusations, headsOf, settled } from "../helpers/e2e/state.ts";
import { withStore } from "../helpers/e2e/stores.ts";
import { until } from "../helpers/e2e/until.ts";
import { Random } from "../sim/random.ts";

/** L1, L7, S6, S9, S11: a chain that is away, dies, or changes its mind delays settlement, and harms nobody. */

const PATIENCE_MS = 90_000;
/** Several checkpoints long. */
const AWAY_MS = 3_000;
/** Large enough that those who join with the smallest stake, and never come, take no quorum away. */
const STAKES = [4000, 4000, 4000, 4000];
let net: LinedNet;
let evm: Evm;
let chain: Onchain;
let load: Load | undefined;

before(async () => {
  const overrides = { checkpointIntervalShortestMs: 500, checkpointIntervalLongestMs: 1_000 };
  net = await startLinedNet({ stakes: STAKES, overrides }, new Random("chain"));
  evm = new Evm(net);
  chain = await Onchain.open(net);
  await Promise.all(net.operators.map(({ index }) => net.restart(index).ready));
  await allConnected(net);
  load = new Load(
    url(1),
    net.operators.map(({ owner }) => owner),
    2,
    40,
    300,
  );
});
after(async () => {
  await load?.stop().catch(() => {});
  await chain?.close();
  await net?.stop();
});

const url = (index: number) => net.operators[index - 1].apiUrl;
const states = () => Promise.all(net.operators.map(({ apiUrl }) => health(apiUrl)));
const eachIs = async (holds: (state: Awaited<ReturnType<typeof health>>) => boolean) => (await states()).every(holds);
const latest = async () => (await health(url(1))).checkpoint;

/** How often the workers found that the chain was reorganised. */
const rereads = () =>
  net.operators.map(({ folder }) => readFileSync(join(folder, "worker.log"), "utf8").split("read anew").length - 1);

/** An answer of the one worker, and the position of its first token. */
async function say(prompt: string, author: number): Promise<{ requestId: `0x${string}`; position: number }> {
  const ask: Ask = { prompt, max_tokens: 24, weft: { author: net.operators[author - 1].owner } };
  const { started } = await complete(url(author), ask);
  return { requestId: started.request_id, position: prompt.length };
}

const covered = async (said: Awaited<ReturnType<typeof say>>) =>
  (await receiptOf(url(1), said.requestId, said.position, PATIENCE_MS)).number;

/** Answers are written, without the chain; afterwards it covers them. */
async function withoutChain(t: { diagnostic(text: string): void }, sendAway: () => Promise<() => Promise<void>>) {
  const before = await latest();
  const back = await sendAway();
  const began = performance.now();
  const answered = load!.answers.length;
  const alone = await say("Without a chain, ", 2);
  const away = () => performance.now() - began;
  await until("writers go on", () => load!.answers.length >= answered + 4 && away() > AWAY_MS, PATIENCE_MS);
  const wasAway = Math.round(away());
  assert.ok((await latest()) <= before + 1, "at most what was under way was committed");
  await back();
  const healed = performance.now();
  const number = await covered(alone);
  await until("all know of it", () => eachIs(({ checkpoint }) => checkpoint >= number), PATIENCE_MS);
  t.diagnostic(
    `away for ${wasAway} ms; covered by checkpoint ${number} ${Math.round(performance.now() - healed)} ms after`,
  );
}

test("the RPC is unreachable, silent for some and refusing for others", async (t) => {
  await withoutChain(t, async () => {
    for (const index of [1, 2]) net.lines.chain(index).set({ isCut: true });
    for (const index of [3, 4]) net.lines.chain(index).refuse(true);
    return async () => {
      for (const index of [1, 2]) net.lines.chain(index).set({ isCut: false });
      for (const index of [3, 4]) net.lines.chain(index).refuse(false);
    };
  });
  assert.deepEqual(rereads(), [0, 0, 0, 0], "nothing was reorganised");
});

test("the EVM node is killed, and comes back with its blocks", async (t) => {
  await withoutChain(t, async () => {
    const start = await evm.kill();
    return async () => {
      // Nobody is served before the node has read what it had stored.
      for (const { index } of net.operators) net.lines.chain(index).refuse(true);
      await start();
      for (const { index } of net.operators) net.lines.chain(index).refuse(false);
    };
  });
  assert.deepEqual(rereads(), [0, 0, 0, 0], "nothing was reorganised");
});

const forks = { "a longer one takes their place": 3, "a shorter one takes their place, and grows": -4 };
const takenBack: Awaited<ReturnType<typeof say>>[] = [];
for (const [name, longer] of Object.entries(forks))
  test(`blocks with commits and a join are taken back: ${name}`, async (t) => {
    const [times, operators] = [rereads(), takenBack.length * 3];
    await chain.join(operators);
    const before = await chain.derived();
    const fork = await evm.fork();
    const taken = await say("Taken back, ", 3);
    takenBack.push(taken);
    await chain.join(operators + 1);
    const number = await covered(taken);
    await until("everybody has read more", () => eachIs(({ checkpoint }) => checkpoint > number), PATIENCE_MS);
    const lost = await chain.derived();
    assert.ok(lost.committed.length >= before.committed.length + 2 && lost.position > before.position);

    const count = await fork(longer);
    const forked = performance.now();
    await until("all have read the new fork", () => rereads().every((now, i) => now > times[i]), PATIENCE_MS);
    const reread = performance.now();
    await chain.join(operators + 2);
    const again = await covered(taken);
    await until("it goes on", () => eachIs(({ checkpoint }) => checkpoint >= lost.committed.length), PATIENCE_MS);
    const { position } = await chain.derived();
    t.diagnostic(
      `${count} blocks taken back, with ${lost.committed.length - before.committed.length} checkpoints and registry positions ${before.position + 1} to ${lost.position}; the new fork's is ${position}`,
    );
    t.diagnostic(
      `read anew after ${Math.round(reread - forked)} ms; the answer was covered by ${number}, and is by ${again}`,
    );
    assert.ok(again <= number, "what was committed is committed again at once");
  });

test("afterwards all hold the same, and what was taken back proves on chain", async () => {
  await load!.stop();
  await settled(net);
  assert.deepEqual(await accusations(net), { convictions: 0, drift: 0 });
  for (const { requestId, position } of takenBack) {
    const receipt = await receiptOf(url(2), requestId, position, PATIENCE_MS);
    await until("it is final", () => chain.isFinal(receipt.number), PATIENCE_MS);
    const { included, final, proven } = await prove(net.devnet, receipt.receipt);
    assert.ok(included && final && proven, "the token is proven");
  }
  const truth = await chain.derived();
  await Promise.all([...net.workers.values()].map(kill));
  for (const operator of net.operators) {
    assert.deepEqual(derivedBy(net, operator.index), truth, "every disk says what the chain says");
    assert.deepEqual(headsOf(net, operator.index), headsOf(net, 1));
    assert.deepEqual(
      withStore(net.devnet, operator, (store) => store.evidence()),
      [],
    );
  }
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { toHex } from "../../offchain/core/bytes.ts";
import { complete, health, metric } from "../helpers/e2e/client.ts";
import { kill, type Net, startNet } from "../helpers/e2e/net.ts";
import { withStore } from "../helpers/e2e/stores.ts";
import { until } from "../helpers/e2e/until.ts";

/** L6, S9: who shows two faces is convicted by whoever meets both, without anybody's help, and harms nobody else. */

const LIAR = 5;
const HONEST = [1, 2, 3, 4];
const SEGMENTS_SHOWN = 2;
let net: Net;

before(async () => {
  net = await startNet({
    stakes: [1000, 1000, 1000, 1000, 200],
    without: [LIAR],
    overrides: { checkpointIntervalShortestMs: 500, checkpointIntervalLongestMs: 2_000 },
  });
});
after(() => net?.stop());

const url = (index: number) => net.operators[index - 1].apiUrl;
const owner = (index: number) => net.operators[index - 1].owner;
const honest = <V>(ask: (url: string) => Promise<V>) => Promise.all(HONEST.map((index) => ask(url(index))));

/** Shows one story to operator 1 only, and another to operator 3 only. */
function lie() {
  const { configFile, folder } = net.operators[LIAR - 1];
  const args = ["--config", configFile, "--show-a", owner(1), "--show-b", owner(3)];
  return net.devnet.runModule("the liar", "scripts/demo/saboteur.ts", args, join(folder, "liar.log"));
}

const convictedIn = (index: number) =>
  withStore(net.devnet, net.operators[index - 1], (store) =>
    store.chainLog
      .events()
      .flatMap((event) =>
        event.kind === "registry" && event.event.kind === "convicted" ? [toHex(event.event.operator)] : [],
      ),
  );

test("two faces meet through the mesh, and a watcher convicts on its own", async (t) => {
  const began = performance.now();
  const liar = lie();
  let convictions: number[] = [];
  await until("somebody has convicted the liar", async () => {
    convictions = await honest((url) => metric(url, "weft_convictions_total"));
    return convictions.some((count) => count > 0);
  });
  const took = performance.now() - began;
  t.diagnostic(`convicted ${Math.round(took)} ms after the liar's start, by ${convictions}`);
  await until("all know of it", async () =>
    (await honest(health)).every(({ registered, peersUp }) => registered && peersUp === HONEST.length - 1),
  );
  await liar.stop();
});

const derived = async () => (await honest(health)).map(({ tracks, digest }) => [tracks, digest]);

/** What is derived at each, once nothing changes it any more: a checkpoint that becomes final does, long after its last word. */
async function settled() {
  const { challengeWindowSeconds, checkpointIntervalLongestMs } = net.devnet.deployment.parameters;
  const needed = challengeWindowSeconds * 1_000 + checkpointIntervalLongestMs + 1_000;
  let last = await derived();
  let since = performance.now();
  await until("nothing changes any more", async () => {
    const now = await derived();
    if (JSON.stringify(now) !== JSON.stringify(last)) since = performance.now();
    last = now;
    return performance.now() - since > needed;
  });
  return last;
}

test("its tracks stop: a new story of its is not even heard", async () => {
  const last = await settled();
  const liar = lie();
  await sleep(3_000);
  assert.equal(liar.exited(), undefined, "it would still lie");
  await liar.stop();
  assert.deepEqual(await derived(), last);
});

test("the others go on: a new checkpoint is committed, and nobody honest is accused", async () => {
  const answer = await complete(url(1), { prompt: "Honesty. ", max_tokens: 20, weft: { author: owner(2) } });
  const receipt = async () => {
    const response = await fetch(`${url(1)}/v1/receipts/${answer.started.request_id}`);
    return response.ok ? ((await response.json()) as { status: string }).status : undefined;
  };
  await until("a checkpoint covers the answer", async () => ["attested", "final"].includes((await receipt()) ?? ""));
  const convictions = await honest((url) => metric(url, "weft_convictions_total"));
  assert.equal(
    convictions.reduce((sum, count) => sum + count),
    1,
    "one transaction was enough",
  );

  await Promise.all(HONEST.map((index) => kill(net.worker(index))));
  for (const index of HONEST) {
    assert.deepEqual(convictedIn(index), [owner(LIAR)]);
    withStore(net.devnet, net.operators[index - 1], (store) => {
      assert.deepEqual(
        store.evidence().map(({ operator }) => toHex(operator)),
        [owner(LIAR)],
      );
      for (const { operator, sequence } of store.heads())
        if (toHex(operator) === owner(LIAR)) assert.ok(sequence <= SEGMENTS_SHOWN);
    });
  }
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Receipt } from "../../offchain/sdk/receipt.ts";
import { type Ask, assertWhole, metric, type Seen, stream } from "../helpers/e2e/client.ts";
import { allConnected, type Net, startNet } from "../helpers/e2e/net.ts";
import { type Between, putBefore } from "../helpers/e2e/proxy.ts";
import { until } from "../helpers/e2e/until.ts";

/** L1, L7: nothing in a writer's path awaits a peer, a quorum or the chain; what was written alone is covered after the heal. */

const PAIRS = 5;
/** On a busy machine five pairs may say nothing; a writer that waits would still be waiting after fifteen. */
const MOST_PAIRS = 15;
const TOKENS = 150;
const LEAST_RATIO = 0.95;
const PROMPT = "She was then an interesting creature, and had been from the first. ";
const SHORTEST_MS = 1_000;
const LONGEST_MS = 3_000;
const proxies: Between[] = [];
let net: Net;

before(async () => {
  net = await startNet({
    overrides: { checkpointIntervalShortestMs: SHORTEST_MS, checkpointIntervalLongestMs: LONGEST_MS },
    prepare: async ({ operators }) => {
      for (const operator of operators) proxies.push(await putBefore(operator));
    },
  });
});
after(async () => {
  signal("SIGCONT");
  for (const proxy of proxies) proxy.close();
  await net?.stop();
});

const writer = () => net.operators[0];

/** To everybody but the writer: the other workers, and the chain. */
function signal(name: NodeJS.Signals): void {
  for (const [index, worker] of net?.workers ?? []) if (index !== writer().index) worker.kill(name);
  net?.devnet.chain.process.kill(name);
}

type Cut = { name: string; cut(): void; heal(): Promise<void> };
const stopped: Cut = {
  name: "all other workers and the chain stopped",
  cut: () => signal("SIGSTOP"),
  heal: async () => signal("SIGCONT"),
};
const dropped: Cut = {
  name: "every lane cut",
  cut: () => {
    for (const proxy of proxies) proxy.cut();
  },
  heal: async () => {
    for (const proxy of proxies) proxy.heal();
  },
};

/** One answer that the worker writes for itself: what the client saw, and its tokens per second. */
async function write(seed: number, tokens = TOKENS): Promise<{ seen: Seen; rate: number }> {
  const ask: Ask = { prompt: PROMPT, max_tokens: tokens, temperature: 0.8, seed, weft: { author: writer().owner } };
  const seen = await stream(writer().apiUrl, ask);
  assertWhole(ask, seen);
  assert.deepEqual(
    seen.authored.map(({ author }) => author),
    [writer().owner],
  );
  const [first, last] = [seen.pieces[0], seen.pieces[seen.pieces.length - 1]];
  return { seen, rate: ((last.position - first.position) / (last.at - first.at)) * 1000 };
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** The checkpoint that covers a token; nothing before there is one. */
async function covered(seen: Seen, position: number): Promise<number | undefined> {
  const response = await fetch(`${writer().apiUrl}/v1/receipts/${seen.started!.request_id}?position=${position}`);
  if (!response.ok) return undefined;
  const { snapshots } = (await response.json()) as Receipt;
  return snapshots.find(({ type }) => type === "tokens")?.proof?.number;
}

const settled = () =>
  until("nothing waits for a checkpoint", async () => {
    const rest = await Promise.all(net.operators.map(({ apiUrl }) => metric(apiUrl, "weft_backlog_segments")));
    return rest.every((backlog) => backlog === 0);
  });

for (const [at, how] of [stopped, dropped].entries())
  test(`${how.name}: the writer is as fast as connected`, async (t) => {
    await write(1000); // the first of everything is slower
    const rates = { connected: [] as number[], cut: [] as number[] };
    const ratio = () => median(rates.cut) / median(rates.connected);
    const enough = (pairs: number) => pairs >= MOST_PAIRS || (pairs >= PAIRS && ratio() >= LEAST_RATIO);
    for (let pair = 0; !enough(pair); pair++) {
      rates.connected.push((await write(100 * at + 2 * pair)).rate);
      how.cut();
      try {
        rates.cut.push((await write(100 * at + 2 * pair + 1)).rate);
      } finally {
        await how.heal();
      }
      await allConnected(net);
    }
    for (const [name, values] of Object.entries(rates))
      t.diagnostic(
        `${name}: ${values.map((value) => value.toFixed(0)).join(" ")} tokens/s, median ${median(values).toFixed(0)}`,
      );
    t.diagnostic(`ratio ${ratio().toFixed(3)}`);
    assert.ok(ratio() >= LEAST_RATIO);
  });

test("the first checkpoint after the heal covers all that was written alone", async (t) => {
  await settled();
  const before = await metric(writer().apiUrl, "weft_checkpoint_number");
  const began = performance.now();
  const alone: Seen[] = [];
  signal("SIGSTOP");
  try {
    // Longer than two checkpoints would take.
    while (alone.length < 3 || performance.now() - began < 2 * LONGEST_MS) {
      alone.push((await write(2000 + alone.length, 100)).seen);
      await sleep(SHORTEST_MS / 2);
    }
    assert.equal(await metric(writer().apiUrl, "weft_checkpoint_number"), before);
    assert.equal(await covered(alone[0], PROMPT.length), undefined, "nobody attested to it yet");
  } finally {
    signal("SIGCONT");
  }
  const ends = alone.flatMap((seen) => [
    { seen, position: PROMPT.length },
    { seen, position: PROMPT.length + 99 },
  ]);
  let numbers: (number | undefined)[] = [];
  await until("every token is covered", async () => {
    numbers = await Promise.all(ends.map(({ seen, position }) => covered(seen, position)));
    return !numbers.includes(undefined);
  });
  t.diagnostic(`${alone.length} answers written alone, all in checkpoint ${numbers[0]}; the one before was ${before}`);
  assert.deepEqual([...new Set(numbers)], [before + 1]);
});

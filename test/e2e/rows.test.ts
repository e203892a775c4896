import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fromHex, toHex } from "../../offchain/core/bytes.ts";
import { type Ask, again, assertWhole, complete, metric, once, type Seen, stream } from "../helpers/e2e/client.ts";
import { allConnected, kill, type Net, startNet } from "../helpers/e2e/net.ts";
import { type Between, putBefore } from "../helpers/e2e/proxy.ts";
import { replicaOf, withStore } from "../helpers/e2e/stores.ts";
import { configure } from "../helpers/e2e/tokens.ts";
import { until } from "../helpers/e2e/until.ts";

/** DESIGN §3: rows buy time, not truth. Damaged ones are refused; false ones end the stream before anything false is signed. */

const PROMPT = "It is a truth universally acknowledged, that a single man in possession of a good fortune. ".repeat(7);
/** So much passes before a bit is flipped: more than one shipment of at most 256 rows, less than the prompt's. */
const UNDAMAGED_BYTES = 288 * 512;
const LARGE_FRAME = 8 * 1024;
const DATA_FRAME = 0;
const AUTHOR = 2;
const GOES_ON = 3;
const others = [1, 3, 4];

let net: Net;
let proxy: Between;
let armed = true;
let flips = 0;

before(async () => {
  // On each connection one bit of a later shipment; only rows come in frames as large as this.
  const passed = new Map<object, number>();
  const flipOnce = ({ type, payload }: { type: number; payload: Buffer }, connection: object) => {
    const sofar = passed.get(connection) ?? 0;
    if (!armed || type !== DATA_FRAME || sofar === Number.POSITIVE_INFINITY) return;
    passed.set(connection, sofar + payload.length);
    if (payload.length < LARGE_FRAME || sofar < UNDAMAGED_BYTES) return;
    payload[payload.length - 1] ^= 1;
    passed.set(connection, Number.POSITIVE_INFINITY);
    flips += 1;
  };
  net = await startNet({
    overrides: { checkpointIntervalShortestMs: 500, checkpointIntervalLongestMs: 1_000 },
    prepare: async ({ operators }) => {
      // Who is killed is missed at once; who is slow is not to be given up.
      for (const operator of operators) configure(operator, { authorSilenceMs: 10_000 });
      proxy = await putBefore(operators[AUTHOR - 1], flipOnce);
    },
  });
});
after(async () => {
  proxy?.close();
  await net?.stop();
});

const url = (index: number) => net.operators[index - 1].apiUrl;
const owner = (index: number) => net.operators[index - 1].owner;
const eachOf = (name: string, labels?: Record<string, string>) =>
  Promise.all(others.map((index) => metric(url(index), name, labels)));

/** Streams at gateway 1 from the author, and kills it once `at` tokens were seen. */
async function killedAt(at: number, ask: Ask): Promise<Seen> {
  let killed: Promise<void> | undefined;
  const murder = once(at, () => {
    killed = kill(net.worker(AUTHOR));
  });
  const seen = await stream(url(1), { ...ask, weft: { author: owner(AUTHOR) } }, murder);
  await killed;
  assert.ok(killed, "it was killed in mid-sentence");
  return seen;
}

async function nobodyAccused(): Promise<void> {
  assert.deepEqual(await eachOf("weft_convictions_total"), [0, 0, 0]);
  assert.deepEqual(await eachOf("weft_faults_total", { kind: "drift" }), [0, 0, 0]);
}

test("a bit flipped in flight: refused, counted, computed again; the answer is unchanged", async (t) => {
  const ask: Ask = { prompt: PROMPT, max_tokens: 300, temperature: 0.8, seed: 1 };
  const seen = await killedAt(80, ask);
  assertWhole(ask, seen);
  assert.equal(flips, others.length, "every peer's shipment was damaged once");
  const refused = await eachOf("weft_rows_refused_total", { reason: "digest" });
  const { attached, prefilled } = seen.authored[1];
  t.diagnostic(`one bit in one shipment: refused ${refused}, then attached ${attached}, prefilled ${prefilled}`);
  assert.deepEqual(refused, [1, 1, 1]);
  // Where a shipment begins depends on the flush; the damaged one holds the position at which its bit was flipped.
  const damaged = Math.ceil(UNDAMAGED_BYTES / 512);
  assert.ok(attached > 0 && attached <= damaged, "only what came before the damaged shipment is attached");
  assert.ok(prefilled > 0, "the rest is computed");
  const whole = await complete(url(3), again(ask, seen.started!, { author: owner(4), recompute: true }));
  assert.equal(seen.text, whole.text);
  await nobodyAccused();
});

const falseRows = (index: number) => metric(url(index), "weft_false_rows_total", { author: owner(AUTHOR) });

const untilCommitted = (index: number, requestId: string) =>
  until("it is committed, as this worker has it", async () => {
    const { status } = (await (await fetch(`${url(index)}/v1/receipts/${requestId}`)).json()) as { status?: string };
    return status === "attested" || status === "final";
  });

test("wrong rows under a right digest: who goes on from that answer is told, and who asks again has it from the tokens", async () => {
  armed = false;
  await net.impersonate(AUTHOR, "test/e2e/saboteurs/false-rows.ts").ready;
  await allConnected(net);
  const received = () => metric(url(GOES_ON), "weft_received_bytes_total", { lane: "rows" });
  const earlier = await received();
  const asked: Ask = { prompt: `Untrue. ${PROMPT}`, max_tokens: 20, temperature: 0.8, seed: 3 };
  const first = await complete(url(1), { ...asked, weft: { author: owner(AUTHOR) } });
  assert.deepEqual(
    first.authors.map(({ author }) => author),
    [owner(AUTHOR)],
  );
  await until("its rows are there", async () => (await received()) - earlier > asked.prompt.length * 512);
  await Promise.all([1, GOES_ON].map((index) => untilCommitted(index, first.started.request_id)));
  const next: Ask = { ...asked, prompt: `${asked.prompt}${first.text}\n`, weft: { author: owner(GOES_ON) } };
  const seen = await stream(url(1), next);
  assert.equal(seen.error?.code, "rows_mismatch");
  assert.ok(seen.authored[0].attached >= asked.prompt.length);
  assert.equal(await falseRows(GOES_ON), 1);
  const retried = await complete(url(1), again(next, seen.started!, { author: owner(GOES_ON) }));
  assert.deepEqual(
    retried.authors.map(({ author, attached }) => [author, attached]),
    [[owner(GOES_ON), 0]],
  );
  await nobodyAccused();
});

test("rows that are false though correctly signed: the stream ends with a typed error, and nothing false is signed", async (t) => {
  const before = await Promise.all(net.operators.map(({ index }) => falseRows(index)));
  const ask: Ask = { prompt: `False. ${PROMPT}`, max_tokens: 300, temperature: 0.8, seed: 2 };
  const seen = await killedAt(80, ask);
  assert.equal(seen.error?.code, "rows_mismatch", JSON.stringify(seen.authored));
  const [first, successor] = seen.authored;
  assert.equal(first.author, owner(AUTHOR));
  assert.ok(successor.attached >= ask.prompt.length, "the successor took the false rows over");
  t.diagnostic(
    `false rows: attached ${successor.attached}, shown ${seen.text.length} characters, then ${seen.error?.code}`,
  );
  const found = net.operators.find(({ owner }) => owner === successor.author)!;
  assert.equal(await falseRows(found.index), before[found.index - 1] + 1);
  await nobodyAccused();

  // The rest of the mesh goes on, with the same request too: from the tokens.
  const retried = await complete(url(4), again(ask, seen.started!, { author: owner(3) }));
  const whole = await complete(url(1), again(ask, seen.started!, { author: owner(4), recompute: true }));
  assert.equal(retried.text, whole.text);
  const number = await metric(url(1), "weft_checkpoint_number");
  await until("checkpoints go on", async () => (await metric(url(1), "weft_checkpoint_number")) > number);

  await kill(net.worker(found.index));
  withStore(net.devnet, found, (store) => {
    const turn = replicaOf(net.devnet, found, store).turn(fromHex(successor.turn, 32));
    assert.ok(turn, "the turn was opened");
    assert.deepEqual([turn.runs.length, turn.close], [0, undefined], "and nothing else of it was signed");
    const reports = store.reports().map(({ kind, author }) => [kind, toHex(author)]);
    assert.equal(reports.length, before[found.index - 1] + 1);
    assert.deepEqual(reports.at(-1), ["false_rows", owner(AUTHOR)]);
    assert.deepEqual(store.evidence(), []);
  });
});

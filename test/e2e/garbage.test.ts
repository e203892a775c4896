import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { equal, fromHex } from "../../offchain/core/bytes.ts";
import { genesisCheckpoint } from "../../offchain/core/checkpoint.ts";
import { encodeProposal } from "../../offchain/core/proposal.ts";
import { encodeRows } from "../../offchain/core/rows.ts";
import { decodeSegment } from "../../offchain/core/segment.ts";
import { crypto } from "../../offchain/crypto/crypto.ts";
import { AttestRequest, FetchRequest, PlotSubscribe } from "../../offchain/mesh/generated/mesh.ts";
import { again, complete, type Health, health, metric } from "../helpers/e2e/client.ts";
import { badBody, badEvidence, badSegment, rawBytes, sendRaw } from "../helpers/e2e/garbage.ts";
import { inParallel } from "../helpers/e2e/load.ts";
import { type Net, startNet } from "../helpers/e2e/net.ts";
import { Rogue, random, type Streams } from "../helpers/e2e/rogue.ts";
import { replicaOf, withStore } from "../helpers/e2e/stores.ts";
import { until } from "../helpers/e2e/until.ts";

/** DESIGN §4: every inbound message is bounded, then authenticated, then parsed, then believed. */

const ROGUE = 4;
const counts: Record<string, number> = {};
let net: Net;
let rogue: Rogue;
let pid: number;
let quiet: Pick<Health, "digest" | "tracks">;

before(async () => {
  net = await startNet({
    without: [ROGUE],
    // Nothing becomes final meanwhile: what a worker holds is derived from what is.
    overrides: {
      checkpointIntervalShortestMs: 500,
      checkpointIntervalLongestMs: 1_000,
      challengeWindowSeconds: 120,
    },
  });
});
after(async () => {
  rogue?.stop();
  await net?.stop();
});

let url: string;
const some = (name: string, count: number, work: (at: number) => Promise<void>, atOnce = 8) => {
  counts[name] = count;
  return inParallel(
    Array.from({ length: count }, (_, at) => at),
    atOnce,
    work,
  );
};
const faults = (kind?: string) => metric(url, "weft_faults_total", kind ? { kind } : {});

/** After everything: the same process, the same state, and it serves. */
async function unmoved(): Promise<void> {
  assert.equal(net.worker(1).exited(), undefined);
  assert.equal(net.worker(1).pid, pid);
  const { digest, tracks } = await health(url);
  assert.deepEqual({ digest, tracks }, quiet);
}

test("the worker has something to lose", async () => {
  url = net.operators[0].apiUrl;
  pid = net.worker(1).pid;
  await complete(url, { prompt: "Before. ", max_tokens: 20, weft: { author: net.operators[0].owner } });
  await until("it is replicated and covered", async () => (await health(url)).checkpoint > 0);
  const { digest, tracks } = await health(url);
  quiet = { digest, tracks };
  assert.ok(tracks > 0);
});

test("bytes that are no protocol, on the mesh port", async () => {
  const port = Number(net.operators[0].endpoint.split(":")[1]);
  await some("raw bytes", 300, (at) => sendRaw(port, rawBytes(at)), 24);
  await unmoved();
});

test("calls without a session, with a stale one, or that are too large", async () => {
  rogue = await Rogue.start(net.devnet, net.operators[ROGUE - 1], net.operators[0]);
  const methods = ["Pager", "Plot", "Rows", "Cut", "Attest", "Fetch", "Generate"];
  await some("calls without a session", 140, async (at) => {
    const session = at % 2 === 0 ? new Uint8Array(0) : random(32);
    const { code } = await rogue.ask(methods[at % methods.length], random(at * 7), session);
    assert.equal(code, status.UNAUTHENTICATED);
  });
  await some("hellos of nobody", 100, async (at) => {
    const { code } = await rogue.ask(at % 2 === 0 ? "Hello" : "Prove", random(at), new Uint8Array(0));
    assert.ok([status.INVALID_ARGUMENT, status.PERMISSION_DENIED, status.RESOURCE_EXHAUSTED].includes(code), `${code}`);
  });
  const large = { Hello: 300, Pager: 5_000, Cut: 5_000, Fetch: 5_000, Attest: 600_000, Plot: 400_000 };
  for (const [method, size] of Object.entries(large))
    await some(`oversized ${method}`, 4, async () => {
      const { code } = await rogue.ask(method, random(size));
      assert.equal(code, status.RESOURCE_EXHAUSTED, method);
    });
  await unmoved();
});

test("a registered peer that asks for what cannot be", async () => {
  const refused = [status.INVALID_ARGUMENT, status.RESOURCE_EXHAUSTED, status.FAILED_PRECONDITION];
  const { signer, operator, separator } = rogue.self;
  await some("garbage requests of a peer", 120, async (at) => {
    const method = ["Attest", "Generate", "Fetch", "Plot"][at % 4];
    const { code } = await rogue.ask(method, Uint8Array.of(0x0a, 0x7f, ...random(1 + (at % 100))));
    assert.ok(refused.includes(code), `${method}: ${code}`);
  });
  await some("impossible ranges", 40, async (at) => {
    const range = at % 2 === 0 ? [0, at] : [at, at + 100_000];
    const asked = { operator, incarnation: random(16), fromSequence: range[0], toSequence: range[1] };
    const { code } = await rogue.ask("Fetch", FetchRequest.encode(asked).finish());
    assert.equal(code, status.INVALID_ARGUMENT);
  });
  await some("false heads", 20, async () => {
    const { code } = await rogue.ask("Plot", PlotSubscribe.encode({ heads: [random(75)], of: [] }).finish());
    assert.equal(code, status.INVALID_ARGUMENT);
  });
  // A statement in the right form that is not true: answered, and never signed.
  const attested = Number(await metric(url, "weft_checkpoint_number"));
  await some("false proposals", 100, async (at) => {
    const checkpoint = {
      ...genesisCheckpoint(crypto, random(32)),
      number: at % 3 === 0 ? attested + 1 : at,
      parent: random(32),
      cutRoot: random(32),
      segmentCount: 1,
    };
    const track = decodeSegment(badSegment({ signer, operator, separator }, 0)).header;
    const advances = at % 2 === 0 ? [] : [{ ...track, sequence: 1, head: random(32) }];
    const request = AttestRequest.encode({ proposal: encodeProposal({ checkpoint, advances }) }).finish();
    const { code } = await rogue.ask("Attest", request);
    assert.equal(code, status.OK, "refused in so many words, not by a failure");
  });
  await unmoved();
});

test("a registered peer that streams what is not to be believed", async () => {
  const by = rogue.self;
  const streams: Streams[] = ["pager", "plot", "rows"];
  const subscribed = (stream: Streams) => until(`${stream} is subscribed to`, () => rogue.isSubscribed(stream), 60_000);
  for (const stream of streams) await subscribed(stream);
  const before = { all: await faults(), evidence: await faults("bad_evidence") };

  counts["segments not to be believed"] = 240;
  for (let at = 0; at < 240; at++) rogue.say("plot", { segment: badSegment(by, at) });
  counts["evidence that is none"] = 120;
  const honest = fromHex(net.operators[1].owner, 20);
  for (let at = 0; at < 120; at++)
    rogue.say("pager", { message: { $case: "evidence", value: badEvidence(by, honest, at) } });
  counts["rows of nothing"] = 60;
  for (let at = 0; at < 60; at++) {
    const place = { sequence: 1 + at, index: 0 };
    rogue.say("rows", {
      rows: encodeRows({ operator: by.operator, incarnation: random(16), place, rows: random(512 * (1 + (at % 9))) }),
    });
  }
  // Five in six segments are faults of their own; the sixth, far ahead, is asked for and not got.
  await until("all of it was judged", async () => (await faults()) - before.all >= 200 + 120);
  assert.equal((await faults("bad_evidence")) - before.evidence, 120);

  // What cannot be read drops its stream, which is then taken up again, later each time.
  const unreadable: [Streams, (at: number) => unknown][] = [
    ["plot", (at) => ({ segment: random(1 + at * 50) })],
    ["pager", (at) => ({ message: { $case: at % 2 === 0 ? "beat" : "evidence", value: random(at * 30) } })],
    ["rows", (at) => ({ rows: random(at * 30) })],
  ];
  counts["unreadable messages"] = 3 * 4;
  await Promise.all(
    unreadable.map(async ([stream, make]) => {
      for (let at = 0; at < 4; at++) {
        await subscribed(stream);
        const times = rogue.subscriptions[stream];
        rogue.say(stream, make(at));
        await until(`${stream} was dropped, and taken up again`, () => rogue.subscriptions[stream] > times);
      }
    }),
  );
  await unmoved();
});

test("segments of others, said again", async () => {
  await until("the plot lane is back", () => rogue.isSubscribed("plot"), 60_000);
  // What the worker itself serves, as it was signed.
  const held = await rogue.collect("Plot");
  assert.ok(held.length > 0);
  counts["replayed segments"] = 0;
  const before = await faults();
  for (let round = 0; round < 20; round++)
    for (const segment of held) {
      rogue.say("plot", { segment });
      counts["replayed segments"] += 1;
    }
  // One that is a fault, to know when all before it were taken.
  rogue.say("plot", { segment: badSegment(rogue.self, 0) });
  await until("the last was judged", async () => (await faults()) > before);
  assert.equal(await faults(), before + 1, "the same again is no fault");
  await unmoved();
});

test("nonsense on HTTP is refused with a reason", async () => {
  await some("HTTP bodies", 180, async (at) => {
    const response = await fetch(`${url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": at % 11 === 10 ? "text/plain" : "application/json" },
      body: badBody(at),
    });
    const { error } = (await response.json()) as { error?: { code?: string; message?: string } };
    assert.ok(response.status >= 400 && response.status < 500, `${response.status} for ${badBody(at).slice(0, 80)}`);
    assert.ok(error?.code && error.message, "a code and a message");
  });
  await some("HTTP paths", 60, async (at) => {
    const path = ["/v1/receipts/0x12", `/v1/receipts/0x${"0".repeat(64)}`, `/${"%2e/".repeat(at)}`, "/v1/nothing"][
      at % 4
    ];
    const response = await fetch(url + path, { method: ["GET", "PUT", "DELETE"][at % 3] });
    assert.ok(response.status >= 400 && response.status < 500, `${response.status} for ${path}`);
  });
  const port = Number(new URL(url).port);
  await some("raw bytes to HTTP", 60, (at) => sendRaw(port, rawBytes(at)), 24);
  const huge = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "weft-austen", prompt: "x".repeat(2 ** 21) }),
  });
  assert.equal(huge.status, 413);
  await unmoved();
});

test("after more than a thousand of these it serves as before", async (t) => {
  const total = Object.values(counts).reduce((sum, count) => sum + count);
  t.diagnostic(
    `${total} garbage inputs: ${Object.entries(counts)
      .map(([name, count]) => `${count} ${name}`)
      .join(", ")}`,
  );
  assert.ok(total >= 1_000);
  const ask = { prompt: "Still here. ", max_tokens: 40, temperature: 0.8 };
  const answer = await complete(url, { ...ask, weft: { author: net.operators[0].owner } });
  const other = net.operators[1];
  const same = await complete(other.apiUrl, again(ask, answer.started, { author: other.owner, recompute: true }));
  assert.equal(answer.text, same.text);
  const { checkpoint } = await health(url);
  await until("checkpoints go on", async () => (await health(url)).checkpoint > checkpoint);

  net.worker(1).kill("SIGKILL");
  await net.worker(1).exit;
  withStore(net.devnet, net.operators[0], (store) => {
    assert.deepEqual(store.evidence(), []);
    const operators = replicaOf(net.devnet, net.operators[0], store).heads.all();
    assert.ok(operators.length > 0);
    assert.ok(!operators.some(({ operator }) => equal(operator, rogue.self.operator)), "nothing of the rogue was kept");
  });
});

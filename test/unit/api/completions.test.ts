import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import type { CompletionEvent, CompletionRequest } from "../../../offchain/api/server.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import { WeftError } from "../../../offchain/core/errors.ts";
import { dataOf, fakePorts, id20, id32, play, post, type Served, serve, started, story } from "./fixture.ts";

const BODY = { model: "weft-austen", prompt: "It is a truth universally acknowledged", max_tokens: 44 };
const seen: CompletionRequest[] = [];
let api: Served;

before(async () => {
  api = await serve(
    fakePorts({
      complete: (request) => {
        seen.push(request);
        return play(story);
      },
    }),
  );
});
after(() => api.close());

test("a stream has the shape of the OpenAI API, in order, with usage where asked for", async () => {
  const response = await post(api.url, { ...BODY, stream: true, stream_options: { include_usage: true } });
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
  const lines = await dataOf(response);
  assert.equal(lines.pop(), "[DONE]");
  const chunks = lines.map((line) => JSON.parse(line));
  for (const chunk of chunks) {
    assert.equal(chunk.id, `cmpl-${id32(1)}`);
    assert.equal(chunk.object, "text_completion");
    assert.equal(chunk.model, "weft-austen");
    assert.ok(Number.isInteger(chunk.created));
  }
  const usage = chunks.pop();
  assert.deepEqual(usage.choices, []);
  assert.deepEqual(usage.usage, { prompt_tokens: 9, completion_tokens: 44, total_tokens: 53 });
  assert.deepEqual(
    chunks.map((chunk) => [chunk.weft.type, chunk.choices[0].text, chunk.choices[0].finish_reason, chunk.usage]),
    [
      ["started", "", null, null],
      ["authored", "", null, null],
      ["text", "It is a truth ", null, null],
      ["authored", "", null, null],
      ["text", "universellement reconnuë 🙂", null, null],
      ["finished", "", "length", null],
    ],
  );
  assert.deepEqual(chunks[0].weft, {
    type: "started",
    request_id: id32(1),
    nonce: id32(2),
    history_length: 7,
    model: id32(3),
    gateway: id20(4),
    memory: null,
    receipt: `/v1/receipts/${id32(1)}`,
  });
  assert.deepEqual(chunks[3].weft.takeover, { from: id20(5), reason: "silent", detected_ms: 12 });
  assert.deepEqual(chunks[2].choices[0], { text: "It is a truth ", index: 0, logprobs: null, finish_reason: null });
});

test("without usage asked for, no chunk speaks of it", async () => {
  const lines = await dataOf(await post(api.url, { ...BODY, stream: true }));
  assert.equal(lines.length, story.length + 1);
  for (const line of lines.slice(0, -1)) assert.equal("usage" in JSON.parse(line), false);
});

test("a whole answer is one JSON object with usage and the fields that fix the request", async () => {
  const response = await post(api.url, BODY);
  const answer = (await response.json()) as Record<string, unknown> & { weft: Record<string, unknown> };
  assert.equal(response.status, 200);
  assert.deepEqual(answer["choices"], [
    { text: "It is a truth universellement reconnuë 🙂", index: 0, logprobs: null, finish_reason: "length" },
  ]);
  assert.deepEqual(answer["usage"], { prompt_tokens: 9, completion_tokens: 44, total_tokens: 53 });
  assert.equal(answer.weft["nonce"], id32(2));
  assert.deepEqual(answer.weft["turns"], [id32(6), id32(8)]);
  assert.equal((answer.weft["authors"] as unknown[]).length, 2);
  assert.equal(answer.weft["receipt"], `/v1/receipts/${id32(1)}`);
  assert.deepEqual(answer.weft["snapshots"], [
    { turn: id32(8), sequence: 1, index: 2, first: 9, count: 44, kind: "written" },
  ]);
});

test("parameters reach the worker, and defaults are those of the OpenAI API", async () => {
  seen.length = 0;
  await post(api.url, { model: "weft-austen", prompt: "x" });
  const { requester, ...plain } = seen[0];
  assert.deepEqual(plain, { prompt: "x", maxTokens: 16, temperature: 100, stop: [], stream: false });
  assert.equal(requester.length, 32);
  const weft = { author: id20(9), recompute: true };
  await post(api.url, { ...BODY, temperature: 0.804, stop: "\n\n", seed: -3, user: "me", n: 1, top_p: 1, weft });
  assert.equal(seen[1].temperature, 80);
  assert.deepEqual(seen[1].stop, ["\n\n"]);
  assert.equal(seen[1].seed, -3);
  assert.equal(seen[1].recompute, true);
  assert.equal(toHex(seen[1].author!), id20(9));
  await post(api.url, { ...BODY, prompt: ["one"], temperature: null, stop: ["a", "b"], logit_bias: {}, suffix: null });
  assert.deepEqual([seen[2].prompt, seen[2].temperature, seen[2].stop], ["one", 100, ["a", "b"]]);
});

test("a retry may send back the whole first event or its two needed fields", async () => {
  seen.length = 0;
  const [first] = await dataOf(await post(api.url, { ...BODY, stream: true }));
  const { weft } = JSON.parse(first);
  assert.equal((await post(api.url, { ...BODY, weft })).status, 200);
  assert.equal((await post(api.url, { ...BODY, weft: { nonce: id32(2), history_length: 7 } })).status, 200);
  for (const request of seen.slice(1)) {
    assert.equal(toHex(request.retry!.nonce), id32(2));
    assert.equal(request.retry!.historyLength, 7);
  }
  const other = await post(api.url, { ...BODY, weft: { ...weft, request_id: id32(99) } });
  assert.equal(other.status, 400);
  assert.equal(((await other.json()) as { error: { code: string } }).error.code, "request_mismatch");
});

test("a requester is who holds the token, and neither the token nor the prompt is logged", async () => {
  seen.length = 0;
  const headers = { authorization: "Bearer sk-very-secret" };
  await post(api.url, { ...BODY, prompt: "a private matter" }, { headers });
  await post(api.url, BODY);
  const hash = createHash("sha256").update("weft requestersk-very-secret").digest("hex");
  assert.equal(toHex(seen[0].requester), `0x${hash}`);
  assert.notEqual(toHex(seen[1].requester), `0x${hash}`);
  assert.doesNotMatch(api.log(), /secret|private matter/);
});

test("an error before the first event is an HTTP error, later it ends the stream", async (t) => {
  async function* fails(before: CompletionEvent[], error: Error) {
    yield* before;
    throw error;
  }
  const cases: [CompletionEvent[], Error, number, string][] = [
    [[], new WeftError("busy", "too many answers at once"), 503, "busy"],
    [
      [],
      new WeftError("context_length_exceeded", "1,024 positions", { field: "prompt" }),
      400,
      "context_length_exceeded",
    ],
    [[], new Error("secret detail"), 500, "internal"],
    [story.slice(0, 3), new WeftError("rows_mismatch", "adopted rows were wrong"), 200, "rows_mismatch"],
    [[started], new Error("secret detail"), 200, "internal"],
    [story.slice(1), new Error("unused"), 500, "internal"],
  ];
  for (const [events, error, status, code] of cases) {
    const failing = await serve(fakePorts({ complete: () => fails(events, error) }));
    t.after(() => failing.close());
    const response = await post(failing.url, { ...BODY, stream: true });
    assert.equal(response.status, status);
    if (status === 503) assert.equal(response.headers.get("retry-after"), "1");
    const text = status === 200 ? (await dataOf(response)).at(-1)! : await response.text();
    const body = JSON.parse(text);
    assert.equal(body.error.code, code);
    assert.deepEqual(Object.keys(body.error), ["message", "type", "param", "code"]);
    assert.doesNotMatch(text, /secret/);
  }
});

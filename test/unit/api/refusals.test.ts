import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { WeftError } from "../../../offchain/core/errors.ts";
import { fakePorts, id32, post, type Served, serve } from "./fixture.ts";

const BODY = { model: "weft-austen", prompt: "x" };
let api: Served;

before(async () => {
  api = await serve(
    fakePorts({
      async receipt(requestId, range) {
        if (requestId === id32(3)) throw new WeftError("not_found", "no such answer");
        return { requestId, range: range ?? null };
      },
    }),
  );
});
after(() => api.close());

type Refused = { error: { message: string; type: string; param: string | null; code: string } };

async function refused(response: Response, status: number, code: string, param: string | null): Promise<void> {
  const { error } = (await response.json()) as Refused;
  assert.deepEqual([response.status, error.code, error.param], [status, code, param], error.message);
  assert.ok(error.message.length > 0 && error.message.length < 500);
}

test("what is not supported is refused by name", async () => {
  const unsupported: Record<string, unknown> = {
    n: 2,
    top_p: 0.9,
    best_of: 3,
    echo: true,
    logprobs: 0,
    suffix: "end",
    logit_bias: { "50256": -100 },
    presence_penalty: 0.1,
    frequency_penalty: -1,
    top_k: 40,
  };
  for (const [name, value] of Object.entries(unsupported))
    await refused(await post(api.url, { ...BODY, [name]: value }), 400, "unsupported_parameter", name);
});

test("what is out of range is refused by name", async () => {
  const wrong: [string, unknown, string?][] = [
    ["prompt", ""],
    ["prompt", [1, 2, 3]],
    ["prompt", ["a", "b"]],
    ["prompt", undefined],
    ["model", 5],
    ["max_tokens", 0],
    ["max_tokens", 1.5],
    ["temperature", 10.01],
    ["temperature", -0.1],
    ["temperature", "warm"],
    ["stop", ["a", "b", "c", "d", "e"]],
    ["stop", [""]],
    ["seed", 0.5],
    ["stream", "yes"],
    ["weft", { author: "0x12" }, "weft.author"],
    ["weft", { nonce: id32(1) }, "weft.history_length"],
    ["weft", { history_length: 3 }, "weft.history_length"],
    ["weft", { nonce: "0x", history_length: 3 }, "weft.nonce"],
  ];
  for (const [name, value, param] of wrong)
    await refused(await post(api.url, { ...BODY, [name]: value }), 400, "malformed", param ?? name);
  await refused(await post(api.url, { ...BODY, stop: "é".repeat(33) }), 400, "out_of_range", "stop");
  await refused(await post(api.url, { ...BODY, model: "gpt-4" }), 404, "model_not_found", "model");
});

test("bodies that cannot be read are refused", async () => {
  await refused(await post(api.url, "{"), 400, "malformed", null);
  await refused(await post(api.url, ""), 400, "malformed", null);
  await refused(await post(api.url, '{"__proto__":{"model":"x"}}'), 400, "malformed", null);
  await refused(await post(api.url, "x".repeat(1024 * 1024 + 1)), 413, "body_too_large", null);
  const plain = { headers: { "content-type": "text/plain" } };
  await refused(await post(api.url, BODY, plain), 415, "unsupported_media_type", null);
});

test("other places: models, receipts, chat, metrics, health, and those that do not exist", async () => {
  const get = (path: string) => fetch(api.url + path);
  const models = (await (await get("/v1/models")).json()) as { object: string; data: unknown[] };
  assert.deepEqual(models, {
    object: "list",
    data: [{ id: "weft-austen", object: "model", created: 1, owned_by: "weft" }],
  });
  assert.equal((await get("/v1/models/weft-austen")).status, 200);
  await refused(await get("/v1/models/none"), 404, "model_not_found", "model");
  const receipt = await (await get(`/v1/receipts/${id32(1)}?position=12`)).json();
  assert.deepEqual(receipt, { requestId: id32(1), range: { position: 12, count: 1 } });
  const several = await (await get(`/v1/receipts/${id32(1)}?position=12&count=30`)).json();
  assert.deepEqual(several, { requestId: id32(1), range: { position: 12, count: 30 } });
  assert.deepEqual(await (await get(`/v1/receipts/${id32(1)}`)).json(), { requestId: id32(1), range: null });
  for (const query of ["count=3", "position=1&count=0", "position=1&count=x"])
    await refused(await get(`/v1/receipts/${id32(1)}?${query}`), 400, "malformed", "count");
  await refused(await get("/v1/receipts/0x12"), 400, "malformed", "requestId");
  for (const position of ["", "-1", "1.5", "99999999999", "1&position=2"])
    await refused(await get(`/v1/receipts/${id32(1)}?position=${position}`), 400, "malformed", "position");
  await refused(await get(`/v1/receipts/${id32(3)}`), 404, "not_found", null);
  await refused(await get("/nowhere?prompt=secret"), 404, "not_found", null);
  await refused(await get("/v1/completions"), 404, "not_found", null);
  const chat = (body: object) =>
    fetch(`${api.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  await refused(await chat({ model: "weft-austen", messages: [] }), 400, "no_chat_template", "model");
  await refused(await chat({ model: "gpt-4", messages: [] }), 404, "model_not_found", "model");
  const metrics = await get("/metrics");
  assert.equal(await metrics.text(), "weft_up 1\n");
  assert.equal((await get("/health")).status, 200);
  assert.equal((await get("/ready")).status, 200);
});

test("a worker that cannot serve is alive and not ready", async (t) => {
  const ill = await serve(fakePorts({ health: () => ({ ok: false, chain: "unreachable" }) }));
  t.after(() => ill.close());
  assert.equal((await fetch(`${ill.url}/health`)).status, 200);
  assert.equal((await fetch(`${ill.url}/ready`)).status, 503);
});

test("random bodies are answered or refused with a typed error, and the server stays alive", async () => {
  const names = [
    "model",
    "prompt",
    "max_tokens",
    "temperature",
    "stop",
    "seed",
    "stream",
    "stream_options",
    "weft",
    "n",
  ];
  const almost = fc
    .dictionary(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 3 }))
    .map((body) => ({ ...BODY, ...body }));
  const garbage = fc.oneof(
    almost.map((body) => JSON.stringify(body)),
    fc.json({ maxDepth: 6 }),
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.integer({ min: 1, max: 200_000 }).map((depth) => "[".repeat(depth)),
    fc.integer({ min: 1, max: 2_000_000 }).map((length) => `{"prompt":"${"a".repeat(length)}"}`),
  );
  let refusals = 0;
  await fc.assert(
    fc.asyncProperty(garbage, async (body) => {
      const response = await post(api.url, body);
      const text = await response.text();
      if (response.status === 200) return;
      refusals++;
      assert.ok(response.status >= 400 && response.status < 500, `${response.status}: ${text}`);
      const { error } = JSON.parse(text) as Refused;
      assert.equal(typeof error.message, "string");
      assert.equal(error.type, "invalid_request_error");
      assert.ok(error.code !== "internal");
    }),
    { numRuns: 400 },
  );
  assert.ok(refusals > 200);
  assert.equal((await post(api.url, BODY)).status, 200);
});

test("bytes that are not HTTP do no harm", async () => {
  for (const bytes of [
    "\0\0\0\0\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    `GET /health HTTP/1.1\r\nx: ${"y".repeat(40_000)}\r\n\r\n`,
  ]) {
    const socket = connect(Number(new URL(api.url).port), "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.resume().write(bytes);
    await once(socket, "close");
  }
  assert.equal((await fetch(`${api.url}/health`)).status, 200);
});

test("pages of any origin may ask, also in advance, and read refusals", async () => {
  const open = (response: Response) => assert.equal(response.headers.get("access-control-allow-origin"), "*");
  open(await fetch(`${api.url}/v1/receipts/${id32(1)}`));
  open(await fetch(`${api.url}/v1/receipts/${id32(3)}`));
  const stream = await post(api.url, { ...BODY, stream: true });
  open(stream);
  await stream.text();
  const asked = await fetch(`${api.url}/v1/completions`, { method: "OPTIONS" });
  open(asked);
  assert.equal(asked.status, 204);
  assert.equal(asked.headers.get("access-control-allow-headers"), "authorization, content-type, idempotency-key");
});

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { requesterOf } from "../../../offchain/api/body.ts";
import type { CompletionRequest, MemoryInfo } from "../../../offchain/api/ports.ts";
import { fromHex, toHex } from "../../../offchain/core/bytes.ts";
import { fakePorts, gate, id20, id32, play, post, type Served, serve, story } from "./fixture.ts";

const BODY = { model: "weft-austen", prompt: "x" };
const INFO: MemoryInfo = { id: id32(1), name: "notes", columns: 256, orders: [3], salt: id32(2), writers: [] };
const read = { id: id32(1), gate: "weak", checkpoint: 7, checkpoint_hash: id32(3) };
let api: Served;
let asked: unknown[] = [];

before(async () => {
  const told = (...args: unknown[]) => {
    asked = args;
    return INFO;
  };
  api = await serve(
    fakePorts({
      complete(request) {
        asked = [request];
        return play(story);
      },
      memories: {
        make: told,
        list: () => [INFO],
        show: (...args) => ({ ...told(...args), cells: 3, checkpoint: { number: 4, hash: id32(5) } }),
        async teach(requester, named, text, signal, key) {
          told(requester, named, text, ...(key === undefined ? [] : [key, signal]));
          if (key === "slow") await going.promise;
          return { id: id32(1), tokens: text.length, turns: [id32(6)], authors: [id20(7)] };
        },
      },
    }),
  );
});
after(() => api.close());
beforeEach(() => {
  asked = [];
});

const send = (path: string, body?: object) =>
  fetch(`${api.url}/v1/memories${path}`, {
    method: body ? "POST" : "GET",
    headers: { ...(body && { "content-type": "application/json" }), authorization: "Bearer me" },
    body: body && JSON.stringify(body),
  });
const ME = requesterOf("Bearer me");
const going = gate();

test("a text is taught under the client's key; the work goes on when the client is gone", async () => {
  const teach = (key: string, signal?: AbortSignal) =>
    fetch(`${api.url}/v1/memories/${id32(1)}/teach`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer me", "idempotency-key": key },
      body: JSON.stringify({ text: "words" }),
      signal: signal ?? null,
    });
  await teach('"8e03978e-40d5-43dd-bc93-6894a57f9324"');
  assert.equal(asked[3], '"8e03978e-40d5-43dd-bc93-6894a57f9324"');
  asked = [];
  for (const key of ["two words", "k".repeat(256)]) {
    const { error } = (await (await teach(key)).json()) as { error: { code: string; param: string } };
    assert.deepEqual([error.code, error.param], ["malformed", "idempotency-key"]);
  }
  assert.deepEqual(asked, []);
  const client = new AbortController();
  const lost = teach("slow", client.signal);
  while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  client.abort();
  await assert.rejects(lost);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const signal = asked[4] as AbortSignal;
  assert.equal(signal.aborted, false);
  going.resolve();
});

test("memories are made, listed, shown and taught for the client who asks", async () => {
  const writers = [id20(9), id20(3)];
  assert.deepEqual(await (await send("", { name: "notes", orders: [1, 8], writers })).json(), {
    object: "memory",
    ...INFO,
  });
  assert.deepEqual(asked, [ME, "notes", { orders: [1, 8], writers: [fromHex(id20(3), 20), fromHex(id20(9), 20)] }]);
  await send("", { name: "notes" });
  assert.deepEqual(asked, [ME, "notes", {}]);
  assert.deepEqual(await (await send("")).json(), { object: "list", data: [{ object: "memory", ...INFO }] });
  const shown = await (await send(`/${id32(1)}?name=notes`)).json();
  assert.deepEqual(shown, { object: "memory", ...INFO, cells: 3, checkpoint: { number: 4, hash: id32(5) } });
  assert.deepEqual(asked, [ME, { id: fromHex(id32(1), 32), name: "notes" }]);
  const taught = await (await send(`/${id32(1)}/teach`, { text: "words" })).json();
  assert.deepEqual(taught, { id: id32(1), tokens: 5, turns: [id32(6)], authors: [id20(7)] });
  assert.deepEqual(asked, [ME, { id: fromHex(id32(1), 32), name: undefined }, "words"]);
});

test("what is malformed is refused by name", async () => {
  const refused = async (response: Promise<Response>, param: string) => {
    const { error } = (await (await response).json()) as { error: { code: string; param: string } };
    assert.deepEqual([error.code, error.param], ["malformed", param]);
    assert.deepEqual(asked, []);
  };
  for (const name of ["", " a", "a/b", "é", "a".repeat(65), 5]) await refused(send("", { name }), "name");
  const orders = [[], [0], [9], [2, 2], [3, 1], [1.5], "3", Array(9).fill(1)];
  for (const wrong of orders)
    await refused(
      send("", { name: "a", orders: wrong }),
      wrong === orders[1] || wrong === orders[2] || wrong === orders[5] ? "orders.0" : "orders",
    );
  await refused(send("", { name: "a", writers: [id20(1), id20(1)] }), "writers");
  await refused(send("", { name: "a", writers: ["0x12"] }), "writers.0");
  await refused(send("", { name: "a", writers: Array.from({ length: 33 }, (_, i) => id20(i)) }), "writers");
  await refused(send("/0x12"), "id");
  await refused(send(`/${id32(1)}?name=a/b`), "name");
  await refused(send(`/${id32(1)}/teach`, { text: "" }), "text");
  for (const [memory, param] of [
    [{}, "memory.name"],
    [{ id: "0x" }, "memory.id"],
    [{ name: "a", gate: "ajar" }, "memory.gate"],
    [{ name: "a", learn: "yes" }, "memory.learn"],
  ] as const)
    await refused(post(api.url, { ...BODY, memory }), param);
  await refused(post(api.url, { ...BODY, weft: { memory: { ...read, gate: "off" } } }), "weft.memory.gate");
});

test("an answer reads what was asked for; a retry reads what the first try was told, also nothing", async () => {
  const request = async (body: object) => {
    assert.equal((await post(api.url, { ...BODY, ...body })).status, 200);
    return asked[0] as CompletionRequest;
  };
  assert.equal((await request({})).memory, undefined);
  assert.deepEqual((await request({ memory: { name: "a" } })).memory, {
    name: "a",
    id: undefined,
    gate: "auto",
    learn: false,
  });
  const retry = { nonce: id32(8), history_length: 0 };
  assert.deepEqual((await request({ weft: { ...retry, memory: read } })).retry?.memory, {
    id: fromHex(read.id, 32),
    gate: "weak",
    checkpoint: { number: 7, hash: fromHex(read.checkpoint_hash, 32) },
  });
  assert.equal((await request({ weft: { ...retry, memory: null } })).retry?.memory, null);
  assert.equal((await request({ weft: retry })).retry?.memory, undefined);
  assert.equal(toHex((await request({})).requester), toHex(requesterOf(undefined)));
});

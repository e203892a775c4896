import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { CompletionEvent } from "../../../offchain/api/server.ts";
import { dataOf, fakePorts, gate, post, serve, started, story } from "./fixture.ts";

const BODY = { model: "weft-austen", prompt: "It is a truth", stream: true };

test("text arrives as it is written, and silence is filled with comments", async (t) => {
  const opened = gate<void>();
  async function* slow() {
    yield* story.slice(0, 3);
    await opened.promise;
    yield* story.slice(3);
  }
  const api = await serve(fakePorts({ complete: slow }), { heartbeatMs: 20 });
  t.after(() => api.close());
  const response = await post(api.url, BODY);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes(": ping\n\n: ping\n\n")) text += (await reader.read()).value;
  assert.ok(text.includes("It is a truth "), "what was written came before the silence");
  opened.resolve();
  for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
  assert.ok(text.endsWith("data: [DONE]\n\n"));
});

test("a client that goes away aborts its answer, even one whose source hangs", async (t) => {
  for (const stream of [true, false]) {
    const aborted = gate<unknown>();
    const returned = gate<void>();
    const api = await serve(
      fakePorts({
        async *complete(_request, signal) {
          signal.addEventListener("abort", () => aborted.resolve(signal.reason));
          try {
            yield started;
            await new Promise((resolve) => signal.addEventListener("abort", resolve));
          } finally {
            returned.resolve();
          }
        },
      }),
    );
    t.after(() => api.close());
    const client = new AbortController();
    const answer = post(api.url, { ...BODY, stream }, { signal: client.signal });
    answer.catch(() => {});
    if (stream) await answer;
    else await sleep(50);
    client.abort();
    assert.equal(((await aborted.promise) as { code: string }).code, "aborted");
    await returned.promise;
    assert.equal((await fetch(`${api.url}/health`)).status, 200);
  }
});

test("a client that does not read holds its author back, and is given up in the end", async (t) => {
  let pulled = 0;
  const ended = gate<void>();
  const big = "x".repeat(64 * 1024);
  const api = await serve(
    fakePorts({
      async *complete(): AsyncGenerator<CompletionEvent> {
        try {
          yield started;
          for (;;) {
            pulled++;
            yield { type: "text", text: big, position: pulled, tokens: 1 };
          }
        } finally {
          ended.resolve();
        }
      },
    }),
    { stalledMs: 300 },
  );
  t.after(() => api.close());
  const socket = connect(Number(new URL(api.url).port), "127.0.0.1");
  t.after(() => socket.destroy());
  await once(socket, "connect");
  socket.pause();
  const body = JSON.stringify(BODY);
  socket.write(
    `POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  await ended.promise;
  assert.ok(pulled < 1_000, `${pulled} events were pulled for a client that reads nothing`);
});

test("a stopping worker tells its clients so, and stops", async () => {
  const api = await serve(
    fakePorts({
      async *complete() {
        yield started;
        await new Promise(() => {});
      },
    }),
  );
  const response = await post(api.url, BODY);
  const begun = Date.now();
  const [lines] = await Promise.all([dataOf(response), api.close()]);
  assert.equal(JSON.parse(lines.at(-1)!).error.code, "shutting_down");
  assert.ok(Date.now() - begun < 2_000);
});

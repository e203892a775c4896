import assert from "node:assert/strict";

export type Authored = {
  author: string;
  turn: string;
  attached: number;
  prefilled: number;
  takeover?: { from: string; reason: string; detected_ms: number };
};
export type Started = { request_id: string; nonce: string; history_length: number; model: string; gateway: string };

/** What a client saw of one stream. */
export type Seen = {
  text: string;
  started?: Started;
  authored: Authored[];
  /** First position and tokens of each piece of text, and when it came. */
  pieces: { position: number; tokens: number; text: string; at: number }[];
  finish?: string;
  error?: { code: string; message: string };
};

export type Ask = {
  prompt: string;
  max_tokens: number;
  temperature?: number;
  seed?: number;
  weft?: {
    author?: string;
    recompute?: boolean;
    nonce?: string;
    history_length?: number;
    request_id?: string;
  };
};

const PATIENCE_MS = 90_000;

function post(url: string, ask: Ask, stream: boolean, signal?: AbortSignal): Promise<Response> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  return fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "weft-austen", stream, ...ask }),
    signal: signal ? AbortSignal.any([signal, patience]) : patience,
  });
}

/** Streams a completion; what was seen up to a broken connection is kept in `seen`, and the break is thrown. */
export async function stream(
  url: string,
  ask: Ask,
  onText: (seen: Seen) => void = () => {},
  seen: Seen = { text: "", authored: [], pieces: [] },
): Promise<Seen> {
  const response = await post(url, ask, true);
  if (!response.ok || !response.body) {
    seen.error = ((await response.json()) as { error: Seen["error"] }).error;
    return seen;
  }
  let rest = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() as string;
    for (const line of lines) if (line.startsWith("data: ")) take(seen, line.slice(6), onText);
  }
  assert.ok(seen.finish !== undefined || seen.error, "a stream ends with a reason or an error");
  return seen;
}

function take(seen: Seen, data: string, onText: (seen: Seen) => void): void {
  if (data === "[DONE]") return;
  const event = JSON.parse(data);
  if (event.error) {
    seen.error = event.error;
    return;
  }
  const [{ text, finish_reason }] = event.choices;
  const { type, ...info } = event.weft;
  if (type === "started") seen.started = info;
  else if (type === "authored") seen.authored.push(info);
  else if (type === "finished") seen.finish = finish_reason;
  else {
    seen.pieces.push({ position: info.position, tokens: info.tokens, text, at: performance.now() });
    seen.text += text;
    onText(seen);
  }
}

/** Calls `harm` when the client has seen `at` tokens of the answer, once. */
export function once(at: number, harm: () => void): (seen: Seen) => void {
  let done = false;
  return ({ pieces }) => {
    if (done || pieces.reduce((sum, { tokens }) => sum + tokens, 0) < at) return;
    done = true;
    harm();
  };
}

/** The answer in one piece. */
export async function complete(
  url: string,
  ask: Ask,
): Promise<{ text: string; started: Started; authors: Authored[] }> {
  const response = await post(url, ask, false);
  // biome-ignore lint/suspicious/noExplicitAny: whatever the worker says
  const body = (await response.json()) as any;
  assert.equal(response.status, 200, JSON.stringify(body));
  return { text: body.choices[0].text, started: body.weft, authors: body.weft.authors };
}

/** The fields that make the same request again, anywhere. */
export function again(ask: Ask, { request_id, nonce, history_length }: Started, more: Ask["weft"] = {}): Ask {
  return { ...ask, weft: { request_id, nonce, history_length, ...more } };
}

/** Every byte of the text is where its position says: nothing is missing, nothing comes twice. */
export function assertWhole(ask: Ask, seen: Seen): void {
  assert.equal(seen.error, undefined, JSON.stringify(seen.error));
  let end = Buffer.byteLength(ask.prompt);
  for (const { position, tokens, text } of seen.pieces) {
    // A character of several bytes is shown with its last.
    assert.equal(
      position + tokens - end,
      Buffer.byteLength(text),
      `the text at ${position} follows what ends at ${end}`,
    );
    end = position + tokens;
  }
  assert.equal(end, Buffer.byteLength(ask.prompt) + ask.max_tokens);
}

export type Health = { registered: boolean; peersUp: number; checkpoint: number; digest: string; tracks: number };

export async function health(url: string): Promise<Health> {
  const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(5_000) });
  return (await response.json()) as Health;
}

/** Sum of a metric over the label sets that contain `labels`. */
export async function metric(url: string, name: string, labels: Record<string, string> = {}): Promise<number> {
  const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) });
  let sum = 0;
  for (const line of (await response.text()).split("\n")) {
    const [, found, set = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (found !== name) continue;
    if (Object.entries(labels).every(([key, wanted]) => set.includes(`${key}="${wanted}"`))) sum += Number(value);
  }
  return sum;
}

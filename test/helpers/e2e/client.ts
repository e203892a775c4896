import assert from "node:assert/strict";
import {
  type Authored,
  type CompletionBody,
  type Started,
  streamCompletion,
} from "../../../offchain/cli/devnet/client.ts";
import { WeftError } from "../../../offchain/core/errors.ts";

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

export type Ask = CompletionBody & { max_tokens: number };

const PATIENCE_MS = 90_000;

/** Streams a completion; what was seen up to a broken connection is kept in `seen`, and the break is thrown. */
export async function stream(
  url: string,
  ask: Ask,
  onText: (seen: Seen) => void = () => {},
  seen: Seen = { text: "", authored: [], pieces: [] },
): Promise<Seen> {
  try {
    for await (const event of streamCompletion(url, ask, AbortSignal.timeout(PATIENCE_MS))) {
      const { at, text, weft } = event;
      if (weft.type === "started") seen.started = weft;
      else if (weft.type === "authored") seen.authored.push(weft);
      else if (weft.type === "finished") seen.finish = event.finish ?? undefined;
      else {
        seen.pieces.push({ position: weft.position, tokens: weft.tokens, text, at });
        seen.text += text;
        onText(seen);
      }
    }
  } catch (error) {
    if (!(error instanceof WeftError) || error.code === "stream_cut") throw error;
    seen.error = { code: error.code, message: error.message };
  }
  assert.ok(seen.finish !== undefined || seen.error, "a stream ends with a reason or an error");
  return seen;
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
  const response = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "weft-austen", ...ask }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  // biome-ignore lint/suspicious/noExplicitAny: whatever the worker says
  const body = (await response.json()) as any;
  assert.equal(response.status, 200, JSON.stringify(body));
  return { text: body.choices[0].text, started: body.weft, authors: body.weft.authors };
}

/** The fields that make the same request again, anywhere. */
export function again(ask: Ask, { request_id, nonce, history_length, memory }: Started, more: Ask["weft"] = {}): Ask {
  return { ...ask, weft: { request_id, nonce, history_length, memory, ...more } };
}

/** Bytes of a character that waits for its last. */
const MOST_UNFINISHED = 3;

/** Every byte of the text is where its position says: nothing is missing, nothing comes twice. */
export function assertWhole(ask: Ask, seen: Seen): void {
  assert.equal(seen.error, undefined, JSON.stringify(seen.error));
  const from = Buffer.byteLength(ask.prompt);
  let [told, least, most] = [0, 0, 0];
  for (const { position, tokens, text } of seen.pieces) {
    const where = `the text at ${position} follows what ends at ${from + told}`;
    assert.ok(position - from >= told && position - from <= told + MOST_UNFINISHED, where);
    told = position - from + tokens;
    // What is no character is shown as one of three bytes, and was one to three.
    const bytes = Buffer.byteLength(text);
    most += bytes;
    least += bytes - 2 * (text.split("\uFFFD").length - 1);
    assert.ok(least <= told && told <= most + MOST_UNFINISHED, where);
  }
  assert.ok(least <= told && told <= most, `${told} tokens are told of, and ${most} bytes shown`);
  assert.equal(told, ask.max_tokens);
}

export type Health = {
  registered: boolean;
  peersUp: number;
  lanesUp: Record<string, number>;
  /** The latest block that was read. */
  chain: { block: number };
  checkpoint: number;
  digest: string;
  tracks: number;
};

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

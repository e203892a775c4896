import { setTimeout as sleep } from "node:timers/promises";
import type { Hex } from "../../core/chain.ts";
import { WeftError } from "../../core/errors.ts";
import type { Receipt } from "../../sdk/receipt.ts";

/** A client as a stranger would write one: it knows the HTTP interface and nothing else. */

export type Started = {
  type: "started";
  request_id: Hex;
  nonce: Hex;
  history_length: number;
  model: Hex;
  gateway: Hex;
  memory: { id: Hex; gate: "weak" | "medium" | "strong"; checkpoint: number; checkpoint_hash: Hex } | null;
  receipt: string;
};
export type Authored = {
  type: "authored";
  author: Hex;
  turn: Hex;
  attached: number;
  prefilled: number;
  takeover?: { from: Hex; reason: string; detected_ms: number };
};
export type Text = { type: "text"; position: number; tokens: number };
export type Finished = { type: "finished"; turns: Hex[]; snapshots: NamedSnapshot[] };
export type NamedSnapshot = { turn: Hex; sequence: number; index: number; first: number; count: number; kind: string };

/** One event of a stream; `at` in ms by `performance.now()`. */
export type ClientEvent = {
  at: number;
  text: string;
  finish: "stop" | "length" | null;
  weft: Started | Authored | Text | Finished;
};

export type CompletionBody = {
  prompt: string;
  max_tokens?: number;
  temperature?: number;
  stop?: string | string[];
  seed?: number;
  memory?: {
    name?: string;
    id?: Hex;
    gate?: "off" | "weak" | "medium" | "strong" | "auto";
    learn?: boolean;
  };
  weft?: {
    author?: Hex;
    nonce?: Hex;
    history_length?: number;
    request_id?: Hex;
    memory?: Started["memory"];
    recompute?: boolean;
  };
};

const MODEL = "weft-austen";

async function ask(url: string, body: object, signal?: AbortSignal, token?: string): Promise<Response> {
  const response = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ model: MODEL, ...body }),
    signal,
  });
  if (!response.ok) throw refusal(await response.json());
  return response;
}

export function refusal(body: unknown): WeftError {
  const { error } = body as { error: { code: string; message: string; param: string | null } };
  return new WeftError(error.code, error.message, { field: error.param ?? undefined });
}

/**
 * Streams an answer, event by event.
 * @param token the client's bearer token
 */
export async function* streamCompletion(
  url: string,
  body: CompletionBody,
  signal?: AbortSignal,
  token?: string,
): AsyncGenerator<ClientEvent, void> {
  const response = await ask(url, { ...body, stream: true }, signal, token);
  let rest = "";
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + piece).split("\n\n");
    rest = blocks.pop()!;
    for (const block of blocks) {
      if (!block.startsWith("data: ")) continue;
      const data = block.slice("data: ".length);
      if (data === "[DONE]") return;
      const value = JSON.parse(data);
      if (value.error) throw refusal(value);
      const [{ text, finish_reason: finish }] = value.choices;
      yield { at: performance.now(), text, finish, weft: value.weft };
    }
  }
  throw new WeftError("stream_cut", "the stream ended without a last event");
}

export type Answer = {
  text: string;
  started: Started;
  authors: Authored[];
  turns: Hex[];
  finish: "stop" | "length";
  /** Milliseconds from the request to the first words, and between any two events with words at most. */
  firstTextMs: number;
  longestGapMs: number;
  /** Position of the first token of the answer, and their number. */
  first: number;
  tokens: number;
};

/**
 * Streams an answer to its end and checks that no position is missing or repeated.
 *
 * @param onEvent is awaited, so that what it does happens in mid-stream
 */
export async function followCompletion(
  url: string,
  body: CompletionBody,
  onEvent: (event: ClientEvent) => Promise<void> | void = () => {},
): Promise<Answer> {
  const asked = performance.now();
  const answer: Partial<Answer> & { text: string; authors: Authored[]; tokens: number; longestGapMs: number } = {
    text: "",
    authors: [],
    tokens: 0,
    longestGapMs: 0,
  };
  let textAt: number | undefined;
  for await (const event of streamCompletion(url, body)) {
    const { weft } = event;
    if (weft.type === "started") answer.started = weft;
    else if (weft.type === "authored") answer.authors.push(weft);
    else if (weft.type === "text") {
      answer.first ??= weft.position;
      if (weft.position !== answer.first + answer.tokens)
        throw new WeftError(
          "stream_gap",
          `the stream goes on at position ${weft.position}, not ${answer.first + answer.tokens}`,
        );
      answer.tokens += weft.tokens;
      answer.text += event.text;
      if (textAt === undefined) answer.firstTextMs = event.at - asked;
      else answer.longestGapMs = Math.max(answer.longestGapMs, event.at - textAt);
      textAt = event.at;
    } else answer.turns = weft.turns;
    if (event.finish) answer.finish = event.finish;
    await onEvent(event);
  }
  return answer as Answer;
}

/** An answer in one piece. */
export async function completeWhole(
  url: string,
  body: CompletionBody,
): Promise<{ text: string; authors: Omit<Authored, "type">[]; requestId: Hex; memory: Started["memory"] }> {
  const { choices, weft } = (await (await ask(url, body)).json()) as {
    choices: [{ text: string }];
    weft: { authors: Omit<Authored, "type">[]; request_id: Hex; memory: Started["memory"] };
  };
  return { text: choices[0].text, authors: weft.authors, requestId: weft.request_id, memory: weft.memory };
}

/** What a client looks at in the receipt of one token; contracts want all of it. */
export type TokenReceipt = {
  /** The checkpoint that covers all of the receipt. */
  number: number;
  token: number;
  /** As the worker gave it. */
  receipt: Receipt;
};

/** The proof of one token, as soon as committed checkpoints cover it. */
export async function receiptOf(
  url: string,
  requestId: Hex,
  position: number,
  timeoutMs: number,
): Promise<TokenReceipt> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const response = await fetch(`${url}/v1/receipts/${requestId}?position=${position}`);
    const body = await response.json();
    if (!response.ok) throw refusal(body);
    const receipt = body as Receipt;
    const proofs = receipt.snapshots.flatMap(({ proof }) => proof ?? []);
    if (receipt.status !== "pending")
      return {
        number: Math.max(...proofs.map(({ number }) => number)),
        token: receipt.tokens[0],
        receipt,
      };
    if (Date.now() > deadline)
      throw new WeftError("not_covered_yet", "no checkpoint covers this token yet", { field: "position" });
    await sleep(200);
  }
}

/** A worker's metrics at one moment. */
export class Scrape {
  readonly #values = new Map<string, number>();

  static async of(url: string): Promise<Scrape> {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) });
    return new Scrape(await response.text());
  }

  constructor(text: string) {
    for (const line of text.split("\n")) {
      const at = line.lastIndexOf(" ");
      if (at > 0 && !line.startsWith("#")) this.#values.set(line.slice(0, at), Number(line.slice(at + 1)));
    }
  }

  /** A metric's value, summed over its labels; 0 where there is none. */
  get(name: string): number {
    let sum = 0;
    for (const [key, value] of this.#values) if (key === name || key.startsWith(`${name}{`)) sum += value;
    return sum;
  }

  /** Cumulative counts of a histogram, by upper bound. */
  buckets(name: string): [bound: number, count: number][] {
    const out: [number, number][] = [];
    for (const [key, value] of this.#values) {
      const bound = key.startsWith(`${name}_bucket{`) && /le="([^"]+)"/.exec(key)?.[1];
      if (bound) out.push([bound === "+Inf" ? Number.POSITIVE_INFINITY : Number(bound), value]);
    }
    return out;
  }
}

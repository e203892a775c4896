import type { AddressInfo } from "node:net";
import { type Logger, pino } from "pino";
import { type ApiOptions, type ApiPorts, type CompletionEvent, createApi } from "../../../offchain/api/server.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import { WeftError } from "../../../offchain/core/errors.ts";

export const id32 = (byte: number) => toHex(new Uint8Array(32).fill(byte));
export const id20 = (byte: number) => toHex(new Uint8Array(20).fill(byte));

export const started: CompletionEvent = {
  type: "started",
  info: { requestId: id32(1), nonce: id32(2), historyLength: 7, model: id32(3), gateway: id20(4), memory: null },
};

/** An answer with a takeover in its middle. */
export const story: CompletionEvent[] = [
  started,
  { type: "authored", author: id20(5), turn: id32(6), attached: 0, prefilled: 9 },
  { type: "text", text: "It is a truth ", position: 9, tokens: 14 },
  {
    type: "authored",
    author: id20(7),
    turn: id32(8),
    attached: 20,
    prefilled: 3,
    takeover: { from: id20(5), reason: "silent", detectedMs: 12 },
  },
  { type: "text", text: "universellement reconnuë 🙂", position: 23, tokens: 30 },
  {
    type: "finished",
    reason: "length",
    usage: { promptTokens: 9, completionTokens: 44 },
    turns: [id32(6), id32(8)],
    snapshots: [{ turn: id32(8), sequence: 1, index: 2, first: 9, count: 44, kind: "written" }],
  },
];

export async function* play(events: CompletionEvent[]): AsyncGenerator<CompletionEvent> {
  yield* events;
}

const noMemory = (): never => {
  throw new WeftError("not_found", "there is no such memory");
};

export function fakePorts(overrides: Partial<ApiPorts> = {}): ApiPorts {
  return {
    complete: () => play(story),
    memories: {
      make: () => noMemory(),
      list: () => [],
      show: () => noMemory(),
      teach: async () => noMemory(),
    },
    models: () => [{ id: "weft-austen", created: 1 }],
    receipt: async (requestId, range) => ({ requestId, ...range }),
    checkpointPage: (_part, number, from) => ({ number, hash: id32(9), from, items: ["0x01"], next: null }),
    reports: () => ({ items: [], last: 0 }),
    metrics: async () => ({ contentType: "text/plain; version=0.0.4; charset=utf-8", body: "weft_up 1\n" }),
    health: () => ({ ok: true, peers: 3 }),
    ...overrides,
  };
}

export type Served = { url: string; log: () => string; close(): Promise<void> };

export async function serve(ports: ApiPorts, options: Partial<ApiOptions> = {}): Promise<Served> {
  const lines: string[] = [];
  const logger: Logger = pino({ level: "trace" }, { write: (line: string) => void lines.push(line) });
  const app = createApi(ports, { logger, ...options });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, log: () => lines.join(""), close: () => app.close() };
}

export function post(url: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  return fetch(`${url}/v1/completions`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
    headers: { "content-type": "application/json", ...init.headers },
  });
}

/** The `data:` lines of a whole stream. */
export async function dataOf(response: Response): Promise<string[]> {
  const text = await response.text();
  return text
    .split("\n\n")
    .filter((block) => block.startsWith("data: "))
    .map((block) => block.slice("data: ".length));
}

/** A promise with its resolve outside. */
export function gate<T = void>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

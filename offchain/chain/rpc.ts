import http from "node:http";
import https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { WeftError } from "../core/errors.ts";

/** The node answered, with an error. */
export class RpcRefusal extends Error {
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data: unknown) {
    super(message);
    this.name = "RpcRefusal";
    this.code = code;
    this.data = data;
  }
}

/** No answer, or one that says to come again: the same request may succeed later. */
export class RpcUnreachable extends WeftError {
  constructor(message: string, cause?: unknown) {
    super("chain_unreachable", message, { cause, remedy: "check the RPC endpoint; it is tried again by itself" });
  }
}

/** Answers that do not fit together, because the chain changed between them or another node gave them. */
export class ChainMoved extends WeftError {
  constructor(message: string) {
    super("chain_moved", message, { remedy: "use an RPC endpoint that is one node; it is tried again by itself" });
  }
}

/** Server-side trouble and rate limits, as JSON-RPC error codes. */
const BUSY_CODES = new Set([-32603, -32005, -32002, 429]);
/** Requests that this node will never take: not known, not allowed, not understood. */
const LASTING_CODES = new Set([-32600, -32601, -32602, -32004, 400, 401, 403, 404, 405]);

/** No answer, or one that speaks of the node's own trouble and not of the request. */
export function isBusy(error: unknown): boolean {
  return error instanceof RpcUnreachable || (error instanceof RpcRefusal && BUSY_CODES.has(error.code));
}

/** What time does not heal. */
export function isLasting(error: unknown): boolean {
  return error instanceof RpcRefusal ? LASTING_CODES.has(error.code) : !(error instanceof WeftError);
}

const AT_ONCE = 8;
const LIMIT_REPLY = 64 * 1024 * 1024;

type Reply = { result?: unknown; error?: { code?: number; message?: string; data?: unknown } };

/** JSON-RPC over HTTP: every request ends, by an answer, its time limit or `stop`. */
export class Rpc {
  readonly #url: URL;
  readonly #timeoutMs: number;
  readonly #stopped = new AbortController();
  readonly #pending = new Set<http.ClientRequest>();
  readonly #agent: http.Agent;
  readonly #send: typeof http.request;
  #id = 0;

  constructor(url: string, timeoutMs = 10_000) {
    if (!/^https?:/.test(url) || !URL.canParse(url))
      throw new WeftError("bad_config", `${url} is not the address of an RPC endpoint`, {
        field: "rpcUrl",
        remedy: "give a URL that begins with http:// or https://",
      });
    this.#url = new URL(url);
    const secure = this.#url.protocol === "https:";
    this.#send = secure ? https.request : http.request;
    this.#agent = new (secure ? https.Agent : http.Agent)({ keepAlive: true, maxSockets: AT_ONCE });
    this.#timeoutMs = timeoutMs;
  }

  get stopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  stop(): void {
    this.#stopped.abort();
    for (const request of this.#pending) request.destroy(new Error("stopped"));
    this.#agent.destroy();
  }

  /** @throws RpcRefusal | RpcUnreachable */
  async request<T>(method: string, params: readonly unknown[] = []): Promise<T> {
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++this.#id, method, params });
    const { status, text } = await this.#post(body).catch((cause: Error & { code?: string }) => {
      throw new RpcUnreachable(`${method} got no answer: ${cause.code ?? cause.message}`, cause);
    });
    const reply = parse(text);
    if (reply.error) {
      const { code = 0, message = "unknown error", data } = reply.error;
      throw new RpcRefusal(status === 429 ? 429 : code, `${method}: ${message}`, data);
    }
    if (status >= 200 && status < 300 && "result" in reply) return reply.result as T;
    if (status >= 400 && status < 500 && ![408, 425, 429].includes(status))
      throw new RpcRefusal(status, `${method} was answered with HTTP ${status}`, undefined);
    throw new RpcUnreachable(`${method} was answered with HTTP ${status}`);
  }

  #post(body: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      if (this.stopped) throw new Error("stopped");
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const request = this.#send(this.#url, { method: "POST", headers, agent: this.#agent }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
          if (text.length > LIMIT_REPLY) request.destroy(new Error(`an answer of more than ${LIMIT_REPLY} bytes`));
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        response.on("error", reject);
      });
      const timer = setTimeout(() => request.destroy(new Error(`none within ${this.#timeoutMs} ms`)), this.#timeoutMs);
      this.#pending.add(request);
      request.on("error", reject);
      request.on("close", () => {
        clearTimeout(timer);
        this.#pending.delete(request);
        reject(new Error("the connection was closed"));
      });
      request.end(body);
    });
  }

  /** Waits, but not beyond `stop`. */
  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopped.signal }).catch(() => {});
  }
}

function parse(text: string): Reply {
  try {
    const reply: unknown = JSON.parse(text);
    return typeof reply === "object" && reply !== null ? reply : {};
  } catch {
    return {};
  }
}

/** Doubles from `base` to `most`, less up to a half at random, so that many waiters do not come back together. */
export function backoff(base: number, attempt: number, most: number): number {
  return Math.min(most, base * 2 ** Math.min(attempt, 20)) * (1 - Math.random() / 2);
}

/** Asks for all of them, some at a time, and keeps their order. */
export async function askAll<T, U>(items: readonly T[], ask: (item: T) => Promise<U>): Promise<U[]> {
  const answers: U[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE)
    answers.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(ask))));
  return answers;
}

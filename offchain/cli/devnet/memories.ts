import type { Hex } from "../../core/chain.ts";
import { refusal } from "./client.ts";

/** A memory as a worker tells its owner of it. */
export type MemoryInfo = {
  id: Hex;
  name: string;
  columns: number;
  orders: number[];
  salt: Hex;
  writers: Hex[];
};
export type MemoryContents = { cells: number; checkpoint: { number: number; hash: Hex } | null };
export type Taught = { id: Hex; tokens: number; turns: Hex[]; authors: Hex[] };

/** A client's long-term memories, over HTTP. */
export class MemoryClient {
  readonly #url: string;
  readonly #token: string | undefined;

  /** @param token the client's bearer token; without one it shares an identity with all who have none */
  constructor(url: string, token?: string) {
    this.#url = url;
    this.#token = token;
  }

  async #ask<T>(path: string, body?: object, key?: string): Promise<T> {
    const response = await fetch(`${this.#url}/v1/memories${path}`, {
      method: body ? "POST" : "GET",
      headers: {
        ...(body && { "content-type": "application/json" }),
        ...(this.#token && { authorization: `Bearer ${this.#token}` }),
        ...(key !== undefined && { "idempotency-key": key }),
      },
      body: body && JSON.stringify(body),
    });
    const said = await response.json();
    if (!response.ok) throw refusal(said);
    return said as T;
  }

  make(name: string, choices: { orders?: number[]; writers?: string[] } = {}): Promise<MemoryInfo> {
    return this.#ask("", { name, ...choices });
  }

  async list(): Promise<MemoryInfo[]> {
    return (await this.#ask<{ data: MemoryInfo[] }>("")).data;
  }

  show(id: Hex, name?: string): Promise<MemoryInfo & MemoryContents> {
    return this.#ask(`/${id}${name === undefined ? "" : `?name=${encodeURIComponent(name)}`}`);
  }

  /**
   * Resolves once all of the text was written; requests see it from the next checkpoint on.
   * @param key who lost the answer asks again under the same key, and it is taught once; without one, every time
   */
  teach(id: Hex, text: string, name?: string, key?: string): Promise<Taught> {
    return this.#ask(`/${id}/teach`, { text, name }, key);
  }
}

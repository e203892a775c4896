import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeAbiParameters, keccak256, type RpcLog, stringToHex } from "viem";
import type { ChainBlock, ChainEvent, ChainLog, Hex } from "../../../offchain/core/chain.ts";

export const CONTRACT: Hex = `0x${"c0".repeat(20)}`;
export const TOPIC: Hex = keccak256(stringToHex("Happened(uint256)"));

type FakeBlock = ChainBlock & { values: number[] };
type Request = { id: number; method: string; params: never[] };

export type Trouble = {
  /** Instead of an answer. */
  kind: "drop" | "http500" | "rateLimit" | "garbage" | "internal" | "stale" | "delay";
};

/** A chain that can reorganise, behind a real HTTP server that can misbehave. */
export class FakeChain {
  /** Before each answer. */
  trouble: (method: string) => Trouble | undefined = () => undefined;
  /** Called before each answer: the chain may move between two of them. */
  before: (method: string) => void = () => {};
  /** Longest range of eth_getLogs. */
  rangeLimit = 1_000;
  requests = 0;
  url = "";
  #blocks: FakeBlock[] = [];
  #byHash = new Map<string, FakeBlock>();
  #older: FakeBlock[][] = [];
  #salt = 0;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  constructor() {
    this.#add([]);
  }

  get height(): number {
    return this.#blocks.length - 1;
  }

  #add(values: number[]): void {
    const number = this.#blocks.length;
    const parentHash = this.#blocks.at(-1)?.hash ?? `0x${"00".repeat(32)}`;
    this.#salt += 1;
    const hash = keccak256(stringToHex(`${parentHash} ${this.#salt}`));
    const block = { number, hash, parentHash, timestamp: 1_000 + number, values };
    this.#blocks.push(block);
    this.#byHash.set(hash, block);
  }

  /** A new block in which these values happened. */
  mine(...values: number[]): void {
    this.#add(values);
  }

  /** Takes `depth` blocks away; the node forgets them. */
  rewind(depth: number): void {
    this.#older = [...this.#older.slice(-3), [...this.#blocks]];
    for (const block of this.#blocks.splice(Math.max(1, this.#blocks.length - depth))) this.#byHash.delete(block.hash);
  }

  /** What a straight replay gives. */
  events(): ChainEvent[] {
    return this.#blocks.flatMap((block) =>
      block.values.map((value, logIndex) => happened(value, block.number, logIndex)),
    );
  }

  async listen(): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(0, "127.0.0.1", done));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { id, method, params } = JSON.parse(body) as Request;
    this.requests += 1;
    this.before(method);
    const kind = this.trouble(method)?.kind;
    const say = (reply: object) => response.end(JSON.stringify({ jsonrpc: "2.0", id, ...reply }));
    if (kind === "drop") return void request.socket.destroy();
    if (kind === "garbage") return void response.end("<html>busy</html>");
    if (kind === "http500") return void response.writeHead(500).end();
    if (kind === "rateLimit") return void response.writeHead(429).end("{}");
    if (kind === "internal") return void say({ error: { code: -32603, message: "internal error" } });
    // As computed before the delay: an answer may be old when it arrives.
    const blocks = kind === "stale" ? (this.#older.at(-1) ?? this.#blocks) : this.#blocks;
    const reply = this.#answer(blocks, method, params);
    if (kind === "delay") await sleep(3);
    say(reply);
  }

  #answer(blocks: FakeBlock[], method: string, [first]: never[]): object {
    switch (method) {
      case "eth_getBlockByNumber":
        return { result: header(first === "latest" ? blocks.at(-1) : blocks[Number(first)]) };
      case "eth_getBlockByHash":
        return { result: header(this.#byHash.get(first)) };
      case "eth_getLogs": {
        const { blockHash, fromBlock, toBlock } = first as { blockHash?: string; fromBlock: Hex; toBlock: Hex };
        if (blockHash) {
          const block = this.#byHash.get(blockHash);
          return block ? { result: logs(block) } : { error: { code: -32000, message: "unknown block" } };
        }
        if (Number(toBlock) - Number(fromBlock) + 1 > this.rangeLimit)
          return { error: { code: -32602, message: "block range is too wide" } };
        return { result: blocks.slice(Number(fromBlock), Number(toBlock) + 1).flatMap(logs) };
      }
      default:
        return { error: { code: -32601, message: `no method ${method}` } };
    }
  }
}

function header(block: FakeBlock | undefined) {
  if (!block) return null;
  const { number, hash, parentHash, timestamp } = block;
  return { number: `0x${number.toString(16)}`, hash, parentHash, timestamp: `0x${timestamp.toString(16)}` };
}

function logs(block: FakeBlock) {
  return block.values.map((value, logIndex) => ({
    address: CONTRACT,
    topics: [TOPIC],
    data: encodeAbiParameters([{ type: "uint256" }], [BigInt(value)]),
    blockNumber: `0x${block.number.toString(16)}`,
    blockHash: block.hash,
    logIndex: `0x${logIndex.toString(16)}`,
    transactionHash: block.hash,
    transactionIndex: "0x0",
    removed: false,
  }));
}

function happened(value: number, block: number, logIndex: number): ChainEvent {
  return { kind: "endpoint", operator: new Uint8Array(20), endpoint: `${value}@${1_000 + block}`, block, logIndex };
}

export function decode(log: RpcLog, timestamp: number): ChainEvent {
  const block = Number(log.blockNumber);
  if (timestamp !== 1_000 + block) throw new Error("an event has the time of another block");
  return happened(Number(BigInt(log.data)), block, Number(log.logIndex));
}

/** As the store does it, in memory. */
export class MemoryLog implements ChainLog {
  #blocks: ChainBlock[] = [];
  #events: ChainEvent[] = [];
  /** Throws before the next append when set. */
  full = false;

  blocks(): ChainBlock[] {
    return [...this.#blocks];
  }

  events(): ChainEvent[] {
    return [...this.#events];
  }

  append(blocks: readonly ChainBlock[], events: readonly ChainEvent[]): void {
    if (this.full) throw new Error("disk full");
    this.#blocks.push(...blocks);
    this.#events.push(...events);
  }

  truncate(fromBlock: number): void {
    this.#blocks = this.#blocks.filter(({ number }) => number < fromBlock);
    this.#events = this.#events.filter(({ block }) => block < fromBlock);
  }
}

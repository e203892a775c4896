import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type ChainUpdate, Follower, type FollowerOptions } from "../../../offchain/chain/follower.ts";
import { Rpc } from "../../../offchain/chain/rpc.ts";
import { type ChainEvent, encodeChainEvent } from "../../../offchain/core/chain.ts";
import type { WeftError } from "../../../offchain/core/errors.ts";
import { CONTRACT, decode, type FakeChain, type MemoryLog, TOPIC } from "./fake-chain.ts";

const text = (events: ChainEvent[]) => events.map(encodeChainEvent).join("\n");

/** Follows like a worker does: built from the log at the start, from updates after it. */
export class Consumer {
  readonly log: MemoryLog;
  readonly faults: WeftError[] = [];
  updates: ChainUpdate["type"][] = [];
  events: ChainEvent[];
  failing = false;
  readonly #rpc: Rpc;
  readonly follower: Follower;

  constructor(url: string, log: MemoryLog, options: Partial<FollowerOptions> = {}) {
    this.log = log;
    this.events = log.events();
    this.#rpc = new Rpc(url, 2_000);
    this.follower = new Follower({
      rpc: this.#rpc,
      log,
      startBlock: 1,
      addresses: [CONTRACT],
      topics: [TOPIC],
      decode,
      onUpdate: async (update) => {
        await sleep(0);
        if (this.failing) throw new Error("cannot take it");
        this.updates.push(update.type);
        this.events = update.type === "reorg" ? update.events : [...this.events, ...update.events];
      },
      onFault: (fault) => this.faults.push(fault),
      pollMs: 1,
      maxBackoffMs: 4,
      lagGraceMs: 10,
      confirmations: 0,
      ...options,
    });
    this.follower.start();
  }

  async stop(): Promise<void> {
    this.#rpc.stop();
    await this.follower.stopped();
  }

  async until(what: string, holds: () => boolean, ms = 15_000): Promise<void> {
    for (const end = Date.now() + ms; !holds(); await sleep(5)) if (Date.now() > end) assert.fail(`never ${what}`);
  }

  /** Until the consumer has exactly what a straight replay of the chain gives. */
  async caughtUp(chain: FakeChain): Promise<void> {
    const same = () =>
      (this.follower.cursor?.number ?? 0) === chain.height &&
      this.events.length === chain.events().length &&
      text(this.events) === text(chain.events());
    await this.until("caught up", same).catch((error) => {
      assert.deepEqual(this.events.map(encodeChainEvent), chain.events().map(encodeChainEvent));
      throw error;
    });
    assert.equal(text(this.log.events()), text(chain.events()), "the log has the same");
  }
}

import type { ChainBlock, ChainEvent, ChainLog } from "../../offchain/core/chain.ts";
import { codeOf } from "../../offchain/core/errors.ts";
import type { ChainUpdate } from "../../offchain/core/events.ts";
import type { Block, SimChain } from "./chain.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";

export type FollowerOptions = {
  chain: SimChain;
  node: number;
  process: Process;
  random: Random;
  log: ChainLog;
  pollMs: number;
  /** How often a provider does not answer, or answers as it would have a few blocks ago. */
  faults(): { silent: number; behind: number };
  onUpdate(update: ChainUpdate): void;
};

const MOST_BEHIND = 3;

/** Reads the chain into the worker's log as the real follower does, and tells only what the log has. */
export class SimFollower {
  readonly #o: FollowerOptions;

  constructor(options: FollowerOptions) {
    this.#o = options;
  }

  start(): void {
    const { process, pollMs, random } = this.#o;
    const again = () => {
      process.after(pollMs * (0.8 + 0.4 * random.float()), again, "poll");
      this.poll();
    };
    process.after(pollMs * random.float(), again, "poll");
  }

  poll(): void {
    const { chain, node, random, faults } = this.#o;
    const { silent, behind } = faults();
    if (random.chance(silent)) return;
    let head = chain.headFor(node);
    if (random.chance(behind))
      for (let back = random.int(1, MOST_BEHIND); back > 0 && head.parent; back--) head = head.parent;
    try {
      this.#read(head);
    } catch (error) {
      if (codeOf(error) !== "disk_full") throw error; // what is not in the log is not told, and read again
    }
  }

  #read(head: Block): void {
    const { log, onUpdate } = this.#o;
    const blocks = log.blocks();
    const cursor = blocks.at(-1);
    const isKnown = ({ number, hash }: Block) => blocks[number - blocks[0]?.number]?.hash === hash;
    // A provider that stands where we have been is late, not on another fork.
    if (isKnown(head)) return;
    const walked: Block[] = [];
    let at: Block | undefined = head;
    for (; at && !isKnown(at); at = at.parent) walked.unshift(at);
    const base = at?.number ?? -1;
    const isReorg = cursor !== undefined && cursor.number > base;
    const lost = isReorg && log.events().some(({ block }) => block > base);
    if (isReorg) log.truncate(base + 1);
    const events: ChainEvent[] = walked.flatMap((block) => block.events);
    log.append(walked.map(plain), events);
    const time = head.timestamp;
    onUpdate(lost ? { type: "reorg", events: log.events(), time } : { type: "events", events, time });
  }
}

function plain({ number, hash, parentHash, timestamp }: Block): ChainBlock {
  return { number, hash, parentHash, timestamp };
}

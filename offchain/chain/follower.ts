import type { RpcLog } from "viem";
import { type ChainBlock, type ChainEvent, type ChainLog, KEPT_BLOCKS } from "../core/chain.ts";
import { WeftError } from "../core/errors.ts";
import { lastNumbers, type Numbers } from "./numbers.ts";
import { Reader, type ReaderOptions } from "./reader.ts";
import { askAll, backoff, ChainMoved, isBusy, isLasting, RpcUnreachable } from "./rpc.ts";

/** `events`: these came after all earlier ones. `reorg`: this is the whole list now, to be replayed. */
export type ChainUpdate = { type: "events"; events: ChainEvent[] } | { type: "reorg"; events: ChainEvent[] };

export type FollowerOptions = ReaderOptions & {
  log: ChainLog;
  /** The block that the contracts were made in. */
  startBlock: number;
  /** Told after the log has it. What throws here is told again, as the whole list. */
  onUpdate(update: ChainUpdate): Promise<void> | void;
  /** Everything there was has been read. */
  onSynced?(): void;
  onFault(fault: WeftError): void;
  pollMs: number;
  confirmations: number;
  maxBackoffMs: number;
  /** How long a node may stand behind what it said before, until that counts as a reorganisation. */
  lagGraceMs?: number;
  rangeBlocks?: number;
};

/** Nearer to the head than this, blocks are read one by one and by hash, so no answer can be of another fork. */
const WALK = 16;
const RANGES_BEFORE_LONGER = 8;
const GAPS_BEFORE_REREAD = 3;
const MOVES_BEFORE_FAULT = 5;
const AWAY_POLLS = 8;

/**
 * Reads the chain into the log. Blocks near the head are walked back by parent hash to one that the log knows; what is
 * far behind is read in ranges.
 */
export class Follower {
  readonly #o: Required<FollowerOptions>;
  readonly #reader: Reader;
  #blocks: ChainBlock[];
  #range: number;
  #rangesTaken = 0;
  #owed = false;
  #failures = 0;
  #faultSaid = "";
  #gaps = 0;
  #last: Numbers;
  #shorterSince: number | undefined;
  #headSeen: ChainBlock | undefined;
  #syncedAt = Date.now();
  #reachable = false;
  #wake: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(options: FollowerOptions) {
    this.#o = { lagGraceMs: 5_000, rangeBlocks: 2_000, onSynced: () => {}, ...options };
    this.#reader = new Reader(options);
    this.#range = this.#o.rangeBlocks;
    this.#blocks = options.log.blocks();
    this.#last = lastNumbers(options.log.events());
  }

  get cursor(): ChainBlock | undefined {
    return this.#blocks.at(-1);
  }

  /** The latest block that was seen, not necessarily read yet. */
  get head(): ChainBlock | undefined {
    return this.#headSeen ?? this.cursor;
  }

  get reachable(): boolean {
    return this.#reachable;
  }

  /** How long ago everything was read. */
  get lagMs(): number {
    return Date.now() - this.#syncedAt;
  }

  /** Follows until the RPC is stopped. */
  start(): void {
    this.#running ??= this.#run();
  }

  async stopped(): Promise<void> {
    this.#wake?.();
    await this.#running;
  }

  /** Looks at once instead of at the next poll. */
  poke(): void {
    this.#wake?.();
  }

  async #run(): Promise<void> {
    const { rpc, pollMs, maxBackoffMs } = this.#o;
    while (!rpc.stopped) {
      try {
        if (this.#owed) await this.#tell({ type: "reorg", events: this.#o.log.events() });
        while (!rpc.stopped && (await this.#step()));
        this.#failures = 0;
        this.#faultSaid = "";
        this.#syncedAt = Date.now();
        this.#o.onSynced();
        await this.#wait(pollMs);
      } catch (error) {
        if (rpc.stopped) return;
        this.#fault(error);
        this.#failures += 1;
        // What time does not heal is tried as well, only rarely: somebody may mend it. Who is away may be back any moment.
        const most = error instanceof RpcUnreachable ? Math.min(AWAY_POLLS * pollMs, maxBackoffMs) : maxBackoffMs;
        await this.#wait(isLasting(error) ? maxBackoffMs : backoff(pollMs, this.#failures, most));
      }
    }
  }

  async #wait(ms: number): Promise<void> {
    const woken = new Promise<void>((wake) => {
      this.#wake = wake;
    });
    await Promise.race([this.#o.rpc.pause(ms), woken]);
    this.#wake = undefined;
  }

  #fault(error: unknown): void {
    if (error instanceof RpcUnreachable) this.#reachable = false;
    if (error instanceof ChainMoved && this.#failures < MOVES_BEFORE_FAULT) return;
    const fault =
      error instanceof WeftError
        ? error
        : new WeftError("chain_refused", error instanceof Error ? error.message : String(error), {
            cause: error,
            remedy: "check that the RPC endpoint serves eth_getLogs and blocks for this chain",
          });
    // Once for each kind of trouble, not at every retry.
    if (this.#faultSaid === fault.code) return;
    this.#faultSaid = fault.code;
    this.#o.onFault(fault);
  }

  async #target(): Promise<ChainBlock | undefined> {
    const head = await this.#reader.latest();
    this.#headSeen = head;
    this.#reachable = true;
    if (!head || this.#o.confirmations === 0) return head;
    const number = head.number - this.#o.confirmations;
    return number < 0 ? undefined : this.#reader.block(number);
  }

  /** One step towards the head. True when there is more to do. */
  async #step(): Promise<boolean> {
    const target = await this.#target();
    if (!target) return false;
    const next = (this.cursor?.number ?? this.#o.startBlock - 1) + 1;
    if (target.number - next >= 2 * WALK) return this.#readRange(next, target);
    if (this.#isBehind(target)) return false;
    if (target.number < this.#o.startBlock) {
      await this.#take(this.#o.startBlock - 1, [], []);
      return false;
    }
    const found = await this.#walk(next, target);
    if (!found) return this.#leaveFork(target);
    const { base, walked } = found;
    if (walked.length === 0 && base === this.cursor?.number) return false;
    const events = await askAll(walked, (block) => this.#reader.eventsOf(block));
    await this.#take(base, walked, events.flat());
    return false;
  }

  /** The blocks between one that the log knows and `target`; undefined when that is too far. `next` is after the cursor. */
  async #walk(next: number, target: ChainBlock): Promise<{ base: number; walked: ChainBlock[] } | undefined> {
    const known = new Map(this.#blocks.map((block) => [block.number, block.hash]));
    // Most often nothing forked, and then all of them can be had at once.
    const expected: number[] = [];
    for (let number = next; number < target.number; number++) expected.push(number);
    const ahead = new Map<string, ChainBlock>();
    for (const block of await askAll(expected, (number) => this.#reader.block(number)))
      if (block) ahead.set(block.hash, block);
    const walked: ChainBlock[] = [];
    let block = target;
    for (;;) {
      if (known.get(block.number) === block.hash) return { base: block.number, walked };
      walked.unshift(block);
      if (block.number === this.#o.startBlock) return { base: block.number - 1, walked };
      if (walked.length > 3 * WALK) return undefined;
      block = ahead.get(block.parentHash) ?? (await this.#reader.blockByHash(block.parentHash));
    }
  }

  /** Whether the node only lags behind what it said before: many stand behind one address. */
  #isBehind(target: ChainBlock): boolean {
    const known = this.#blocks.find(({ number }) => number === target.number);
    if (target.number >= (this.cursor?.number ?? 0) || (known && known.hash !== target.hash)) {
      this.#shorterSince = undefined;
      return false;
    }
    this.#shorterSince ??= Date.now();
    return Date.now() - this.#shorterSince < this.#o.lagGraceMs;
  }

  async #readRange(from: number, target: ChainBlock): Promise<boolean> {
    const to = Math.min(from + this.#range - 1, target.number - WALK);
    const cursor = this.cursor;
    const ends = () =>
      Promise.all([to, ...(cursor ? [cursor.number] : [])].map((number) => this.#reader.block(number)));
    const [end, there] = await ends();
    if (cursor && there?.hash !== cursor.hash) return this.#leaveFork(target);
    if (!end) throw new ChainMoved(`block ${to} is not there any more`);
    let logs: RpcLog[];
    try {
      logs = await this.#reader.rangeLogs(from, to);
    } catch (error) {
      // Nodes say in a hundred ways that a range is too long, and some only fall silent.
      if (to === from || this.#o.rpc.stopped) throw error;
      this.#range = Math.max(1, Math.floor((to - from + 1) / 2));
      this.#rangesTaken = 0;
      if (isBusy(error) || error instanceof WeftError) throw error;
      return true;
    }
    const events = await this.#reader.eventsIn(logs);
    const [endAgain, thereAgain] = await ends();
    if (endAgain?.hash !== end.hash || thereAgain?.hash !== there?.hash)
      throw new ChainMoved("the chain changed while it was read");
    this.#rangesTaken += 1;
    if (this.#rangesTaken % RANGES_BEFORE_LONGER === 0) this.#range = Math.min(this.#o.rangeBlocks, this.#range * 2);
    await this.#take(from - 1, [end], events);
    return true;
  }

  /** Goes back to the latest block that we have in common with the node, however far. */
  async #leaveFork(target: ChainBlock): Promise<boolean> {
    const blocks = this.#blocks.filter((block) => block.number <= target.number);
    let common = 0;
    let differing = blocks.length;
    // On one chain, everything below a common block is common.
    while (common < differing) {
      const middle = (common + differing) >> 1;
      const there = await this.#reader.block(blocks[middle].number);
      if (there?.hash === blocks[middle].hash) common = middle + 1;
      else differing = middle;
    }
    await this.#take(blocks[common - 1]?.number ?? this.#o.startBlock - 1, [], []);
    return true;
  }

  /** Makes the log end with `blocks` after the block `base`, and then tells. */
  async #take(base: number, blocks: ChainBlock[], events: ChainEvent[]): Promise<void> {
    const { log } = this.#o;
    const reorg = (this.cursor?.number ?? base) > base;
    const held = reorg ? log.events() : [];
    const kept = held.filter((event) => event.block <= base);
    const last = reorg ? lastNumbers(kept) : this.#last;
    const next = this.#checkGaps(last, events);
    if (reorg) {
      this.#owed = held.length > kept.length;
      log.truncate(base + 1);
      this.#blocks = this.#blocks.filter((block) => block.number <= base);
      this.#last = last;
    }
    if (blocks.length > 0) log.append(blocks, events);
    this.#blocks = [...this.#blocks, ...blocks].slice(-KEPT_BLOCKS);
    this.#last = next;
    if (this.#owed) await this.#tell({ type: "reorg", events: log.events() });
    else if (events.length > 0) await this.#tell({ type: "events", events });
  }

  async #tell(update: ChainUpdate): Promise<void> {
    this.#owed = true;
    try {
      await this.#o.onUpdate(update);
    } catch (cause) {
      throw new WeftError("chain_update_failed", `the chain's events were not taken: ${String(cause)}`, { cause });
    }
    this.#owed = false;
  }

  /** A log that the node kept from us shows as a gap. When it is an old one, only reading all again helps. */
  #checkGaps(last: Numbers, events: ChainEvent[]): Numbers {
    const next = lastNumbers(events, last);
    if (!next.fault) {
      if (events.length > 0) this.#gaps = 0;
      return next;
    }
    this.#gaps += 1;
    if (this.#gaps >= GAPS_BEFORE_REREAD) {
      this.#gaps = 0;
      this.#owed = true;
      this.#o.log.truncate(0);
      this.#blocks = [];
      this.#last = lastNumbers([]);
    }
    throw new WeftError("chain_gap", next.fault, {
      remedy: "use an RPC endpoint that returns all logs; everything is read again by itself",
    });
  }
}

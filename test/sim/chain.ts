import { type Bytes, toHex, utf8 } from "../../offchain/core/bytes.ts";
import type { ChainBlock, ChainEvent } from "../../offchain/core/chain.ts";
import {
  type Call,
  type ContractState,
  type Deployment,
  genesisState,
  moneyFault,
  type Revert,
} from "./contract-state.ts";
import { execute } from "./contracts.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** A block, with everything that follows from it and those before it. Nothing in it ever changes. */
export type Block = ChainBlock & {
  readonly parent?: Block;
  readonly state: ContractState;
  readonly events: readonly ChainEvent[];
  /** What became of the transactions in it. */
  readonly results: ReadonlyMap<number, Revert | undefined>;
};

type Transaction = { id: number; from: Bytes; call: Call; readyAt: number };
type Branch = { head: Block; included: Map<number, Block> };

export type ChainOptions = {
  scheduler: Scheduler;
  random: Random;
  deployment: Deployment;
  /** Tokens minted at the beginning. */
  funds: readonly (readonly [Bytes, bigint])[];
  blockMs: number;
  /** How long a transaction takes to whoever makes the next block, at most. */
  mempoolMs: number;
  /** Timestamp of block 0, in seconds. */
  startTime: number;
  /** Told of every block, on whichever branch. */
  onBlock?(block: Block): void;
};

/** Blocks that no reorganisation takes back: the contracts and whoever founded them. */
const ROOTED = 1;
/** How often a transaction of a branch that is left is in no block ever after. */
const DROPPED = 0.2;
/** Transactions this far below the head are not kept for a reorganisation. */
const KEPT = 64;

/** A chain with the contracts on it: forks, reorganisations, a mempool that is late, producers that leave out and stop. */
export class SimChain {
  readonly deployment: Deployment;
  readonly #o: ChainOptions;
  readonly #random: Random;
  #censored = new Set<string>();
  #pool: Transaction[] = [];
  #ids = 0;
  #main: Branch;
  #side?: { branch: Branch; nodes: ReadonlySet<number>; wins: boolean; salt: string };
  #stops = new Set<object>();
  #salts = 0;
  /** Reorganisations so far, by depth. */
  readonly reorgs: number[] = [];

  constructor(options: ChainOptions) {
    this.#o = options;
    this.deployment = options.deployment;
    this.#random = options.random;
    const state = genesisState(options.deployment, options.funds, options.startTime);
    const hash = this.#hash("genesis", "", []);
    const genesis = { number: 0, hash, parentHash: hash, timestamp: options.startTime };
    this.#main = { head: { ...genesis, state, events: [], results: new Map() }, included: new Map() };
  }

  /** Makes the first block of these calls, all of which must succeed, and from then on one after another. */
  start(calls: readonly { from: Bytes; call: Call }[]): void {
    for (const { from, call } of calls) this.#pool.push({ id: ++this.#ids, from, call, readyAt: 0 });
    this.#mine(this.#main, "main", this.#pool);
    for (const revert of this.#main.head.results.values()) if (revert) throw revert;
    this.#next();
  }

  #next(): void {
    const { scheduler, blockMs } = this.#o;
    const produce = () => {
      this.#next();
      if (this.#stops.size === 0) this.#produce();
    };
    scheduler.after(blockMs * (0.5 + this.#random.float()), produce, "block");
  }

  #produce(): void {
    this.#mine(this.#main, "main", this.#waiting(this.#main));
    // The other branch has other producers: what one has heard of, the other may not have.
    if (this.#side) {
      const { branch, salt } = this.#side;
      this.#mine(
        branch,
        salt,
        this.#waiting(branch).filter(() => this.#random.chance(0.5)),
      );
    }
    this.#forget();
  }

  /** Transactions that could be in the next block of a branch. */
  #waiting({ included }: Branch): Transaction[] {
    const now = this.#o.scheduler.now;
    const ready = this.#pool.filter(
      ({ id, from, readyAt }) => readyAt <= now && !included.has(id) && !this.#censored.has(toHex(from)),
    );
    return this.#random.chance(0.3) ? this.#random.shuffle(ready) : ready;
  }

  #hash(parent: string, salt: string, ids: readonly number[]): `0x${string}` {
    return toHex(this.deployment.crypto.sha256(utf8(`${parent} ${salt} ${ids.join()}`)));
  }

  get #time(): number {
    return this.#o.startTime + Math.floor(this.#o.scheduler.now / 1000);
  }

  #mine(branch: Branch, salt: string, transactions: readonly Transaction[], time = this.#time): void {
    const { head: parent } = branch;
    const number = parent.number + 1;
    const timestamp = Math.max(parent.timestamp, time);
    let { state } = parent;
    const events: ChainEvent[] = [];
    const results = new Map<number, Revert | undefined>();
    for (const { id, from, call } of transactions) {
      const done = execute(this.deployment, state, from, call, timestamp);
      state = done.state;
      results.set(id, done.revert);
      for (const event of done.events) events.push({ ...event, block: number, logIndex: events.length } as ChainEvent);
    }
    const hash = this.#hash(parent.hash, `${salt} ${timestamp}`, [...results.keys()]);
    branch.head = { number, hash, parentHash: parent.hash, timestamp, parent, state, events, results };
    for (const id of results.keys()) branch.included.set(id, branch.head);
    this.#o.onBlock?.(branch.head);
  }

  #forget(): void {
    if (this.#side) return;
    const { included, head } = this.#main;
    this.#pool = this.#pool.filter(({ id }) => (included.get(id)?.number ?? head.number) > head.number - KEPT);
  }

  /** The canonical head: what is true in the end, unless a reorganisation comes. */
  get head(): Block {
    return this.#main.head;
  }

  /** The head as this node's provider sees it. */
  headFor(node: number): Block {
    return this.#side?.nodes.has(node) ? this.#side.branch.head : this.#main.head;
  }

  /** Where a transaction is, as this node's provider sees it. */
  receipt(node: number, id: number): { block: Block; revert?: Revert } | undefined {
    const branch = this.#side?.nodes.has(node) ? this.#side.branch : this.#main;
    const block = branch.included.get(id);
    return block && { block, revert: block.results.get(id) };
  }

  /** Why a call would revert now, as this node's provider sees it; undefined when it would not. */
  simulate(node: number, from: Bytes, call: Call): Revert | undefined {
    const { state, timestamp } = this.headFor(node);
    const time = Math.max(timestamp, this.#time);
    return execute(this.deployment, state, from, call, time).revert;
  }

  /** Hands a transaction in; its id asks for the receipt. */
  submit(from: Bytes, call: Call): number {
    const id = ++this.#ids;
    const readyAt = this.#o.scheduler.now + this.#random.float() * this.#o.mempoolMs;
    this.#pool.push({ id, from, call, readyAt });
    return id;
  }

  /** No block has transactions of these accounts until what comes back is called. */
  censor(accounts: readonly Bytes[]): () => void {
    const censored = this.#censored;
    const names = accounts.map(toHex).filter((name) => !censored.has(name));
    for (const name of names) censored.add(name);
    return () => {
      for (const name of names) censored.delete(name);
    };
  }

  /** No blocks until what comes back is called. */
  stop(): () => void {
    const stops = this.#stops;
    const one = {};
    stops.add(one);
    return () => stops.delete(one);
  }

  /**
   * Another branch appears that leaves the canonical one `depth` blocks back, with other transactions or in another order, in
   * blocks of the same times, and for `ms` both go on, the providers of `nodes` on the other one. Then one of them is the chain.
   * Does nothing while there is another branch already, or nothing to take back.
   */
  fork(depth: number, ms: number, nodes: readonly number[], wins: boolean): void {
    if (this.#side) return;
    let base = this.#main.head;
    const blocks: Block[] = [];
    while (blocks.length < depth && base.parent && base.number > ROOTED) {
      blocks.unshift(base);
      base = base.parent;
    }
    if (blocks.length === 0) return;
    const included = new Map([...this.#main.included].filter(([, block]) => block.number <= base.number));
    const branch: Branch = { head: base, included };
    const salt = `side ${++this.#salts}`;
    this.#side = { branch, nodes: new Set(nodes), wins, salt };
    for (const { timestamp } of blocks) {
      const moved = this.#waiting(branch).filter(() => this.#random.chance(0.7));
      this.#mine(branch, salt, this.#random.chance(0.5) ? this.#random.shuffle(moved) : moved, timestamp);
    }
    this.#o.scheduler.after(ms, () => this.#join(), "join");
  }

  /** One branch is left, the longer one. */
  #join(): void {
    if (!this.#side) return;
    const { branch, wins, salt } = this.#side;
    const [winner, loser] = wins ? [branch, this.#main] : [this.#main, branch];
    const left = this.#main.head;
    const lost = (id: number) => loser.included.has(id) && !winner.included.has(id);
    this.#pool = this.#pool.filter(({ id }) => !lost(id) || !this.#random.chance(DROPPED));
    this.#main = winner;
    this.#side = undefined;
    while (winner.head.number <= loser.head.number) this.#mine(winner, wins ? salt : "main", []);
    if (wins) this.reorgs.push(left.number - commonAncestor(left, winner.head).number);
  }

  /** Forks, silence and censorship are over. */
  heal(): void {
    this.#join();
    this.#censored = new Set();
    this.#stops = new Set();
  }

  /** Why the money does not add up (S12), or undefined. */
  moneyFault(): string | undefined {
    return moneyFault(this.head.state);
  }
}

function commonAncestor(a: Block, b: Block): Block {
  let [one, other] = [a, b];
  while (one !== other) {
    if (one.number >= other.number) one = one.parent as Block;
    else other = other.parent as Block;
  }
  return one;
}

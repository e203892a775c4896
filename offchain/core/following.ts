import { ActiveClock } from "./active-clock.ts";
import { type Bytes, equal, toHex } from "./bytes.ts";
import type { ChainEvent } from "./chain.ts";
import { KEPT_CUTS } from "./checkpoints.ts";
import type { Consensus } from "./consensus.ts";
import type { CutEntry } from "./cut.ts";
import type { Anchor } from "./drift.ts";
import type { ChainUpdate, Effect } from "./events.ts";
import { MemoryBase } from "./memory-base.ts";
import type { Replica } from "./replica.ts";

/** Where and as whom an operator is met. */
export type Reachable = { operator: Bytes; signer: Bytes; endpoint: string };

/**
 * What is final never falls, on one fork. The events of another may be of before what was final on ours: after these it is
 * told anew.
 */
const DELAYING: ReadonlySet<ChainEvent["kind"]> = new Set(["fell", "disputed", "paused"]);

/** What follows from the chain: the registry, the checkpoints with their cuts, who is where, and what is final. */
export class Following {
  readonly #replica: Replica;
  readonly #consensus: Consensus;
  readonly #challengeWindow: number;
  /** The long-term memories on disk: how far they are, nothing after that is forgotten. */
  readonly memoryBase: MemoryBase;
  readonly #endpoints = new Map<string, string>();
  /** When the chain took each checkpoint, in seconds, by number. */
  #committedAt: number[] = [];
  /** Index of the latest final checkpoint among those that stand. */
  #final = 0;
  #clock = new ActiveClock();
  /** Open disputes, by the number of their checkpoint. */
  readonly #disputes = new Map<number, number>();
  /** Checkpoints that are on disk with their cuts: their hashes, by number. */
  readonly #stored = new Map<number, Bytes>();
  /** The first whose cut is still wanted on disk. */
  #keptFrom = 0;
  /** Latest block time that was read, in seconds. */
  time = 0;

  /** @param challengeWindow seconds from commit to final, without those that are paused */
  constructor(replica: Replica, consensus: Consensus, challengeWindow: number) {
    this.#replica = replica;
    this.#consensus = consensus;
    this.#challengeWindow = challengeWindow;
    this.memoryBase = new MemoryBase(replica.crypto, consensus);
  }

  /** A checkpoint that is on our disk, before the chain tells whether it is committed. */
  recall(number: number, hash: Bytes): void {
    this.#stored.set(number, hash);
  }

  take({ type, events, time }: ChainUpdate): Effect[] {
    const effects: Effect[] = [];
    if (type === "reorg") {
      this.#replica.resetRegistry();
      this.#consensus.reset();
      this.#endpoints.clear();
      this.#committedAt = [];
      this.#clock = new ActiveClock();
      this.#disputes.clear();
      this.#keptFrom = 0; // other checkpoints may have these numbers now
    }
    // Also a reorganisation that takes no event back may take time back.
    if (type === "reorg" || time < this.time || events.some(({ kind }) => DELAYING.has(kind))) this.#final = 0;
    this.time = type === "reorg" ? time : time || this.time;
    for (const event of events) this.#take(event);
    if (type === "reorg") effects.push(...this.#dropOthers());
    this.#advanceFinal();
    const numbers = events.flatMap((event) =>
      event.kind === "committed" && event.checkpoint.number > 0 ? [event.checkpoint.number] : [],
    );
    this.#settle();
    effects.push(...this.keepCuts(), ...this.keepMemories());
    if (numbers.length > 0) effects.push({ type: "committed", numbers });
    if (events.length > 0 || type === "reorg") effects.push({ type: "peers" }, { type: "announce" });
    return effects;
  }

  #take(event: ChainEvent): void {
    switch (event.kind) {
      case "registry":
        this.#replica.step({ type: "registry", event: event.event });
        if (event.event.kind === "joined") this.#endpoints.set(toHex(event.event.operator), event.event.endpoint);
        break;
      case "endpoint":
        this.#endpoints.set(toHex(event.operator), event.endpoint);
        break;
      case "committed":
        this.#committedAt[event.checkpoint.number] = event.committedAt;
        if (event.checkpoint.number > 0) this.#consensus.commit(event.checkpoint, event.hash);
        break;
      case "fell":
        this.#consensus.fell(event.from, event.standing);
        for (const number of this.#disputes.keys()) if (number >= event.from) this.#disputes.delete(number);
        break;
      case "disputed":
        this.#dispute(event);
        break;
      case "paused":
        this.#clock.pause(event.from, event.until);
        break;
      case "resumed":
        this.#clock.resume(event.at);
    }
  }

  #dispute({ number, open }: { number: number; open: number }): void {
    if (open === 0) this.#disputes.delete(number);
    else if (this.#consensus.standing.includes(number)) this.#disputes.set(number, open);
  }

  /** What the replica needs to know of the checkpoints. */
  #settle(): void {
    const { latest } = this.#consensus;
    this.#replica.checkpoint = latest.checkpoint.number;
    this.#replica.setCommitted(latest.cut, this.anchor);
  }

  /** Of the checkpoints on disk, those that the chain does not have any more. */
  #dropOthers(): Effect[] {
    const stored = [...this.#stored].sort(([a], [b]) => a - b);
    const other = stored.findIndex(([number, hash]) => {
      const committed = this.#consensus.committed(number);
      return !committed || !equal(committed.hash, hash);
    });
    if (other < 0) return [];
    for (const [number] of stored.slice(other)) this.#stored.delete(number);
    // Before the first that is remembered others may be wrong too: peers show them again.
    const from = other === 0 ? 1 : stored[other][0];
    return [{ type: "store", record: { type: "drop-checkpoints", from } }];
  }

  /** Cuts that are known and not on disk yet. */
  keepCuts(): Effect[] {
    const effects: Effect[] = [];
    for (const number of this.#late()) {
      const committed = this.#consensus.committed(number);
      if (!committed?.cut || number < this.#keptFrom || this.#stored.has(number)) continue;
      const { hash, checkpoint, cut } = committed;
      effects.push({ type: "store", record: { type: "checkpoint", number, hash, checkpoint, cut } });
      this.#stored.set(number, hash);
    }
    if (this.#stored.size > 2 * KEPT_CUTS) {
      const oldest = this.#late()[0] ?? 0;
      for (const number of this.#stored.keys()) if (number < oldest) this.#stored.delete(number);
    }
    return effects;
  }

  /** The memories as of the anchor, once they are known. */
  keepMemories(): Effect[] {
    const { anchor } = this;
    return anchor ? this.memoryBase.move(anchor) : [];
  }

  /** Cuts before this one are not kept on disk any more. Says whether there may be any that are still there. */
  forgetCuts(before: number): boolean {
    this.#keptFrom = before;
    const old = [...this.#stored.keys()].filter((number) => number < before);
    for (const number of old) this.#stored.delete(number);
    return old.length > 0;
  }

  /** Somebody showed a cut. @throws WeftError `bad_root` unless it is the committed one. */
  learnCut(number: number, entries: readonly CutEntry[]): Effect[] {
    this.#consensus.learnCut(number, entries);
    this.#settle();
    return this.keepCuts();
  }

  /** Numbers of late checkpoints, and of the anchor, whose cut nobody has shown us yet, the latest first. */
  unknownCuts(): number[] {
    const anchor = this.#consensus.anchor(this.#final).checkpoint.number;
    return [...new Set([...this.#late().reverse(), anchor])].filter(
      (number) => number > 0 && !this.#consensus.committed(number)?.cut,
    );
  }

  #late(): number[] {
    return this.#consensus.standing.slice(-KEPT_CUTS).filter((number) => number > 0);
  }

  /** Seconds of block time without those that were paused, as deadlines count them. */
  active(time = this.time): number {
    return this.#clock.active(time);
  }

  /** When the chain took a checkpoint, in seconds of block time. */
  committedAt(number: number): number | undefined {
    return this.#committedAt[number];
  }

  /** When the window of a checkpoint is over, in active seconds. */
  finalAt(number: number): number | undefined {
    const at = this.#committedAt[number];
    return at === undefined ? undefined : this.active(at) + this.#challengeWindow;
  }

  /** Number of the latest checkpoint that is final, by the latest block that was read. Only a reorganisation takes that back. */
  get final(): number {
    return this.#consensus.standing[this.#final];
  }

  /** The latest final checkpoint whose cut everybody keeps, or the one before it that we have: nothing earlier need be held. */
  get anchor(): Anchor | undefined {
    const { checkpoint, hash, cut } = this.#consensus.shownAnchor(this.#final) ?? {};
    return checkpoint && hash && cut && { number: checkpoint.number, hash, cut };
  }

  /** As the ledger says it: it stands, its window is over, and nobody disputes it or one before it. */
  #advanceFinal(): void {
    const { standing } = this.#consensus;
    const now = this.active();
    for (let i = this.#final + 1; i < standing.length; i++) {
      const at = this.finalAt(standing[i]);
      if (this.#disputes.has(standing[i]) || at === undefined || at > now) return;
      this.#final = i;
    }
  }

  /** The operators that we talk to, with the keys that they prove. */
  reachable(): Reachable[] {
    const { registry } = this.#replica;
    return registry.operators
      .filter(({ operator }) => !registry.isEnded(operator))
      .map(({ operator, signer }) => ({
        operator,
        signer: registry.votingKey(operator) ?? signer,
        endpoint: this.#endpoints.get(toHex(operator)) ?? "",
      }));
  }

  /** Does the registry have us, with the key that counts now, and still in? */
  isRegistered(signer: Bytes): boolean {
    const { registry, self } = this.#replica;
    const key = registry.votingKey(self);
    return key !== undefined && equal(key, signer) && !registry.isEnded(self);
  }
}

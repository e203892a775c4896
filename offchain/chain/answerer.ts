import { encodeFunctionData } from "viem";
import type { Opening, Unavailable } from "../core/availability.ts";
import type { Bytes } from "../core/bytes.ts";
import type { ChainEvent, Hex } from "../core/chain.ts";
import { availabilityCourtAbi as abi } from "./abi.ts";
import { activeTime } from "./active-time.ts";
import { safeNumber } from "./convert.ts";
import { collectCredit } from "./credit.ts";
import type { ChainUpdate } from "./follower.ts";
import { answerData } from "./openings.ts";
import { type Persistence, persist } from "./persist.ts";
import { readContract } from "./read-contract.ts";
import type { Sender } from "./sender.ts";

export type Challenge = Extract<ChainEvent, { kind: "challenged" }>;

/** What a worker can say to challenges. */
export type ChallengePort = {
  /** What stands in the place that is named, or why that is not known here. */
  open(challenge: Challenge): Promise<Opening | Unavailable>;
  /** Whether this worker's stake is at risk. */
  attested(number: number, hash: Bytes): boolean;
};

/** What this worker did about a challenge. `unanswered`: it concluded that nobody answers. */
export type ChallengeOutcome = {
  type: "answered" | "unanswered" | "released";
  challenge: Challenge;
  txHash: Hex;
  gas: bigint;
};

export type AnswererOptions = Persistence & {
  sender: Sender;
  registry: Hex;
  court: Hex;
  port: ChallengePort;
  onOutcome(outcome: ChallengeOutcome): void;
  /** Nobody answered, and the checkpoint was condemned for it: also for those of before this process began. */
  onSilence(challenge: Challenge): void;
};

export const concludeCall = (id: Hex): Hex => encodeFunctionData({ abi, functionName: "conclude", args: [id] });
const releaseCall = (id: Hex): Hex => encodeFunctionData({ abi, functionName: "release", args: [id] });

/** State of the court's challenges. */
const STATE = { none: 0, open: 1, answered: 2, closed: 3 } as const;
/** Whoever attested answers within so many polls; the others, who pay as much, only if it does not. */
const SPREAD_POLLS = 60;
/** Of the time that is left, this part at most goes by before a worker answers. */
const SPREAD_SHARE = 1 / 4;
const LONGEST_WAIT_MS = 60_000;

/**
 * Answers challenges unattended, and ends those whose time is over. What is to be done follows from the chain's state alone,
 * so a restart or a reorganisation changes nothing. Nothing here ever throws.
 */
export class Answerer {
  readonly #o: AnswererOptions;
  /** Challenges that the chain has and that are not over, by id. */
  readonly #open = new Map<Hex, Challenge>();
  readonly #pursued = new Set<Hex>();
  /** Those that the court has closed, whatever was read of it. */
  readonly #closed = new Set<Hex>();
  /** Those that nobody answered. */
  #silences: Challenge[] = [];
  #hasCollected = false;
  #reorgs = 0;
  readonly #wakes = new Set<() => void>();

  constructor(options: AnswererOptions) {
    this.#o = options;
  }

  take({ type, events }: ChainUpdate): void {
    if (type === "reorg") {
      this.#reorgs += 1;
      this.#open.clear();
      this.#closed.clear();
      this.#silences = [];
    }
    for (const event of events) {
      if (event.kind === "challenged") this.#open.set(event.id, event);
      if (event.kind !== "unanswered" && event.kind !== "released") continue;
      const over = this.#open.get(event.id);
      if (over && event.kind === "unanswered" && event.condemned) this.#silences.push(over);
      this.#open.delete(event.id);
    }
    for (const wake of this.#wakes) wake();
    this.#wakes.clear();
  }

  /** Until the chain says something new. */
  #news(): Promise<void> {
    return new Promise((wake) => {
      this.#wakes.add(wake);
    });
  }

  /** Everything that there was has been read: what is still open is looked after. */
  synced(): void {
    if (!this.#hasCollected) void this.#collect();
    for (const silence of this.#silences.splice(0)) this.#o.onSilence(silence);
    for (const [id, challenge] of this.#open) {
      if (this.#pursued.has(id) || this.#closed.has(id)) continue;
      this.#pursued.add(id);
      const isOurs = this.#o.port.attested(challenge.number, challenge.hash);
      const code = isOurs ? "challenge_delayed" : "challenge_left";
      const delayed = { code, claim: `challenge ${id} of checkpoint ${challenge.number} waits` };
      void persist(this.#o, delayed, () => this.#pursue(challenge)).then(() => this.#pursued.delete(id));
    }
  }

  /** True when there is nothing to do any more, or why to try again. */
  async #pursue(challenge: Challenge): Promise<true | string> {
    const { rpc, pollMs, port } = this.#o;
    const { id } = challenge;
    while (this.#open.has(id) && !rpc.stopped) {
      // What the chain says while it is being looked at counts, and what it takes back does not.
      const [reorgs, news] = [this.#reorgs, this.#news()];
      const [{ state, deadline }, now] = [await this.#record(id), await this.#activeTime()];
      if (reorgs !== this.#reorgs) continue;
      const leftMs = (safeNumber(deadline) - now) * 1_000;
      if (state === STATE.none) return "the node does not know it yet";
      if (state === STATE.closed) {
        this.#closed.add(id);
        return true;
      }
      if (leftMs <= 0) {
        await rpc.pause(Math.random() * pollMs * SPREAD_POLLS * SPREAD_SHARE);
        const failed = await this.#end(challenge, state === STATE.open ? "conclude" : "release");
        if (failed !== undefined) return failed;
      } else if (state === STATE.answered) await Promise.race([rpc.pause(Math.min(leftMs, LONGEST_WAIT_MS)), news]);
      else {
        const spread = Math.min(leftMs * SPREAD_SHARE, pollMs * SPREAD_POLLS);
        const isOurs = port.attested(challenge.number, challenge.hash);
        await rpc.pause(spread * (isOurs ? Math.random() : 1 + Math.random()));
        const failed = await this.#answer(challenge);
        if (failed !== undefined) return failed;
      }
    }
    return true;
  }

  /** Undefined when it was answered, by whomever; else why not. */
  async #answer(challenge: Challenge): Promise<string | undefined> {
    const { sender, court, port, onOutcome } = this.#o;
    if ((await this.#record(challenge.id)).state !== STATE.open) return undefined;
    const opening = await port.open(challenge);
    if (opening.kind === "unavailable") return opening.reason;
    const sent = await sender.send({ to: court, data: answerData(challenge.id, opening) });
    if (sent.type === "mined") {
      onOutcome({ type: "answered", challenge, txHash: sent.txHash, gas: sent.gas });
      void this.#collect();
      return undefined;
    }
    return sent.type === "reverted" && sent.name === "AvailabilityCourtWrongState" ? undefined : sent.message;
  }

  async #end(challenge: Challenge, functionName: "conclude" | "release"): Promise<string | undefined> {
    const { sender, court, onOutcome } = this.#o;
    const { id } = challenge;
    const data = functionName === "conclude" ? concludeCall(id) : releaseCall(id);
    const sent = await sender.send({ to: court, data });
    if (sent.type === "mined") {
      const type = functionName === "conclude" ? "unanswered" : "released";
      onOutcome({ type, challenge, txHash: sent.txHash, gas: sent.gas });
      void this.#collect();
      return undefined;
    }
    return sent.type === "reverted" && sent.name === "AvailabilityCourtWrongState" ? undefined : sent.message;
  }

  /** Takes what the court owes this worker's account. */
  #collect(): Promise<void> {
    this.#hasCollected = true;
    return collectCredit(this.#o);
  }

  #record(id: Hex) {
    return readContract(this.#o.rpc, this.#o.court, abi, "challengeOf", [id]);
  }

  #activeTime(): Promise<number> {
    return activeTime(this.#o.rpc, this.#o.registry);
  }
}

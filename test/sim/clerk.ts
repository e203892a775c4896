import { type Bytes, toHex } from "../../offchain/core/bytes.ts";
import type { Checkpoint } from "../../offchain/core/checkpoint.ts";
import type { CommitResult } from "../../offchain/core/events.ts";
import type { Evidence } from "../../offchain/core/evidence.ts";
import type { SetMember } from "../../offchain/core/registry.ts";
import type { SimChain } from "./chain.ts";
import { running } from "./clock-contract.ts";
import { type Call, Revert } from "./contract-state.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";
import { dueChanges } from "./registry-contract.ts";

export type ClerkOptions = {
  chain: SimChain;
  node: number;
  process: Process;
  random: Random;
  /** Who pays, and earns bounties. */
  account: Bytes;
  pollMs: number;
  /** How long a transaction is waited for. */
  patienceMs: number;
  /** How often a commit is reported as failed whatever became of it. */
  misreport(): number;
};

/** What a worker does on the chain: commits, convictions, epochs. As the sender and the watcher of offchain/chain do it. */
export class Clerk {
  readonly #o: ClerkOptions;
  readonly #cases = new Map<string, { evidence: Evidence; tx?: number; until: number }>();
  #epoch?: { tx: number; until: number };

  constructor(options: ClerkOptions) {
    this.#o = options;
  }

  start(): void {
    const { process, pollMs, random } = this.#o;
    const again = () => {
      process.after(pollMs * (0.8 + 0.4 * random.float()), again, "clerk");
      for (const one of this.#cases.values()) this.#pursue(one);
      this.#keepEpochs();
    };
    process.after(pollMs * random.float(), again, "clerk");
  }

  /** `tell` is called once, later. */
  commit(
    args: { checkpoint: Checkpoint; set: readonly SetMember[]; signatures: readonly Bytes[] },
    tell: (outcome: CommitResult) => void,
  ) {
    const { chain, node, account, process, random, patienceMs, misreport } = this.#o;
    const call: Call = { type: "commit", ...args };
    const later = (outcome: CommitResult) => process.after(random.float() * 200, () => tell(outcome), "outcome");
    const refused = chain.simulate(node, account, call);
    if (refused) {
      later(outcomeOf(refused, args.checkpoint));
      return;
    }
    const tx = chain.submit(account, call);
    if (random.chance(misreport())) {
      later({ type: "failed", reason: "the provider did not answer" });
      return;
    }
    this.#wait(tx, patienceMs, (found) => {
      if (!found) later({ type: "failed", reason: "not mined in time" });
      else later(found.revert ? outcomeOf(found.revert, args.checkpoint) : { type: "committed" });
    });
  }

  #wait(tx: number, leftMs: number, done: (receipt: ReturnType<SimChain["receipt"]>) => void): void {
    const { chain, node, process, pollMs } = this.#o;
    const look = () => {
      const receipt = chain.receipt(node, tx);
      if (receipt || leftMs <= 0) done(receipt);
      else this.#wait(tx, leftMs - pollMs, done);
    };
    process.after(pollMs, look, "receipt");
  }

  /** Brings evidence to court and settles, and again when a reorganisation takes either back. One case per operator. */
  accuse(evidence: Evidence): void {
    const name = toHex(evidence.a.header.operator);
    if (!this.#cases.has(name)) this.#cases.set(name, { evidence, until: 0 });
  }

  #pursue(one: { evidence: Evidence; tx?: number; until: number }): void {
    const { chain, node, account, process, patienceMs } = this.#o;
    if (one.tx !== undefined && !chain.receipt(node, one.tx) && process.now < one.until) return;
    const { state } = chain.headFor(node);
    const { operator } = one.evidence.a.header;
    const record = state.operators.get(toHex(operator));
    if (!record || record.status === "withdrawn") return;
    const isConvicted = record.status === "convicted";
    if (isConvicted && record.stake === 0n) return;
    const call: Call = isConvicted
      ? { type: "settle", operator }
      : { type: "convict", evidence: one.evidence, set: state.set };
    if (chain.simulate(node, account, call)) return;
    one.tx = chain.submit(account, call);
    one.until = process.now + patienceMs;
  }

  #keepEpochs(): void {
    const { chain, node, account, process, random, patienceMs } = this.#o;
    if (this.#epoch && !chain.receipt(node, this.#epoch.tx) && process.now < this.#epoch.until) return;
    const { state, timestamp: time } = chain.headFor(node);
    try {
      running({ state, time });
      dueChanges({ deployment: chain.deployment, state, time });
    } catch (error) {
      if (error instanceof Revert) return;
      throw error;
    }
    // All see it at once; some leave it to the others.
    if (random.chance(0.5)) return;
    const tx = chain.submit(account, { type: "activate", set: state.set });
    this.#epoch = { tx, until: process.now + patienceMs };
  }
}

/** As commitCheckpoint of offchain/chain says it. */
function outcomeOf(revert: Revert, checkpoint: Checkpoint): CommitResult {
  if (revert.name === "ActiveClockPaused") return { type: "paused" };
  const wentOn = revert.name === "CheckpointLedgerWrongNumber" && Number(revert.args[0]) > checkpoint.number;
  if (wentOn || revert.name === "CheckpointLedgerWrongParent") return { type: "lost" };
  return { type: "failed", reason: revert.name };
}

import { encodeFunctionData } from "viem";
import { type Bytes, toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import type { Evidence } from "../core/evidence.ts";
import { equivocationCourtAbi } from "./abi.ts";
import { convictArgs } from "./convert.ts";
import { operatorRecord, STATUS } from "./operator-record.ts";
import { type Persistence, persist } from "./persist.ts";
import type { Sender } from "./sender.ts";

export type ConvictOutcome =
  | { type: "convicted"; operator: Bytes; txHash: Hex; gas: bigint }
  /** Convicted before, or by somebody else. */
  | { type: "already"; operator: Bytes }
  /** The court will never take it. */
  | { type: "refused"; operator: Bytes; reason: string }
  | { type: "stopped"; operator: Bytes };

export type WatcherOptions = Persistence & {
  sender: Sender;
  registry: Hex;
  court: Hex;
  /** Words of the operator set as the follower knows it now. */
  set(): readonly bigint[];
  onOutcome(outcome: ConvictOutcome): void;
};

/**
 * Reverts that another try, with what the chain says by then, may not meet. "Not slashable" is one of them: it is what a
 * conviction says that only waits to be mined, and perhaps never is.
 */
const PASSING = new Set([
  "OperatorRegistrySetMismatch",
  "OperatorRegistryWrongStatus",
  "EquivocationCourtNotSlashable",
  "ActiveClockPaused",
  "",
]);

type Case = { evidence: Evidence; outcome: Promise<ConvictOutcome>; open: boolean; again: boolean };

/** Brings evidence to court, and again when a reorganisation takes the verdict back. Nothing here ever throws. */
export class Watcher {
  readonly #o: WatcherOptions;
  readonly #cases = new Map<string, Case>();

  constructor(options: WatcherOptions) {
    this.#o = options;
  }

  /** One case per operator, whatever comes against it. */
  convict(evidence: Evidence): Promise<ConvictOutcome> {
    const name = toHex(evidence.a.header.operator);
    const known = this.#cases.get(name);
    if (known) return known.outcome;
    const entry: Case = { evidence, outcome: this.#pursue(evidence), open: true, again: false };
    this.#cases.set(name, entry);
    void entry.outcome.then((outcome) => {
      entry.open = false;
      // Evidence that the court refuses must not stand in the way of better evidence.
      if (outcome.type === "refused" || entry.again) this.#cases.delete(name);
      if (entry.again) void this.convict(evidence);
      if (outcome.type !== "stopped") this.#o.onOutcome(outcome);
    });
    return entry.outcome;
  }

  /** The chain took something back: every verdict is looked at again. */
  reopen(): void {
    for (const [name, entry] of this.#cases) {
      // What is being decided now may rest on the fork that is gone.
      entry.again = entry.open;
      if (entry.open) continue;
      this.#cases.delete(name);
      void this.convict(entry.evidence);
    }
  }

  async #pursue(evidence: Evidence): Promise<ConvictOutcome> {
    const { operator } = evidence.a.header;
    // Many workers hold the same evidence; the first to wake spares the others a transaction.
    await this.#o.rpc.pause(Math.random() * this.#o.pollMs);
    const delayed = { code: "conviction_delayed", claim: `${toHex(operator)} is not convicted yet` };
    return (await persist(this.#o, delayed, () => this.#try(evidence))) ?? { type: "stopped", operator };
  }

  async #status(operator: Bytes): Promise<number> {
    return (await operatorRecord(this.#o.rpc, this.#o.registry, operator)).status;
  }

  /** An outcome, or why to try again. */
  async #try(evidence: Evidence): Promise<ConvictOutcome | string> {
    const { sender, court } = this.#o;
    const { operator } = evidence.a.header;
    const status = await this.#status(operator);
    if (status === STATUS.convicted) return { type: "already", operator };
    if (status === STATUS.none || status === STATUS.withdrawn)
      return { type: "refused", operator, reason: "the operator has no stake" };
    const args = convictArgs(evidence, this.#o.set());
    const sent = await sender.send({
      to: court,
      data: encodeFunctionData({ abi: equivocationCourtAbi, functionName: "convict", args }),
    });
    if (sent.type === "mined") return { type: "convicted", operator, txHash: sent.txHash, gas: sent.gas };
    if (sent.type !== "reverted" || PASSING.has(sent.name)) return sent.message;
    // The court no longer takes any evidence against somebody whom it has just convicted.
    if ((await this.#status(operator)) === STATUS.convicted) return { type: "already", operator };
    return { type: "refused", operator, reason: sent.message };
  }
}

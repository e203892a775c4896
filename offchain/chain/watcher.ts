import { encodeFunctionData } from "viem";
import { toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import type { Evidence } from "../core/evidence.ts";
import { equivocationCourtAbi } from "./abi.ts";
import { convictArgs } from "./convert.ts";
import { type ConvictOutcome, convict, delayed } from "./conviction.ts";
import { Docket } from "./docket.ts";
import { type Persistence, persist } from "./persist.ts";
import type { Sender } from "./sender.ts";

export type WatcherOptions = Persistence & {
  sender: Sender;
  registry: Hex;
  court: Hex;
  /** Words of the operator set as the follower knows it now. */
  set(): readonly bigint[];
  onOutcome(outcome: ConvictOutcome): void;
};

/** Brings evidence to court, and again when a reorganisation takes the verdict back. Nothing here ever throws. */
export class Watcher {
  readonly #o: WatcherOptions;
  readonly #docket: Docket<Evidence, ConvictOutcome>;

  constructor(options: WatcherOptions) {
    this.#o = options;
    this.#docket = new Docket({
      pursue: (evidence) => this.#pursue(evidence),
      // Evidence that the court refuses must not stand in the way of better evidence.
      isSettled: ({ type }) => type !== "refused",
      onOutcome: (outcome) => outcome.type !== "stopped" && options.onOutcome(outcome),
    });
  }

  /** One case per operator, whatever comes against it. */
  convict(evidence: Evidence): Promise<ConvictOutcome> {
    return this.#docket.bring(toHex(evidence.a.header.operator), evidence);
  }

  /** The chain took something back: every verdict is looked at again. */
  reopen(): void {
    this.#docket.reopen();
  }

  async #pursue(evidence: Evidence): Promise<ConvictOutcome> {
    const { rpc, pollMs, court, set } = this.#o;
    const { operator } = evidence.a.header;
    // Many workers hold the same evidence; the first to wake spares the others a transaction.
    await rpc.pause(Math.random() * pollMs);
    const outcome = await persist(this.#o, delayed(operator), () => {
      const args = convictArgs(evidence, set());
      const data = encodeFunctionData({ abi: equivocationCourtAbi, functionName: "convict", args });
      return convict(this.#o, operator, { to: court, data });
    });
    return outcome ?? { type: "stopped", operator };
  }
}

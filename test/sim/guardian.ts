import type { SimChain } from "./chain.ts";
import type { Call, LedgerRecord } from "./contract-state.ts";
import { latestFinal } from "./fate-contract.ts";

/** Who has the roles of guardian and court: does with time and checkpoints what a plan says. */
export class Guardian {
  readonly #chain: SimChain;

  constructor(chain: SimChain) {
    this.#chain = chain;
  }

  #send(call: Call): void {
    const { guard } = this.#chain.deployment;
    if (guard) this.#chain.submit(guard.account, call);
  }

  /** For so long, if that is not too long. */
  pause(ms = Number.POSITIVE_INFINITY): void {
    const longest = this.#chain.deployment.guard?.longestPauseSeconds ?? 0;
    this.#send({ type: "pause", duration: Math.min(longest, Math.max(1, Math.ceil(ms / 1000))) });
  }

  resume(): void {
    this.#send({ type: "resume" });
  }

  /** Has the one fall that is `back` before the latest, if that is not final yet. */
  invalidate(back: number): void {
    const found = this.#open(back);
    if (found) this.#send({ type: "invalidate", number: found.checkpoint.number, hash: found.hash });
  }

  /** Opens a dispute about such a checkpoint. @returns what closes it */
  dispute(back: number, falls: boolean): () => void {
    const found = this.#open(back);
    if (!found) return () => {};
    const about = { number: found.checkpoint.number, hash: found.hash };
    this.#send({ type: "dispute", ...about });
    return () => this.#send({ type: falls ? "invalidate" : "dismiss", ...about });
  }

  /** Of those that stand and are not final, the one `back` before the latest, or else the earliest. */
  #open(back: number): LedgerRecord | undefined {
    const { state, timestamp: time } = this.#chain.head;
    const final = latestFinal({ state, time });
    const open = state.checkpoints.filter(({ checkpoint, fallen }) => !fallen && checkpoint.number > final);
    return open.at(-1 - back) ?? open[0];
  }

  /** Ends what still goes on, by what the chain says now: transactions are late, and a reorganisation takes some back. */
  rest(): void {
    const { state, timestamp: time } = this.#chain.head;
    if (time < (state.pauses.at(-1)?.until ?? 0)) this.resume();
    for (const { checkpoint, hash, disputes, fallen } of state.checkpoints)
      if (disputes > 0 && !fallen) this.#send({ type: "dismiss", number: checkpoint.number, hash });
  }
}

import { encodeFunctionData } from "viem";
import { type Bytes, toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import { operatorRegistryAbi } from "./abi.ts";
import { operatorRecord, STATUS } from "./operator-record.ts";
import { type Persistence, persist } from "./persist.ts";
import type { Sender } from "./sender.ts";

export type SettlerOptions = Persistence & { sender: Sender; registry: Hex };

/** Whoever brought the verdict is paid by the settlement; the others only see to it when that one does not come. */
const OTHERS_WAIT_POLLS = 20;

/**
 * Has the stake of convicted operators burnt and the bounty paid: a conviction alone only locks it, so that a verdict stays
 * cheap. Nothing here ever throws.
 */
export class Settler {
  readonly #o: SettlerOptions;
  readonly #open = new Set<string>();

  constructor(options: SettlerOptions) {
    this.#o = options;
  }

  /** Resolves when the operator's stake is gone, the verdict is, or the worker stops. */
  async settle(operator: Bytes, isReporter: boolean): Promise<void> {
    const name = toHex(operator);
    if (this.#open.has(name)) return;
    this.#open.add(name);
    const { rpc, pollMs } = this.#o;
    if (!isReporter) await rpc.pause(pollMs * OTHERS_WAIT_POLLS * (1 + Math.random()));
    const delayed = { code: "settlement_delayed", claim: `the stake of ${name} is not burnt yet` };
    await persist(this.#o, delayed, () => this.#try(operator));
    this.#open.delete(name);
  }

  /** Nothing when there is nothing to do any more, or why to try again. */
  async #try(operator: Bytes): Promise<string | undefined> {
    const { rpc, sender, registry } = this.#o;
    const { status, stake } = await operatorRecord(rpc, registry, operator);
    // A verdict that a reorganisation took back is brought anew, and then this is too.
    if (status !== STATUS.convicted || stake === 0n) return undefined;
    const args = [toHex(operator)] as const;
    const sent = await sender.send({
      to: registry,
      data: encodeFunctionData({ abi: operatorRegistryAbi, functionName: "settle", args }),
    });
    const isOver = sent.type === "mined" || (sent.type === "reverted" && sent.name === "OperatorRegistrySettled");
    return isOver ? undefined : sent.message;
  }
}

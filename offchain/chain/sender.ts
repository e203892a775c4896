import { type Abi, decodeErrorResult, keccak256 } from "viem";
import { type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import type { Hex } from "../core/chain.ts";
import {
  availabilityCourtAbi,
  checkpointLedgerAbi,
  equivocationCourtAbi,
  foldCourtAbi,
  inferenceCourtAbi,
  modelRegistryAbi,
  operatorRegistryAbi,
  stakeTokenAbi,
} from "./abi.ts";
import { type RpcBlock, safeNumber } from "./convert.ts";
import { isBusy, type Rpc, RpcRefusal } from "./rpc.ts";

export type Call = { to: Hex; data: Hex };

export type SendOutcome =
  | { type: "mined"; txHash: Hex; gas: bigint; block: number }
  /** The contract said no, with this error. */
  | { type: "reverted"; name: string; args: readonly unknown[]; message: string }
  /** The node said no: no funds, a method that it does not have. */
  | { type: "refused"; message: string }
  /** Whether it was mined is not known when there is a hash. */
  | { type: "unreachable"; message: string; txHash?: Hex };

type Receipt = { status: Hex; gasUsed: Hex; blockNumber: Hex };
type Fees = { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint };

const ERRORS = [
  ...operatorRegistryAbi,
  ...checkpointLedgerAbi,
  ...equivocationCourtAbi,
  ...foldCourtAbi,
  ...availabilityCourtAbi,
  ...inferenceCourtAbi,
  ...modelRegistryAbi,
  ...stakeTokenAbi,
].filter((item) => item.type === "error") as Abi;

const DEFAULT_TIP = 1_000_000_000n;
const SEND_ATTEMPTS = 5;
const RECEIPT_POLL_MS = 250;
/** So long, poll after poll, not even the one before it is mined: a node that lags would have caught up. */
const TAKEN_BACK_POLLS = 20;

/** What a contract reverted with, undefined for anything but a revert. */
function revertOf(error: unknown): Extract<SendOutcome, { type: "reverted" }> | undefined {
  if (!(error instanceof RpcRefusal)) return undefined;
  const nested = error.data as { data?: unknown } | null | undefined;
  const data = typeof error.data === "string" ? error.data : nested?.data;
  if (typeof data === "string" && /^0x[0-9a-f]{8}/i.test(data))
    try {
      const { errorName, args = [] } = decodeErrorResult({ abi: ERRORS, data: data as Hex });
      return { type: "reverted", name: errorName, args, message: `${errorName}(${args.join(", ")})` };
    } catch {
      return { type: "reverted", name: data.slice(0, 10), args: [], message: error.message };
    }
  if (error.code === 3 || /revert/i.test(error.message))
    return { type: "reverted", name: "", args: [], message: error.message };
  return undefined;
}

/**
 * Sends one transaction at a time from its account, each until it is mined or given up, so nonces never race in this
 * process. A transaction that got stuck is replaced by the next, with a higher fee. Nothing here ever throws.
 */
export class Sender {
  readonly #rpc: Rpc;
  readonly #account: PrivateKeyAccount;
  readonly #chainId: number;
  readonly #receiptTimeoutMs: number;
  #queue: Promise<unknown> = Promise.resolve();
  #stuck: { nonce: number; fees: Fees } | undefined;

  constructor(rpc: Rpc, key: Hex, chainId: number, receiptTimeoutMs = 60_000) {
    this.#rpc = rpc;
    this.#account = privateKeyToAccount(key);
    this.#chainId = chainId;
    this.#receiptTimeoutMs = receiptTimeoutMs;
  }

  get address(): Hex {
    return this.#account.address;
  }

  /** What would happen in the next block, without sending: undefined when the call would go through. */
  async simulate(call: Call): Promise<Exclude<SendOutcome, { type: "mined" }> | undefined> {
    try {
      await this.#rpc.request("eth_call", [{ from: this.address, ...call }, "pending"]);
      return undefined;
    } catch (error) {
      return this.#outcomeOf(error);
    }
  }

  send(call: Call): Promise<SendOutcome> {
    const sent = this.#queue.then(() => this.#send(call)).catch((error: unknown) => this.#outcomeOf(error));
    this.#queue = sent;
    return sent;
  }

  #outcomeOf(error: unknown): Exclude<SendOutcome, { type: "mined" }> {
    const message = error instanceof Error ? error.message : String(error);
    return revertOf(error) ?? { type: isBusy(error) ? "unreachable" : "refused", message };
  }

  async #fees(): Promise<Fees> {
    const block = await this.#rpc.request<RpcBlock>("eth_getBlockByNumber", ["latest", false]);
    const tip = await this.#rpc.request<Hex>("eth_maxPriorityFeePerGas").then(BigInt, () => DEFAULT_TIP);
    return { maxFeePerGas: BigInt(block.baseFeePerGas ?? 0) * 2n + tip, maxPriorityFeePerGas: tip };
  }

  async #send(call: Call): Promise<SendOutcome> {
    const from = this.address;
    const refusal = await this.simulate(call);
    if (refusal) return refusal;
    // With room for what changes between now and then: another operator set, a cold storage slot.
    const gas = (BigInt(await this.#rpc.request<Hex>("eth_estimateGas", [{ from, ...call }])) * 5n) / 4n;
    const { hash, nonce } = await this.#broadcast(call, gas);
    return this.#receipt(call, hash, nonce);
  }

  async #broadcast(call: Call, gas: bigint): Promise<{ hash: Hex; nonce: number }> {
    let fees = await this.#fees();
    for (let attempt = 1; ; attempt++) {
      const count = await this.#rpc.request<Hex>("eth_getTransactionCount", [this.address, "latest"]);
      const nonce = safeNumber(count);
      if (this.#stuck?.nonce === nonce) fees = higher(fees, this.#stuck.fees);
      const transaction = { type: "eip1559", chainId: this.#chainId, nonce, gas, ...fees, ...call } as const;
      const signed = await this.#account.signTransaction(transaction);
      const sent = { hash: keccak256(signed), nonce };
      this.#stuck = { nonce, fees };
      try {
        await this.#transmit(signed);
        return sent;
      } catch (error) {
        const again =
          error instanceof RpcRefusal && /underpriced|nonce.*too low|nonce has already/i.test(error.message);
        if (!again || attempt >= SEND_ATTEMPTS) throw error;
        await this.#rpc.pause(RECEIPT_POLL_MS);
      }
    }
  }

  /** Without an answer it may have arrived all the same: the very same bytes again do no harm. */
  async #transmit(signed: Hex): Promise<void> {
    for (let attempt = 1; ; attempt++)
      try {
        await this.#rpc.request("eth_sendRawTransaction", [signed]);
        return;
      } catch (error) {
        const message = error instanceof Error ? error.message : "";
        if (/already known|already imported|known transaction/i.test(message)) return;
        if (attempt > 1 && error instanceof RpcRefusal && /nonce/i.test(message)) return;
        if (!isBusy(error) || this.#rpc.stopped) throw error;
        // The receipt will tell.
        if (attempt >= SEND_ATTEMPTS) return;
        await this.#rpc.pause(RECEIPT_POLL_MS);
      }
  }

  async #receipt(call: Call, txHash: Hex, nonce: number): Promise<SendOutcome> {
    const until = Date.now() + this.#receiptTimeoutMs;
    let replaced = false;
    let behind = 0;
    while (!this.#rpc.stopped) {
      try {
        const receipt = await this.#rpc.request<Receipt | null>("eth_getTransactionReceipt", [txHash]);
        if (receipt) return await this.#mined(call, txHash, receipt);
        if (replaced) return { type: "unreachable", message: "another transaction took the place of this one" };
        const mined = safeNumber(await this.#rpc.request<Hex>("eth_getTransactionCount", [this.address, "latest"]));
        replaced = mined > nonce;
        behind = mined < nonce ? behind + 1 : 0;
        // It went with the one before it, and whoever waits for it keeps all later ones waiting.
        if (behind >= TAKEN_BACK_POLLS)
          return { type: "unreachable", message: "a reorganisation took back the transaction before this one", txHash };
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
      if (Date.now() > until) break;
      await this.#rpc.pause(RECEIPT_POLL_MS);
    }
    return { type: "unreachable", message: "the transaction was not mined in time", txHash };
  }

  async #mined(call: Call, txHash: Hex, receipt: Receipt): Promise<SendOutcome> {
    this.#stuck = undefined;
    const gas = BigInt(receipt.gasUsed);
    if (BigInt(receipt.status) === 1n) return { type: "mined", txHash, gas, block: safeNumber(receipt.blockNumber) };
    // A receipt does not say why; the state that refused it mostly still does.
    const why = await this.simulate(call);
    return why ?? { type: "reverted", name: "", args: [], message: `transaction ${txHash} reverted` };
  }
}

/** How far above the present fees a replacement goes at most: a chain that stands still is not bought. */
const MOST_TIMES = 10n;

/** At least a quarter above `before`: nodes take a replacement from 10 % on. */
function higher(now: Fees, before: Fees): Fees {
  const raised = (present: bigint, earlier: bigint) => {
    const wanted = (earlier * 5n) / 4n + 1n;
    const most = present * MOST_TIMES;
    return wanted > most ? most : wanted > present ? wanted : present;
  };
  return {
    maxFeePerGas: raised(now.maxFeePerGas, before.maxFeePerGas),
    maxPriorityFeePerGas: raised(now.maxPriorityFeePerGas, before.maxPriorityFeePerGas),
  };
}

import { type Bytes, equal, toHex } from "../../offchain/core/bytes.ts";
import type { Signer } from "../../offchain/core/ports.ts";
import type { Block, SimChain } from "./chain.ts";
import type { Call } from "./contract-state.ts";
import { consentDigest } from "./registry-contract.ts";

export type OwnerOptions = {
  name: string;
  account: Bytes;
  endpoint: string;
  stake: bigint;
  /** The `index`th hot key of this operator. */
  key(index: number): Signer;
};

/** Somebody with stake who sees to it that the registry says what is wanted, until it does. */
export class Owner {
  readonly name: string;
  readonly account: Bytes;
  readonly endpoint: string;
  readonly stake: bigint;
  readonly #key: (index: number) => Signer;
  #keys: Signer[];
  #wants: "nothing" | "in" | "out" = "nothing";
  /** Where its worker is, when that is not where it joined. Said again and again: the registry does not tell us. */
  #at?: string;
  #triedAt = Number.NEGATIVE_INFINITY;

  constructor({ name, account, endpoint, stake, key }: OwnerOptions) {
    this.name = name;
    this.account = account;
    this.endpoint = endpoint;
    this.stake = stake;
    this.#key = key;
    this.#keys = [key(0)];
  }

  /** The key that is to sign from now on. */
  get signer(): Signer {
    return this.#keys[this.#keys.length - 1];
  }

  join(): void {
    if (this.#wants === "nothing") this.#wants = "in";
  }

  /** Has everybody look for its worker there. */
  move(endpoint: string): void {
    this.#at = endpoint;
    this.#triedAt = Number.NEGATIVE_INFINITY;
  }

  leave(): void {
    this.#wants = "out";
  }

  /** Wants another key, unless the last one is not listed yet. */
  rotate({ head }: SimChain): void {
    const listed = head.state.operators.get(toHex(this.account))?.listed;
    if (listed && equal(listed, this.signer.address)) this.#keys.push(this.#key(this.#keys.length));
  }

  /** The call that joins, for the first block of a chain. */
  joining({ deployment }: Pick<SimChain, "deployment">): Call {
    const { endpoint, stake, signer } = this;
    const consent = signer.sign(consentDigest(deployment, this.account, signer.address));
    return { type: "join", signer: signer.address, endpoint, stake, consent };
  }

  /** Sends what is still to be sent. @param now milliseconds */
  see(chain: SimChain, now: number): void {
    if (now - this.#triedAt < RETRY_MS) return;
    const call = this.#due(chain);
    if (!call) return;
    this.#triedAt = now;
    chain.submit(this.account, call);
  }

  #due(chain: SimChain): Call | undefined {
    const record = chain.head.state.operators.get(toHex(this.account));
    if (this.#wants === "in" && !record) return this.joining(chain);
    if (this.#wants === "out" && record?.status === "active") return { type: "exit" };
    const { signer } = this;
    if (record?.status !== "active") return undefined;
    if (equal(record.signer, signer.address))
      return this.#at === undefined ? undefined : { type: "endpoint", endpoint: this.#at };
    const consent = signer.sign(consentDigest(chain.deployment, this.account, signer.address));
    return { type: "rotate", signer: signer.address, consent };
  }

  /** The key that the registry has listed for so long that no reorganisation changes it, if that is one of ours. */
  listed(chain: SimChain, isCalm: boolean): Signer | undefined {
    const listed = buried(chain.head, isCalm ? CALMLY_BURIED : BURIED).state.operators.get(toHex(this.account))?.listed;
    return listed && this.#keys.find(({ address }) => equal(address, listed));
  }
}

const RETRY_MS = 10_000;
/** Blocks: deeper than any reorganisation goes, and enough where none comes. */
const BURIED = 24;
const CALMLY_BURIED = 2;

function buried(head: Block, depth: number): Block {
  let block = head;
  for (let i = 0; i < depth && block.parent; i++) block = block.parent;
  return block;
}

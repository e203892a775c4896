import { isAddressEqual } from "viem";
import { toHex } from "../core/bytes.ts";
import type { Hex } from "../core/chain.ts";
import { availabilityCourtAbi as abi } from "./abi.ts";
import { safeNumber } from "./convert.ts";
import type { ChainUpdate } from "./follower.ts";
import { readContract } from "./read-contract.ts";
import type { Rpc } from "./rpc.ts";

export type ChallengePurseOptions = { rpc: Rpc; court: Hex; account: Hex };

/**
 * What challenges have cost an account, by checkpoint. The chain says it, so that a worker which begins again, even without its
 * data, pays no more than one that goes on: only a payment that was sent before and not mined yet is not known.
 */
export class ChallengePurse {
  readonly #o: ChallengePurseOptions;
  /** The challenges of a checkpoint, whoever asks. */
  readonly #ids = new Map<Hex, Set<Hex>>();
  /** What those that were looked at cost this account: nothing where another asks. */
  readonly #bonds = new Map<Hex, bigint>();
  /** Up to which block everything was read, and up to which it has to be: what was there when this was first asked. */
  #read = -1;
  #needed: number | undefined;

  constructor(options: ChallengePurseOptions) {
    this.#o = options;
  }

  take({ type, events }: ChainUpdate): void {
    if (type === "reorg") {
      this.#ids.clear();
      this.#bonds.clear();
      this.#read = -1;
      this.#needed = undefined;
    }
    for (const event of events) if (event.kind === "challenged") this.#add(toHex(event.hash), event.id);
  }

  /** Everything up to this block has been read. */
  synced(block: number): void {
    this.#read = block;
  }

  /** This account paid just now: known before it is read. */
  pay(hash: Hex, id: Hex, bond: bigint): void {
    this.#add(hash, id);
    this.#bonds.set(id, bond);
  }

  /** In the stake token's smallest unit, or why that is not known yet. */
  async paid(hash: Hex): Promise<bigint | string> {
    this.#needed ??= safeNumber(await this.#o.rpc.request<Hex>("eth_blockNumber"));
    if (this.#read < this.#needed) return "what was paid before is not read yet";
    let sum = 0n;
    for (const id of this.#ids.get(hash) ?? []) {
      const bond = this.#bonds.get(id) ?? (await this.#bondOf(id));
      if (bond === undefined) return `the node does not know challenge ${id} yet`;
      this.#bonds.set(id, bond);
      sum += bond;
    }
    return sum;
  }

  #add(hash: Hex, id: Hex): void {
    this.#ids.set(hash, (this.#ids.get(hash) ?? new Set()).add(id));
  }

  async #bondOf(id: Hex): Promise<bigint | undefined> {
    const { rpc, court, account } = this.#o;
    const { state, challenger, bond } = await readContract(rpc, court, abi, "challengeOf", [id]);
    if (state === 0) return undefined;
    return isAddressEqual(challenger, account) ? bond : 0n;
  }
}
